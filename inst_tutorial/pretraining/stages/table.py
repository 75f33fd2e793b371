"""Which function does which stage, and the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext

from inst_tutorial.pretraining import processes
from inst_tutorial.pretraining.data.painting import filling
from inst_tutorial.pretraining.settings import TrainingError
from inst_tutorial.pretraining.stages.autoencoder import fit_autoencoder, fit_decoder
from inst_tutorial.pretraining.stages.clip import fit_clip, fit_text
from inst_tutorial.pretraining.stages.painter import assemble, evaluate, fit_glance
from inst_tutorial.pretraining.stages.pictures import paint
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.stages.unet import fit_unet

Stage = Callable[[PretrainingRun], None]

#: The stages that train a network, which all processes do together.
TRAINED_STAGES: dict[str, Stage] = {
    "autoencoder": fit_autoencoder,
    "text": fit_text,
    "clip": fit_clip,
    "unet": fit_unet,
    "decoder": fit_decoder,
}
#: The stages after them, which the first process does alone.
FINAL_STAGES: dict[str, Stage] = {
    "assemble": assemble,
    "glance": fit_glance,
    "evaluate": evaluate,
}
#: All stages, in their order. The first process paints.
STAGES: dict[str, Stage] = {"pictures": paint, **TRAINED_STAGES, **FINAL_STAGES}


def pretrain(run: PretrainingRun, stages: Collection[str] = tuple(STAGES)) -> None:
    """Do the stages, in the order of the table. What is done already is not done again.

    Raises TrainingError for a stage that is not in the table, and where an earlier one is missing.
    """
    if unknown := set(stages) - set(STAGES):
        raise TrainingError(
            f"unknown stages {', '.join(sorted(unknown))}: choose from {', '.join(STAGES)}"
        )
    run.work.mkdir(parents=True, exist_ok=True)
    first = processes.rank() == 0
    painting = first and "pictures" in stages
    if painting:
        paint(run)
    processes.wait()
    with filling(run.pool, run.recipe.pictures) if painting else nullcontext():
        for stage in _chosen(TRAINED_STAGES, stages):
            stage(run)
            processes.wait()
    if first:
        for stage in _chosen(FINAL_STAGES, stages):
            stage(run)


def _chosen(table: dict[str, Stage], names: Collection[str]) -> list[Stage]:
    return [stage for name, stage in table.items() if name in names]
