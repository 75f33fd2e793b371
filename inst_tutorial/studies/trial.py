"""One trial: a word is learned from one picture, contents are repainted, and the truth judges.

The demo, the experiments, the evaluation and the sweeps are all made of trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from PIL import Image

from inst_tutorial.learning import LearningSettings, learn_many
from inst_tutorial.metrics import truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.studies.colour_transfer import colour_transfer
from inst_tutorial.studies.perfect_reader import read
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import Scene, Style, colours_only, paint, style_words

Picture = Image.Image
Item = TypeVar("Item")

BATCH = 8  # pictures that are computed together


@dataclass(frozen=True, eq=False)
class Trial:
    """A style of the world, with everything that is measured in it; painted when it is needed.

    Attributes:
        style: what is to be learned.
        style_scene: what the style picture shows.
        scenes: what the contents show.
    """

    painter: Painter
    style: Style
    style_scene: Scene
    scenes: Sequence[Scene]

    @cached_property
    def style_picture(self) -> Picture:
        """The only picture of the style that a word is learned from."""
        return self.paint(self.style_scene, self.style)

    @cached_property
    def contents(self) -> list[Picture]:
        """The photographs to repaint."""
        return [self.paint(scene, None) for scene in self.scenes]

    @cached_property
    def truths(self) -> list[Picture]:
        """What the contents should become."""
        return [self.paint(scene, self.style) for scene in self.scenes]

    @cached_property
    def recoloured(self) -> list[Picture]:
        """The contents in the true colours of the style, without its technique."""
        return [self.paint(scene, colours_only(self.style)) for scene in self.scenes]

    @cached_property
    def colour_transferred(self) -> list[Picture]:
        """The contents with the colour statistics of the style picture, without a network."""
        return [colour_transfer(content, self.style_picture) for content in self.contents]

    def readings(self, seed: int = 0) -> list[Picture]:
        """The scenes as perfect readers of the best caption might paint them, a reader each. Their
        strokes fall otherwise than the truth's."""
        rng = np.random.default_rng(seed)
        return [self.paint(scene, read(self.style, rng), stroke_seed=1) for scene in self.scenes]

    def paint(self, scene: Scene, style: Style | None, stroke_seed: int = 0) -> Picture:
        """The world's picture at the painter's size."""
        return paint(scene, style, stroke_seed=stroke_seed, size=self.painter.picture_size)

    def repaint(self, word: Word | None, settings: TransferSettings) -> list[Picture]:
        """All contents, repainted with the word, or without one by the prompt of the settings."""
        return self._transferred(self.contents, word, settings)

    def repaint_truths(self, word: Word | None, settings: TransferSettings) -> list[Picture]:
        """The truths, noised and denoised with the word, or by the prompt, as contents are.

        The walk starts at the answer, so its distance to the truth is what noising and denoising
        cost. From the content, a word cannot be expected to come nearer.
        """
        return self._transferred(self.truths, word, settings)

    def repaint_by_caption(self, settings: TransferSettings) -> list[Picture]:
        """All contents, repainted by the best caption that the world has for the style."""
        return self.repaint(None, replace(settings, prompt=style_words(self.style)))

    def truth_distances(self, results: Sequence[Picture]) -> list[float]:
        """How far the result of each content is from its truth, in CIELAB units."""
        pairs = zip(results, self.truths, strict=True)
        return [truth_distance(result, truth) for result, truth in pairs]

    def _transferred(
        self, pictures: Sequence[Picture], word: Word | None, settings: TransferSettings
    ) -> list[Picture]:
        reference = self.style_picture if settings.adain else None
        transferred: list[Picture] = []
        for batch in batches(pictures):
            transferred += transfer(self.painter, batch, word, settings, reference)
        return transferred


def learn_words(
    trials: Sequence[Trial],
    settings: LearningSettings,
    *,
    watched: int = 0,
    progress: bool = True,
) -> list[Word]:
    """A word from the style picture of each trial, learned together; all have one painter.

    The loss on the first `watched` truths of a trial is recorded in the word's curve; no word
    learns from them.
    """
    return learn_many(
        trials[0].painter,
        [[trial.style_picture] for trial in trials],
        settings,
        others=[trial.truths[:watched] if watched else [] for trial in trials],
        progress=progress,
    )


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Items, BATCH at a time."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
