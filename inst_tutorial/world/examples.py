"""The stream of training examples: seed -> (picture, caption)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from inst_tutorial.world.artist_names import artists
from inst_tutorial.world.caption import describe, named_caption
from inst_tutorial.world.gallery import sample_style
from inst_tutorial.world.render import paint
from inst_tutorial.world.scene import Scene
from inst_tutorial.world.style import Style

PHOTO_SHARE, ARTIST_SHARE = 0.12, 0.62


def sample_example(seed: int) -> tuple[Scene, Style | None, str]:
    """A scene, a training style (``None`` for a photograph) and a caption, all from one seed.

    Most styles are those of `artists`, and have their name; the others are used once.
    """
    rng = np.random.default_rng(seed)
    scene = Scene.sample(rng)
    kind = rng.random()
    if kind < PHOTO_SHARE:
        style = None
    elif kind < PHOTO_SHARE + ARTIST_SHARE:
        style = artists()[str(rng.choice(list(artists())))]
    else:
        style = sample_style(rng)
    return scene, style, describe(scene, style, rng)


def sample_pair(seed: int) -> tuple[Image.Image, str]:
    """One training picture, 128 x 128 RGB, and its caption. The same seed gives the same pair."""
    scene, style, caption = sample_example(seed)
    return paint(scene, style), caption


def sample_caption(seed: int) -> str:
    """The caption of ``sample_pair(seed)``, without painting."""
    return sample_example(seed)[2]


def sample_named_caption(seed: int) -> str:
    """A caption of ``sample_pair(seed)`` that names the artist instead of describing the style,
    with "*" where the name belongs; that of a photograph is ``sample_caption(seed)``."""
    scene, style, caption = sample_example(seed)
    if style is None:
        return caption
    return named_caption(scene, replace(style, name="*"), np.random.default_rng([seed, 1]))
