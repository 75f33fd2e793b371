"""How learning is measured: a step of ours and of diffusers' script, in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.cpu.course import Course
from bench.cpu.loss_curves import until_the_final_loss
from bench.cpu.workload import NOT_MEASURED, CpuWorkload, Result, our_learning, their_arguments
from bench.diffusers_script import Script
from bench.steps import StepwiseLearning
from bench.stopwatch import Stopwatch
from bench.timing import ratio, summary
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter


def learning(workload: CpuWorkload) -> Result:
    """A learning step of ours and of the script, in turn; and how soon each is how good."""
    settings = LearningSettings(kind="free")  # what the script learns, too
    with published_script(workload, settings) as script:
        ours, theirs = by_turns(workload, our_learning(workload.painter, settings), script)
    return {
        "batch": settings.batch,
        "ours": summary(ours.seconds),
        "where the time goes, ours": ours.parts,
        **beside(ours, theirs),
        "until the final loss": until_the_final_loss(workload.painter, ours, theirs),
    }


@contextmanager
def published_script(workload: CpuWorkload, settings: LearningSettings) -> Iterator[Script | None]:
    """Diffusers' script before its first step; None without a checkout of diffusers."""
    if workload.diffusers is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        arguments = their_arguments(Path(folder), settings, workload.steps)
        with Script(workload.diffusers, arguments, workload.timer.clock, only_cpu=True) as script:
            yield script


def by_turns(
    workload: CpuWorkload, ours: StepwiseLearning, script: Script | None
) -> tuple[Course, Course | None]:
    """Let both take their steps, one after the other."""
    words, seconds, theirs = [ours.vector()], [], []
    with Stopwatch(workload.timer.clock) as watch:
        watch_parts(watch, workload.painter)
        for _ in range(workload.steps):
            seconds.append(workload.timer.seconds(ours.step))
            watch.lap(seconds[-1])
            words.append(ours.vector())
            if script is not None:
                theirs.append(script.step())
    course = Course(words, seconds[1:], watch.medians())
    if script is None:
        return course, None
    return course, Course([words[0], *script.vectors], theirs[1:], script.watch.medians())


def watch_parts(watch: Stopwatch, painter: Painter) -> None:
    """Time the parts of our learning step."""
    watch.watch(painter, "embed_tokens", "text encoder")
    watch.watch(painter, "predict_noise", "unet")
    watch.watch(torch.Tensor, "backward", "backward")


def beside(ours: Course, theirs: Course | None) -> Result:
    """The script's step, and how many of ours are done in its time."""
    if theirs is None:
        return {"script": NOT_MEASURED, "steps/s ours / script": NOT_MEASURED}
    step = summary(theirs.seconds)
    return {
        "script": step,
        "steps/s ours / script": round(1 / ratio(summary(ours.seconds), step), 2),
        "where the time goes, script": theirs.parts,
    }
