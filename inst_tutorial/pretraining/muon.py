"""Muon: momentum whose matrices are made orthogonal before the step.

Sources: Jordan et al., "Muon", 2024; scaled to the size of AdamW's updates as in Liu et al., "Muon
is Scalable for LLM Training", 2025, section 2.2. `torch.optim.Muon` takes flat matrices one by
one. Here a convolution's kernel is a matrix too, and matrices of one shape are one batch, which a
GPU does in a fraction of the time. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

ITERATIONS = 5  # of Newton and Schulz
EPSILON = 1e-7


class Muon(Optimizer):
    """Updates parameters of two dimensions or more, seen as matrices (first, all others).

    Nothing waits for the device, and the momentum of a parameter is `state[parameter]["momentum"]`
    from the beginning, so a step can be captured as a CUDA graph.

    Attributes:
        dtype: of the matrix products in `orthogonal`. Momentum and weights stay as they are.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float | Tensor,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shapes: dict[tuple[int, int], list[nn.Parameter]] = {}
        for parameter in parameters:
            if parameter.ndim < 2:
                raise ValueError(f"Muon updates matrices, not a parameter of {parameter.shape}")
            shapes.setdefault((len(parameter), parameter[0].numel()), []).append(parameter)
        groups = [{"params": batch} for batch in shapes.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum})
        self.dtype = dtype
        self._momenta: list[Tensor] = []
        for shape, batch in shapes.items():
            momenta = torch.zeros(len(batch), *shape, device=batch[0].device)
            self._momenta.append(momenta)
            for parameter, own in zip(batch, momenta, strict=True):
                self.state[parameter] = {"momentum": own}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter by its gradient."""
        for group, momenta in zip(self.param_groups, self._momenta, strict=True):
            rows, columns = momenta.shape[1:]
            gradients = torch.stack(
                [p.grad.reshape(rows, columns).float() for p in group["params"]]
            )  # (n, rows, columns)
            momenta.lerp_(gradients, 1 - group["momentum"])
            directions = orthogonal(gradients.lerp(momenta, group["momentum"]), self.dtype)
            updates = directions * (0.2 * max(rows, columns) ** 0.5 * group["lr"])
            for parameter, update in zip(group["params"], updates, strict=True):
                parameter.sub_(update.view(parameter.shape))


def orthogonal(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest orthogonal matrices, roughly: (n, rows, columns) -> the same, singular values
    about 1. Products are in `dtype`: bfloat16 is exact enough, and faster where the device has
    instructions for it."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.to(dtype)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + EPSILON)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = 3.4445 * x + (2.0315 * (gram @ gram) - 4.7750 * gram) @ x
    return (x.mT if tall else x).to(matrices)
