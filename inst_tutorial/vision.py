"""CLIP's vision tower: how it is found and read, and how its pictures are prepared.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from inst_tutorial.configs import (
    PainterError,
    PreprocessorSettings,
    TransformerSettings,
    read_settings,
)
from inst_tutorial.folders import (
    VISION,
    VISION_PARTS,
    VISION_REVISION,
    find_folder,
    quiet,
    read_part,
)

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection


@dataclass(frozen=True)
class ImagePreprocessing:
    """How pictures are prepared for a tower: `size` in pixels, mean and std of the channels."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> ImagePreprocessing:
        """From a preprocessor_config.json, old (`crop_size: 224`) or new (`{"height": 224}`).

        Raises PainterError.
        """
        settings = read_settings(path, PreprocessorSettings)
        return cls(settings.crop_size, tuple(settings.image_mean), tuple(settings.image_std))

    def prepare(self, picture_pm1: Tensor) -> Tensor:
        """(b, 3, S, S) in [-1, 1] -> (b, 3, size, size), normalised as CLIP was trained."""
        if picture_pm1.device.type == "mps":  # PyTorch before 2.8 cannot resize so on mps
            picture_pm1 = picture_pm1.cpu()
        picture_01 = picture_pm1.float() / 2 + 0.5
        if picture_01.shape[-1] != self.size:
            picture_01 = F.interpolate(
                picture_01, size=(self.size, self.size), mode="bicubic", antialias=True
            )
        mean, std = (torch.tensor(c).to(picture_01).view(3, 1, 1) for c in (self.mean, self.std))
        return (picture_01.clamp(0, 1) - mean) / std


VisionTower = tuple["CLIPVisionModelWithProjection", ImagePreprocessing]
"""A tower, and how its pictures are prepared."""


def read_vision_tower(source: str | Path, dtype: torch.dtype) -> VisionTower:
    """The vision tower at `source`, on the CPU: a painter's folder, a folder of its own, or a hub
    id. Raises PainterError."""
    from transformers import CLIPVisionModelWithProjection

    revision = VISION_REVISION if source == VISION else None
    try:
        folder, _ = find_folder(source, revision, ())
    except PainterError as error:
        raise PainterError(
            f"CLIP's vision tower is missing: {error}. A word of kind 'free' does not need it."
        ) from error
    tower, settings = (
        folder / name if (folder / name).is_dir() else folder for name in VISION_PARTS
    )
    with quiet():
        model = read_part(CLIPVisionModelWithProjection, tower, TransformerSettings, dtype=dtype)
    preprocessing = ImagePreprocessing.read(settings / "preprocessor_config.json")
    if preprocessing.size != model.config.image_size:
        raise PainterError(
            f"{settings / 'preprocessor_config.json'}: crop_size is {preprocessing.size}, but the "
            f"tower in {tower} needs {model.config.image_size}. The two do not belong together."
        )
    return model, preprocessing
