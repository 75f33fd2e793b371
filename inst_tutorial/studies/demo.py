"""The demonstration: a style learned from one picture, three scenes repainted, the truth beside.

Everything in one figure: the style picture, the contents, the results at three strengths, the
truths, and what the best caption gives at the default strength.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.figures import picture_grid
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter
from inst_tutorial.studies.trial import Trial, learn_words
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene

Columns = Mapping[str, list[Image.Image]]

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
    style: str = "byzantine",
    *,
    strengths: Sequence[float] = (0.5, 0.65, 0.8),
    learning: LearningSettings | None = None,
    settings: TransferSettings | None = None,
) -> Demo:
    """Learn the held-out style of that name from one picture and repaint three scenes.

    Raises KeyError for a style that is not in HELD_OUT.
    """
    trial = Trial(painter, HELD_OUT[style], STYLE_SCENE, SCENES)
    (word,) = learn_words([trial], learning or LearningSettings())
    results = repainted(trial, word, strengths, settings or TransferSettings())
    distances = {
        name: float(np.mean(trial.truth_distances(column))) for name, column in results.items()
    }
    columns = {**results, "truth": trial.truths}
    pictures = {"style": trial.style_picture, **_named(columns)}
    return Demo(_figure(trial.style_picture, columns), word, distances, pictures)


def repainted(
    trial: Trial, word: Word, strengths: Sequence[float], settings: TransferSettings
) -> dict[str, list[Image.Image]]:
    """The contents, and what the word makes of them at each strength and the caption at one."""
    columns = {"content": trial.contents}
    for strength in strengths:
        at_strength = replace(settings, strength=strength)
        columns[f"word, {strength:g}"] = trial.repaint(word, at_strength)
    columns[f"caption, {settings.strength:g}"] = trial.repaint_by_caption(settings)
    return columns


def _named(columns: Columns) -> dict[str, Image.Image]:
    """Each picture by its scene and column, as in "cat-word-0.8"."""
    return {
        f"{scene.subject}-{name.replace(', ', '-')}": picture
        for name, column in columns.items()
        for scene, picture in zip(SCENES, column, strict=True)
    }


def _figure(style_picture: Image.Image, columns: Columns) -> Figure:
    styles: list[Image.Image | None] = [style_picture, *[None] * (len(SCENES) - 1)]
    rows = list(zip(styles, *columns.values(), strict=True))
    return picture_grid(rows, column_titles=["style picture", *columns])
