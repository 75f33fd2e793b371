"""A graphics card that is only pretended: its numbers lie in the CPU's memory.

Inside `pretend_card()` tensors on the device `CARD` behave as on a real card. An operation on
tensors of both sides is an error, and so is float64, which Apple's graphics do not have. Numbers
come out as the CPU computes them. With it, code that was never run on a card can be tried.

PyTorch has a device "lazy" for programs that compile whole graphs. No build for CPUs uses it, so
its name is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = torch.device("lazy:0")
aten = torch.ops.aten
TRANSFERS = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}  # may be mixed


class OnCard(torch.Tensor):
    """A tensor on the pretended card; its numbers are in `raw`, on the CPU."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls, raw: torch.Tensor) -> OnCard:
        if raw.dtype == torch.float64:
            raise TypeError("the card has no float64")
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            raw.shape,
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            device=CARD,
        )
        tensor.raw = raw
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """As a real card's tensor: the numbers come to the CPU."""
        return self.raw.tolist()

    def __format__(self, spec: str) -> str:
        """A single number is formatted like any other."""
        return format(self.item() if self.ndim == 0 else repr(self), spec)

    def __repr__(self, **options: Any) -> str:
        return f"OnCard({self.raw!r})"


class Pretending(TorchDispatchMode):
    """Inside, tensors can be made on the card and sent there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation of PyTorch, on the CPU's memory; its results are where they belong."""
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    on_card = [x for x in given if isinstance(x, OnCard)]
    on_cpu = [x for x in given if not isinstance(x, OnCard) and x.ndim]
    if on_card and on_cpu and func not in TRANSFERS | INDEXING:
        shapes = [tuple(x.shape) for x in on_cpu]
        raise RuntimeError(f"{func}: all tensors must be on one device, {shapes} are on the CPU")
    device = kwargs.get("device")
    to_card = device.type == CARD.type if device is not None else bool(on_card)
    if func is aten.copy_.default:
        to_card = isinstance(args[0], OnCard)
    raw_args, raw_kwargs = tree_map(lambda x: x.raw if isinstance(x, OnCard) else x, (args, kwargs))
    if device is not None:
        raw_kwargs["device"] = torch.device("cpu")
    out = func(*raw_args, **raw_kwargs)
    known = {id(x.raw): x for x in on_card}

    def placed(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not to_card:
            return x
        return known[id(x)] if id(x) in known else OnCard(x)

    return tree_map(placed, out)


def save_from_card(tensors: dict[str, torch.Tensor], *args: Any, **options: Any) -> None:
    """Safetensors reads a tensor's memory itself; a pretended card has none."""
    save_file({name: tensor.cpu() for name, tensor in tensors.items()}, *args, **options)


@contextmanager
def pretend_card() -> Iterator[torch.device]:
    """Inside, painters are loaded to a pretended card when no device is named."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(numbers, device=...): CPU, then there
    try:
        with (
            patch("inst_tutorial.painter.best_device", lambda: str(CARD)),
            patch("safetensors.torch.save_file", save_from_card),
            Pretending(),
        ):
            yield CARD
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
