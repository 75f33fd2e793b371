"""A word at a glance: one linear map from what CLIP sees in a picture to the picture's word.

InST's published embedder is an affine map from CLIP's pooled vector to the word, fitted anew to
every style picture by hundreds of steps through the UNet. Here such a map is fitted once, over
many training styles whose words are known, and then a word costs one call of the vision tower.
The words to fit are the names that Paintbox's artists have, so a painter without named styles
cannot have such a map. For Stable Diffusion the nearest relatives are trained encoders: E4T (Gal
et al., 2023), StyleTokenizer (Li et al., 2024). Book: chapters "The multi-layer attention
embedder" (why the embedder is affine) and "After InST".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from inst_tutorial.files import atomic_path
from inst_tutorial.folders import folder_of
from inst_tutorial.painter import ImageFeatures, Painter
from inst_tutorial.pictures import opened, to_tensor
from inst_tutorial.words import Word, read_tensors

GLANCE = "clip/glance.safetensors"


class GlanceError(RuntimeError):
    """A painter without a map from pictures to words; the text says the way out."""


@dataclass(frozen=True, eq=False)
class Glance:
    """The affine map features @ weight + bias: `weight` (f, d), `bias` (d,), float32 on the CPU."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Features of n pictures (n, f) -> their words (n, d)."""
        return features @ self.weight + self.bias

    def save(self, path: Path) -> Path:
        """Write the map in half precision, atomically."""
        from safetensors.torch import save_file

        tensors = {"weight": self.weight.half().contiguous(), "bias": self.bias.half()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)
        return path

    @classmethod
    def of(cls, painter: Painter) -> Glance:
        """The map that is kept beside a painter's CLIP. Raises GlanceError."""
        path = folder_of(painter.source) / GLANCE
        if not path.is_file():
            raise GlanceError(
                f"{painter.source} has no map from pictures to words ({GLANCE}): only Paintbox and "
                f"painters made by inst_tutorial.pretraining have one. Learn the word instead, "
                f"with `inst learn`"
            )
        tensors, _ = read_tensors(path)
        return cls(tensors["weight"].float(), tensors["bias"].float())


def glance_features(seen: ImageFeatures) -> Tensor:
    """What the map reads of b pictures, (b, d_v + 2 d_p) float32 on the CPU: the pooled vector,
    and mean and standard deviation of each patch channel over the picture."""
    patches = seen.patches.float().cpu()  # (b, n, d_p)
    return torch.cat([seen.pooled.float().cpu(), patches.mean(1), patches.std(1)], 1)


def fit_glance(features: Tensor, words: Tensor, ridge: float = 100.0) -> Glance:
    """The map that minimises the squared error on known words, by one linear solve.

    Args:
        features: (n, f), as `glance_features` makes them.
        words: (n, d), the word of each picture.
        ridge: weight of the penalty on the squared weights, for features of variance 1.
    """
    x, y = features.double(), words.double()
    mean, std = x.mean(0), x.std(0) + 1e-4
    x, centre = (x - mean) / std, y.mean(0)
    gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)  # (f, f)
    weight = torch.linalg.solve(gram, x.T @ (y - centre)) / std[:, None]  # (f, d)
    return Glance(weight.float(), (centre - mean @ weight).float())


@torch.no_grad()
def glance(painter: Painter, pictures: Image.Image | Sequence[Image.Image]) -> Word:
    """The word of one style picture, or the mean word of several, without learning.

    Pictures have the painter's size. Raises GlanceError for a painter without such a map.
    """
    several = opened(pictures)
    fitted = Glance.of(painter)
    features = glance_features(painter.image_features(to_tensor(several)))
    vectors = fitted(features).mean(0, keepdim=True)  # (b, d) -> (1, d)
    return Word(vectors, {"kind": "glance", "painter": painter.source, "pictures": len(several)})
