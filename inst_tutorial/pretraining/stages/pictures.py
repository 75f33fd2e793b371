"""The stage "pictures": examples to train on, and examples that watch the training."""

from __future__ import annotations

import time
from typing import Any

from inst_tutorial.pretraining.data.painting import fill
from inst_tutorial.pretraining.data.pool import Pool
from inst_tutorial.pretraining.settings import TrainingError
from inst_tutorial.pretraining.stages.run import PretrainingRun

PATIENCE = 600.0  # seconds that a stage waits for the first pictures


def paint(run: PretrainingRun) -> None:
    """Paint the validation examples, then training examples for the time given, unless the
    painting goes on while networks train."""
    settings = run.recipe.pictures
    options: dict[str, Any] = {"workers": settings.worker_processes, "progress": run.progress}
    fill(run.validation_pool, settings.validation_examples, settings.shares, **options)
    done = run.work / "pictures.done"
    if not settings.while_training and not done.exists():
        minutes = settings.minutes
        fill(run.pool, settings.most_examples, settings.shares, minutes=minutes, **options)
        done.touch()


def enough_pictures(run: PretrainingRun) -> Pool:
    """The training pictures, as soon as there are enough to begin.

    Raises TrainingError if there are too few and none are being painted, or not soon enough.
    """
    settings, began = run.recipe.pictures, time.monotonic()
    while settings.while_training and len(run.pool) < settings.least_examples:
        if time.monotonic() - began > PATIENCE:
            break
        time.sleep(0.1)
    if len(run.pool) < settings.least_examples or not len(run.validation_pool):
        raise TrainingError(f"too few pictures in {run.work}: do the stage 'pictures' first")
    return run.pool
