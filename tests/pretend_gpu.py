"""A GPU that is only pretended: its numbers lie in the CPU's memory.

Inside `pretend_gpu()` tensors on the device `GPU` behave as on a real GPU. An operation on
tensors of both sides is an error, and so is float64, which Apple's GPUs do not have. Numbers
come out as the CPU computes them. With it, code that was never run on a GPU can be tried.

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

GPU = torch.device("lazy:0")
aten = torch.ops.aten
TRANSFERS = {aten._to_copy.default, aten.copy_.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}  # may be mixed


class OnGpu(torch.Tensor):
    """A tensor on the pretended GPU; its numbers are in `raw`, on the CPU."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls, raw: torch.Tensor) -> OnGpu:
        if raw.dtype == torch.float64:
            raise TypeError("the GPU has no float64")
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            raw.shape,
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            device=GPU,
        )
        tensor.raw = raw
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """As a real GPU's tensor: the numbers come to the CPU."""
        return self.raw.tolist()

    def __format__(self, spec: str) -> str:
        """A single number is formatted like any other."""
        return format(self.item() if self.ndim == 0 else repr(self), spec)

    def __repr__(self, **options: Any) -> str:
        return f"OnGpu({self.raw!r})"


class Pretending(TorchDispatchMode):
    """Inside, tensors can be made on the GPU and sent there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation of PyTorch, on the CPU's memory; its results are where they belong."""
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    on_gpu = [x for x in given if isinstance(x, OnGpu)]
    on_cpu = [x for x in given if not isinstance(x, OnGpu) and x.ndim]
    if on_gpu and on_cpu and func not in TRANSFERS | INDEXING:
        shapes = [tuple(x.shape) for x in on_cpu]
        raise RuntimeError(f"{func}: all tensors must be on one device, {shapes} are on the CPU")
    device = kwargs.get("device")
    to_gpu = device.type == GPU.type if device is not None else bool(on_gpu)
    if func is aten.copy_.default:
        to_gpu = isinstance(args[0], OnGpu)
    raw_args, raw_kwargs = tree_map(lambda x: x.raw if isinstance(x, OnGpu) else x, (args, kwargs))
    if device is not None:
        raw_kwargs["device"] = torch.device("cpu")
    out = func(*raw_args, **raw_kwargs)
    known = {id(x.raw): x for x in on_gpu}

    def placed(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not to_gpu:
            return x
        return known[id(x)] if id(x) in known else OnGpu(x)

    return tree_map(placed, out)


def save_from_gpu(tensors: dict[str, torch.Tensor], *args: Any, **options: Any) -> None:
    """Safetensors reads a tensor's memory itself; a pretended GPU has none."""
    save_file({name: tensor.cpu() for name, tensor in tensors.items()}, *args, **options)


@contextmanager
def pretend_gpu() -> Iterator[torch.device]:
    """Inside, painters are loaded to a pretended GPU when no device is named."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(numbers, device=...): CPU, then there
    try:
        with (
            patch("inst_tutorial.painter.best_device", lambda: str(GPU)),
            patch("safetensors.torch.save_file", save_from_gpu),
            Pretending(),
        ):
            yield GPU
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
