"""Which rows are measured on a GPU, and in which order: as readers ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from bench.gpu.goals import missed
from bench.gpu.graphed_gradient import GraphedGradient
from bench.gpu.learning import Case, learning
from bench.gpu.profiles import profile_learning, profile_repainting
from bench.gpu.repainting import repainting
from bench.gpu.rows import Measured, Row
from bench.gpu.script import diffusers_script
from bench.gpu.ways import compile_blocks, compile_unet
from bench.gpu.workload import GpuWorkload
from bench.memory_order import contiguous
from inst_tutorial.memory import save_memory


@dataclass(frozen=True)
class Planned:
    """A row to measure.

    Attributes:
        layout, stage, name: what the row is found by.
        seconds: what it takes on an H100, building the painter included.
        measure: does it.
        needed: whether it is wanted beside the rows that are there.
        only_cuda: whether it can be measured on a GPU only.
    """

    layout: str
    stage: str
    name: str
    seconds: float
    measure: Callable[[], Measured]
    needed: Callable[[Sequence[Row]], bool] = lambda rows: True
    only_cuda: bool = False


def plan(workload: GpuWorkload) -> list[Planned]:
    """All rows, in the order in which readers ask for them."""
    first, *rest = workload.layouts
    return [
        *asked_first(workload, first, (5, 5, 12)),
        *profiles(workload, first),
        *ways(workload, first),
        *script(workload, first),
        *precisions(workload, first),
        *savers(workload, first),
        *words_together(workload, first),
        *(row for layout in rest for row in asked_first(workload, layout, (6, 9, 15))),
        *other_batches(workload, first),
        compiled(workload, first),
    ]


def step(
    workload: GpuWorkload, layout: str, stage: str, name: str, seconds: float, case: Case
) -> Planned:
    """A row that times a learning step."""
    return Planned(layout, stage, name, seconds, partial(learning, workload, layout, case))


def asked_first(
    workload: GpuWorkload, layout: str, seconds: tuple[float, float, float]
) -> list[Planned]:
    """What readers ask first of a size of Stable Diffusion; `seconds` are those of its rows."""
    one, eight, repainted = seconds
    repaint = partial(repainting, workload, layout)
    return [
        step(workload, layout, "learning", "batch 1", one, Case(batch=1)),
        step(workload, layout, "learning", "batch 8", eight, Case()),
        Planned(layout, "repainting", "50 steps", repainted, repaint),
    ]


def profiles(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Where the time goes; needed where a goal was missed."""
    learned = partial(profile_learning, workload, layout)
    repainted = partial(profile_repainting, workload, layout)
    slow_learning = partial(missed, stage="learning")
    slow_repainting = partial(missed, stage="repainting")
    return [
        Planned(layout, "profile", "learning, batch 8", 8, learned, slow_learning),
        Planned(layout, "profile", "repainting", 8, repainted, slow_repainting),
    ]


def ways(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Other ways to compute the same step."""
    graph, blocks = Case(gradient=GraphedGradient), Case(prepare=compile_blocks)
    return [
        replace(step(workload, layout, "ways", "CUDA graph", 5, graph), only_cuda=True),
        step(workload, layout, "ways", "contiguous", 5, Case(prepare=contiguous)),
        replace(step(workload, layout, "ways", "compiled blocks", 40, blocks), only_cuda=True),
    ]


def script(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Diffusers' script, where there is a checkout of it."""
    if workload.diffusers is None:
        return []
    measure = partial(diffusers_script, workload, layout)
    return [Planned(layout, "diffusers script", "batch 8", 30, measure)]


def precisions(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Other number formats than the usual bfloat16."""
    return [
        step(workload, layout, "precisions", "float16", 5, Case(dtype=torch.float16)),
        step(workload, layout, "precisions", "float32", 15, Case(dtype=torch.float32)),
    ]


def savers(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Each way to save memory, alone, at batch 1."""
    return [
        step(
            workload,
            layout,
            "savers",
            name,
            5,
            Case(batch=1, prepare=partial(save_memory, savers=[name])),
        )
        for name in ("offload", "checkpointing", "slicing")
    ]


def words_together(workload: GpuWorkload, layout: str) -> list[Planned]:
    """Several words in one step."""
    return [
        step(workload, layout, "together", "2 words", 6, Case(words=2)),
        step(workload, layout, "together", "4 words", 9, Case(words=4)),
    ]


def other_batches(workload: GpuWorkload, layout: str) -> list[Planned]:
    """The batches between and beyond those that are asked for first."""
    return [
        step(workload, layout, "learning", f"batch {batch}", 6, Case(batch=batch))
        for batch in (2, 4, 16)
    ]


def compiled(workload: GpuWorkload, layout: str) -> Planned:
    """The whole UNet compiled: last, because compiling takes longer than most rows together."""
    row = step(workload, layout, "ways", "compiled UNet", 110, Case(prepare=compile_unet))
    return replace(row, only_cuda=True)
