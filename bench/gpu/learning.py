"""How a learning step is timed: on random pictures, some steps together, several times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from bench.gpu.device_memory import cleared, peak_gb
from bench.gpu.random_painters import pictures, random_painter
from bench.gpu.rows import Measured
from bench.gpu.workload import GpuWorkload
from bench.steps import StepwiseLearning
from bench.timing import summary
from inst_tutorial.learning import LearningSettings, WordGradient, word_gradient
from inst_tutorial.painter import Painter

SETTINGS = LearningSettings(kind="free", start="a")  # what diffusers' script learns, too


def as_it_is(painter: Painter) -> None:
    """Leave a painter as the package makes it."""


@dataclass(frozen=True)
class Case:
    """One way to learn.

    Attributes:
        batch: pairs of timestep and noise in a step, for each word.
        words: how many words are learned at once, each from a picture of its own.
        dtype: the number format of the weights; None takes the workload's.
        prepare: what is done to the painter before.
        gradient: makes what computes the gradient.
    """

    batch: int = 8
    words: int = 1
    dtype: torch.dtype | None = None
    prepare: Callable[[Painter], object] = as_it_is
    gradient: Callable[[], WordGradient] = lambda: word_gradient


def learning(workload: GpuWorkload, layout: str, case: Case) -> Measured:
    """A learning step: its seconds, and the most memory that it had."""
    with cleared():
        run = stepwise(workload, layout, case)

        def steps() -> None:
            for _ in range(workload.steps):
                run.step()

        for _ in range(3):
            run.step()
        times = [workload.timer.seconds(steps) / workload.steps for _ in range(workload.runs)]
        sizes = {"batch": case.batch, "words": case.words}
        return {**sizes, **summary(times), "peak_gb": peak_gb()}


def stepwise(workload: GpuWorkload, layout: str, case: Case) -> StepwiseLearning:
    """The learning of a case, before its first step, on a painter of a layout."""
    dtype = case.dtype or workload.dtype
    painter = random_painter(workload.layouts[layout], dtype, workload.device)
    case.prepare(painter)
    settings = replace(SETTINGS, batch=case.batch)
    styles = pictures(case.words, painter.picture_size)
    return StepwiseLearning(painter, styles, settings, case.gradient())
