"""Paintings that training has not seen, and wrong words for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inst_tutorial.world import (
    SUBJECTS,
    Scene,
    Style,
    full_caption,
    sample_example,
    sample_style,
    style_words,
)

Painting = tuple[Scene, Style]


def paintings(first_seed: int) -> Iterator[Painting]:
    """Scenes in styles of the training continuum, without end."""
    for seed in itertools.count(first_seed):
        scene, style, _ = sample_example(seed)
        if style is not None:
            yield scene, style


def paintings_of(count: int, first_seed: int) -> list[Painting]:
    """The first `count` of them."""
    return list(itertools.islice(paintings(first_seed), count))


def distinct_captions(count: int, first_seed: int) -> list[Painting]:
    """Scenes in styles of the training continuum, no two with the same caption."""
    found: dict[str, Painting] = {}
    for scene, style in paintings(first_seed):
        found.setdefault(full_caption(scene, style), (scene, style))
        if len(found) == count:
            return list(found.values())
    raise AssertionError("paintings() has no end")


def wrong_subject(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same scene with another subject."""
    others = [name for name in SUBJECTS if name != scene.subject]
    return replace(scene, subject=str(rng.choice(others)))


def wrong_style(style: Style, rng: np.random.Generator) -> Style:
    """A style of the training continuum that is called otherwise."""
    other = style
    while style_words(other) == style_words(style):
        other = sample_style(rng)
    return other
