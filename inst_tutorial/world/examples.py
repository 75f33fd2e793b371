"""The stream of training examples: seed -> (picture, caption)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from inst_tutorial.world.caption import describe
from inst_tutorial.world.gallery import STYLES, sample_style
from inst_tutorial.world.paint import paint
from inst_tutorial.world.scene import Scene
from inst_tutorial.world.style import Style

PHOTO_SHARE, NAMED_SHARE = 0.12, 0.3


def sample_example(seed: int) -> tuple[Scene, Style | None, str]:
    """A scene, a training style (``None`` for a photograph) and a caption, all from one seed."""
    rng = np.random.default_rng(seed)
    scene = Scene.sample(rng)
    kind = rng.random()
    if kind < PHOTO_SHARE:
        style = None
    elif kind < PHOTO_SHARE + NAMED_SHARE:
        style = STYLES[str(rng.choice(list(STYLES)))]
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
