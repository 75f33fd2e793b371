"""What is measured on a GPU, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.gpu.random_painters import TINY, Layout
from bench.timing import Timer


@dataclass(frozen=True)
class GpuWorkload:
    """What all measurements of a run share.

    Attributes:
        layouts: what painters are made of, by name; the first one gets all rows.
        device: where they compute.
        dtype: the number format of their weights.
        steps: learning steps that are timed together, `runs` times.
        runs: how often a work is timed.
        matmul: rows and columns of the matrices whose product gives the GPU's own rate.
        repainting_steps: sampling steps of a repainted picture.
        diffusers: a checkout of diffusers; None measures without its script.
        timer: how seconds are counted.
    """

    layouts: Mapping[str, Layout]
    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16
    steps: int = 10
    runs: int = 3
    matmul: int = 8192
    repainting_steps: int = 50
    diffusers: Path | None = None
    timer: Timer = field(default_factory=Timer)


def toy(device: str, diffusers: Path | None = None) -> GpuWorkload:
    """Everything at the size of a toy, once."""
    return GpuWorkload(
        {"tiny": TINY},
        device,
        torch.float32,
        steps=1,
        runs=1,
        matmul=64,
        repainting_steps=2,
        diffusers=diffusers,
    )
