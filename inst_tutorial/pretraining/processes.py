"""Several processes that train one network, with `torch.distributed`. Alone, nothing changes.

    torchrun --nproc-per-node 2 -m inst_tutorial.pretraining --work DIR --out DIR

Each process draws batches of its own, and the gradients are averaged. The first process paints,
writes files, and decides when to end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Inside, this process works with the others that `torchrun` started; yields its device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    own = f"cuda:{local}" if device == "cuda" else device
    if own.startswith("cuda"):
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.startswith("cuda") else "gloo")
    try:
        yield own
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def wait() -> None:
    """Until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def parallel(model: nn.Module) -> nn.Module:
    """The model, with gradients averaged over all processes."""
    return DistributedDataParallel(model) if dist.is_initialized() else model


def agreed(values: list[float]) -> list[float]:
    """The first process's values."""
    if not dist.is_initialized():
        return values
    shared = torch.tensor(values, dtype=torch.float64)
    dist.broadcast(shared, 0)
    return shared.tolist()


def gathered(values: Tensor) -> Tensor:
    """Every process's values (on the CPU), one a row."""
    if not dist.is_initialized():
        return values[None]
    rows = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, values)
    return torch.stack(rows)
