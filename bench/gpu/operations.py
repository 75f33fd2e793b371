"""How many operations a learning step is, and what share of the GPU's own rate it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.gpu.random_painters import Layout, random_painter
from bench.gpu.rows import Measured
from bench.gpu.workload import GpuWorkload
from inst_tutorial.learning import word_gradient
from inst_tutorial.painter import Painter, Tokens


def matmul_tflops(workload: GpuWorkload) -> float:
    """The GPU's own rate, in 10^12 operations a second: a large product, the best of ten."""
    n = workload.matmul
    make: dict[str, Any] = {"device": workload.device, "dtype": workload.dtype}
    a, b = (torch.randn(n, n, **make) for _ in range(2))
    times = [workload.timer.seconds(lambda: a @ b) for _ in range(13)][3:]
    return round(2 * n**3 / min(times) / 1e12, 3)


def operations(layout: Layout) -> dict[str, float]:
    """10^12 operations of a learning step, forward and backward, for each pair of timestep and
    noise and for each word (the text encoder). Counted on shapes alone, without a GPU."""
    painter = random_painter(layout, torch.bfloat16, "meta")
    one, two = (operations_of(painter, pairs) for pairs in (1, 2))
    return {"per_pair": round(two - one, 6), "per_word": round(2 * one - two, 6)}


def operations_of(painter: Painter, pairs: int) -> float:
    """10^12 operations of a learning step of one word with this many pairs; shapes only."""
    make: dict[str, Any] = {"device": "meta"}
    ids = torch.zeros(1, painter.text_length, dtype=torch.long, **make)
    z = torch.empty(pairs, *painter.latent_shape, dtype=painter.dtype, **make)
    word, t = torch.empty(1, 1, painter.text_width, **make), torch.zeros(pairs).long()
    with FlopCounterMode(display=False) as counter:
        word_gradient(painter, word, Tokens(ids, ids, vectors=1), z, t, z)
    return counter.get_total_flops() / 1e12


def derived(row: Measured, operations: Mapping[str, float], matmul: float) -> Measured:
    """What follows from a learning step's seconds: its share of the GPU's rate, 500 steps."""
    pairs, seconds = row["words"] * row["batch"], row["median_s"] or float("inf")
    tflop = operations["per_pair"] * pairs + operations["per_word"] * row["words"]
    return {
        "tflop": round(tflop, 4),
        "share_of_matmul": round(tflop / seconds / matmul, 3),
        "seconds_for_500_steps": round(500 * seconds, 1),
        "words_an_hour": round(3600 * row["words"] / (500 * seconds), 1),
    }
