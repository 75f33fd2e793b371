"""The demonstration: a style learned from one picture, three scenes repainted, the truth beside.

Everything in one figure: the style picture, the contents, the results at three strengths, the
truths, and what the best caption gives at the default strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.figures import picture_grid
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.metrics import truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene, Style, paint, style_words

Column = list[Image.Image]

SCENES = (
    Scene("lighthouse", "sea", colour="red", seed=1),
    Scene("cat", "meadow", colour="orange", trim="brown", seed=2),
    Scene("castle", "mountains", colour="purple", seed=3),
)
STYLE_SCENE = Scene("house", "meadow", colour="blue", trim="red", seed=4)


@dataclass(frozen=True)
class Demo:
    """The figure, the word, each column's mean distance to the truth in CIELAB units, and the
    single pictures by name."""

    figure: Figure
    word: Word
    distances: dict[str, float]
    pictures: dict[str, Image.Image]


def run_demo(
    painter: Painter,
    style: str = "lagoon",
    *,
    strengths: Sequence[float] = (0.5, 0.65, 0.8),
    learning: LearningSettings | None = None,
    settings: TransferSettings | None = None,
) -> Demo:
    """Learn the held-out style of that name from one picture and repaint three scenes.

    Raises KeyError for a style that is not in HELD_OUT.
    """
    held_out, settings = HELD_OUT[style], settings or TransferSettings()
    style_picture = _painted(painter, STYLE_SCENE, held_out)
    word = learn(painter, style_picture, learning or LearningSettings(steps=100))
    contents = [_painted(painter, scene, None) for scene in SCENES]
    columns = {"content": contents}
    for strength in strengths:
        chosen = replace(settings, strength=strength)
        columns[f"word, {strength:g}"] = transfer(painter, contents, word, chosen)
    told = replace(settings, prompt=style_words(held_out))
    columns[f"caption, {told.strength:g}"] = transfer(painter, contents, None, told)
    truths = [_painted(painter, scene, held_out) for scene in SCENES]
    distances = {name: _mean_distance(column, truths) for name, column in columns.items()}
    columns["truth"] = truths
    pictures = {"style": style_picture, **_named(columns)}
    return Demo(_figure(style_picture, columns), word, distances, pictures)


def _painted(painter: Painter, scene: Scene, style: Style | None) -> Image.Image:
    """The world's picture at the painter's size."""
    return paint(scene, style, size=painter.picture_size)


def _named(columns: dict[str, Column]) -> dict[str, Image.Image]:
    """Each picture by its scene and column, as in "cat-word-0.8"."""
    return {
        f"{scene.subject}-{name.replace(', ', '-')}": picture
        for name, column in columns.items()
        for scene, picture in zip(SCENES, column, strict=True)
    }


def _mean_distance(column: Column, truths: Column) -> float:
    return float(np.mean([truth_distance(a, b) for a, b in zip(column, truths, strict=True)]))


def _figure(style_picture: Image.Image, columns: dict[str, Column]) -> Figure:
    styles: list[Image.Image | None] = [style_picture, *[None] * (len(SCENES) - 1)]
    rows = list(zip(styles, *columns.values(), strict=True))
    return picture_grid(rows, column_titles=["style picture", *columns])
