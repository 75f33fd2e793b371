"""What all stages share: the folders, the recipe, the device, and how a training begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from inst_tutorial.pretraining.data.pool import Pool
from inst_tutorial.pretraining.settings import Recipe, TrainSettings
from inst_tutorial.pretraining.training import Training
from inst_tutorial.world.seeds import VALIDATION

#: What is added to the recipe's seed for the draws of each training.
DRAW_SEEDS = {"autoencoder": 101, "text": 102, "clip": 103, "unet": 104, "decoder": 105}


@dataclass(frozen=True)
class PretrainingRun:
    """One training of a Paintbox: where its files are and how it is done.

    Attributes:
        work: folder of pictures, checkpoints and the log.
        out: folder of the finished painter.
        recipe: sizes, budgets and seed.
        device: where networks are trained: "cpu", "cuda" or "cuda:1".
        start: an assembled painter to go on from where the work folder has nothing, or None.
        progress: whether bars are shown.
    """

    work: Path
    out: Path
    recipe: Recipe
    device: str = "cpu"
    start: Path | None = None
    progress: bool = True

    @property
    def pool(self) -> Pool:
        """The training pictures."""
        return Pool(self.work / "training")

    @property
    def validation_pool(self) -> Pool:
        """The validation pictures: other scenes, same styles."""
        return Pool(self.work / "validation", VALIDATION[0])

    def training(self, name: str, model: nn.Module, fit: TrainSettings) -> Training:
        """The training of one stage, from its checkpoint if there is one."""
        seed = self.recipe.seed + DRAW_SEEDS[name]
        return Training(name, model, fit, work=self.work, device=self.device, seed=seed)
