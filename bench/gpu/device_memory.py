"""The GPU's memory: freed before a measurement, and how much of it was used at most."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def cleared() -> Iterator[None]:
    """The GPU's memory as free as it can be, before and after; the peak counts from here."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        yield
    finally:
        gc.collect()


def peak_gb() -> float | None:
    """The most memory that tensors had at once, in 10^9 bytes; CUDA only."""
    if not torch.cuda.is_available():
        return None
    return round(torch.cuda.max_memory_allocated() / 1e9, 2)
