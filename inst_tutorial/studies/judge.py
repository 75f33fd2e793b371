"""CLIP as a judge: which caption belongs to a picture, and what does the picture show?

Source: Radford et al., 2021, section 3.1.4 (zero-shot recognition, several wordings averaged).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from inst_tutorial.folders import folder_of
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.studies.trial import batches
from inst_tutorial.world import SUBJECTS, with_article

Picture = Image.Image

WORDINGS = (
    "{}",
    "a photo of {}",
    "an oil painting of {}",
    "a line drawing of {}",
    "a mosaic of {}",
    "{} in the style of a watercolour",
    "{} in the style of a poster",
    "{} in the style of a dot painting",
)


class EvaluationError(RuntimeError):
    """A painter that cannot be evaluated; the text says why."""


@dataclass(frozen=True, eq=False)
class Judge:
    """The painter's CLIP: pictures and texts as unit vectors (n, p) of one space."""

    painter: Painter
    projection: Tensor  # (p, d)

    @classmethod
    def load(cls, painter: Painter) -> Judge:
        """With the text projection that Paintbox keeps beside its parts."""
        from safetensors.torch import load_file

        path = folder_of(painter.source) / "clip/projection.safetensors"
        if not path.is_file():
            raise EvaluationError(
                f"{painter.source} has no {path.name} in clip/, with which CLIP compares pictures "
                f"and texts: only Paintbox and painters made by inst_tutorial.pretraining can be "
                f"evaluated"
            )
        return cls(painter, load_file(path)["text_projection"].float().to(painter.device))

    def see(self, pictures: Sequence[Picture]) -> Tensor:
        """Pictures -> (n, p)."""
        features = [
            self.painter.image_features(to_tensor(batch)).pooled for batch in batches(pictures)
        ]
        return F.normalize(torch.cat(features).float(), dim=-1)

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Tensor:
        """Texts -> (n, p)."""
        ids = self.painter.tokenize(texts).ids
        pooled = [self.painter.text_encoder(rows).pooler_output for rows in ids.split(64)]
        return F.normalize(torch.cat(pooled).float() @ self.projection.T, dim=-1)

    def subjects(self, pictures: Sequence[Picture]) -> list[str]:
        """What each picture shows, zero-shot: the subject that is nearest over all wordings."""
        prompts = [wording.format(with_article(name)) for name in SUBJECTS for wording in WORDINGS]
        scores = self.see(pictures) @ self.read(prompts).T  # (n, subjects * wordings)
        means = scores.view(len(pictures), len(SUBJECTS), len(WORDINGS)).mean(2)  # (n, subjects)
        return [list(SUBJECTS)[index] for index in means.argmax(1).tolist()]


def top1(seen: Tensor, read: Tensor, choices: int) -> list[bool]:
    """Unit vectors of pictures and of their texts, (n, p) both: is each picture's own text the
    nearest among `choices`? Groups are consecutive; n is a multiple of `choices`."""
    hits = []
    for a, b in zip(seen.split(choices), read.split(choices), strict=True):
        hits += ((a @ b.T).argmax(1) == torch.arange(len(a), device=a.device)).tolist()
    return hits
