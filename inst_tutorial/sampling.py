"""Guided DDIM sampling: from noise, or from any level on the way, to a clean latent.

Book: chapters "Diffusion with nothing hidden" and "Inside a latent diffusion model".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from inst_tutorial.noise_schedule import (
    Schedule,
    ddim_step,
    partly_new_noise,
    predict_z0,
    random_noise,
)

Callback = Callable[[int, int, Tensor, Tensor], None]
"""callback(i, t, z_t, z0_hat): step i starts from z_t at timestep t and guesses z0_hat."""


class NoisePredictor(Protocol):
    """What sampling and inversion need from a painter: its noise levels and its prediction."""

    @property
    def schedule(self) -> Schedule:
        """The noise levels of its training."""
        ...

    def predict_noise(self, z_t: Tensor, t: int, context: Tensor) -> Tensor:
        """Eps (b, ...) in z_t (b, ...) at timestep t, given a context (b, L, d)."""
        ...


def guided_noise(
    painter: NoisePredictor, z_t: Tensor, t: int, context: Tensor, empty: Tensor, guidance: float
) -> Tensor:
    """Eps (b, ...) pushed away from the empty prompt, towards the prompt; one batched call.

    context and empty are (b, L, d) or (1, L, d). guidance 1 is the prompt alone, and `empty` is
    not used. Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022, eq. 6, with
    guidance = 1 + w, as Stable Diffusion counts it.
    """
    b = len(z_t)
    context = context.expand(b, -1, -1)
    if guidance == 1:
        return painter.predict_noise(z_t, t, context)
    contexts = torch.cat([empty.expand(b, -1, -1), context])  # (2b, L, d)
    eps = painter.predict_noise(torch.cat([z_t, z_t]), t, contexts)
    without_prompt, with_prompt = eps.chunk(2)  # (2b, ...) -> (b, ...), (b, ...)
    return without_prompt + guidance * (with_prompt - without_prompt)


@torch.no_grad()
def sample(
    painter: NoisePredictor,
    z_t: Tensor,
    context: Tensor,
    *,
    timesteps: Sequence[int],
    guidance: float,
    empty: Tensor,
    eta: float = 0.0,
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Denoise z_t (b, ...) from level timesteps[0] to z0 (b, ...), one DDIM step a timestep.

    timesteps, descending, are a sampling grid (`noise_level.timesteps`) or the last part of one.
    With eta above 0, up to 1, each step replaces a part of the noise by new noise of `generator`
    (on the CPU), the same for all b. Raises ValueError for an eta above 0 without a generator.
    """
    if eta > 0 and generator is None:
        raise ValueError(f"eta={eta} needs a generator, for the new noise")
    for i, (t, t_prev) in enumerate(zip(timesteps, [*timesteps[1:], -1], strict=True)):
        eps = guided_noise(painter, z_t, t, context, empty, guidance)
        if callback is not None:
            callback(i, t, z_t, predict_z0(painter.schedule, z_t, t, eps))
        noise = eps
        if eta > 0 and generator is not None:
            new = random_noise(z_t[:1], generator)  # (1, ...)
            noise = partly_new_noise(painter.schedule, t, t_prev, eps, new, eta)
        z_t = ddim_step(painter.schedule, z_t, t, t_prev, eps, noise)
    return z_t
