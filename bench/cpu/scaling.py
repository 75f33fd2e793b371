"""How learning grows with the batch, and with styles that are learned at once."""

from __future__ import annotations

from bench.cpu.workload import CpuWorkload, Result, our_learning
from inst_tutorial.learning import LearningSettings

BATCHES = (1, 2, 4, 8, 16)
STYLES = (1, 2, 4)
RUNS = 3  # at most: the large batches take long


def scaling(workload: CpuWorkload) -> Result:
    """Steps a second by batch; styles an hour by how many are learned at once."""
    settings = LearningSettings()
    by_batch, hourly = {}, {}
    for batch in BATCHES:
        seconds = step_seconds(workload, LearningSettings(batch=batch))
        by_batch[batch] = round(1 / seconds, 2)
    for styles in STYLES:
        seconds = step_seconds(workload, settings, styles) * settings.steps
        hourly[styles] = round(3600 * styles / seconds, 1)
    return {"steps/s by batch": by_batch, "styles/hour by styles at once": hourly}


def step_seconds(workload: CpuWorkload, settings: LearningSettings, styles: int = 1) -> float:
    """The median seconds of a learning step."""
    run = our_learning(workload.painter, settings, styles)
    return workload.timer.one(run.step, min(workload.runs, RUNS))["median_s"]
