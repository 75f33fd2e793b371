"""The stream of training examples: seed -> (picture, caption)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from inst_tutorial.world.artist_names import artists
from inst_tutorial.world.broad_styles import sample_broad_style
from inst_tutorial.world.caption import describe, named_caption
from inst_tutorial.world.named_styles import sample_style
from inst_tutorial.world.render import paint
from inst_tutorial.world.scene import Scene, one_of
from inst_tutorial.world.style import Style


@dataclass(frozen=True)
class Shares:
    """What the stream of examples consists of. The rest are paintings in styles of the continuum.

    The defaults are those of the book's examples. A training states its own.

    Attributes:
        photographs: share of photographs.
        artists: share of paintings by one of `artists`.
        broad: share of paintings in broad styles.
        name_alone: share of the captions with a name that consist of the name alone.

    Raises:
        ValueError: a share is outside 0..1, or the first three are more than 1 together.
    """

    photographs: float = 0.12
    artists: float = 0.62
    broad: float = 0.0
    name_alone: float = 0.4

    def __post_init__(self) -> None:
        """Check every field."""
        parts = self.photographs, self.artists, self.broad
        if min(*parts, self.name_alone) < 0 or sum(parts) > 1 or self.name_alone > 1:
            raise ValueError(f"{self}: each share is 0..1, and the first three at most 1 together")


DEFAULT = Shares()


def sample_example(seed: int, shares: Shares = DEFAULT) -> tuple[Scene, Style | None, str]:
    """A scene, a training style (``None`` for a photograph) and a caption, all from one seed.

    The styles of `artists` have their name; styles of the continuum and broad ones are used once.
    """
    rng = np.random.default_rng(seed)
    scene = Scene.sample(rng)
    style = _sample_style(rng, shares)
    return scene, style, describe(scene, style, rng)


def _sample_style(rng: np.random.Generator, shares: Shares) -> Style | None:
    kind = rng.random()
    if kind < shares.photographs:
        return None
    if kind < shares.photographs + shares.artists:
        return artists()[one_of(list(artists()), rng)]
    if kind < shares.photographs + shares.artists + shares.broad:
        return sample_broad_style(rng)
    return sample_style(rng)


def sample_captions(
    seed: int, shares: Shares = DEFAULT
) -> tuple[Scene, Style | None, tuple[str, str]]:
    """``sample_example(seed)`` with a second caption, which names the artist instead of describing
    the style, with "*" where the name belongs. Both captions of a photograph are the same."""
    scene, style, caption = sample_example(seed, shares)
    if style is None:
        return scene, style, (caption, caption)
    rng = np.random.default_rng([seed, 1])
    named = named_caption(scene, replace(style, name="*"), rng, alone=shares.name_alone)
    return scene, style, (caption, named)


def sample_pair(seed: int, shares: Shares = DEFAULT) -> tuple[Image.Image, str]:
    """One training picture, 128 x 128 RGB, and its caption. The same seed gives the same pair."""
    scene, style, caption = sample_example(seed, shares)
    return paint(scene, style), caption


def sample_caption(seed: int, shares: Shares = DEFAULT) -> str:
    """The caption of ``sample_pair(seed)``, without painting."""
    return sample_example(seed, shares)[2]


def sample_named_caption(seed: int, shares: Shares = DEFAULT) -> str:
    """The second of ``sample_captions(seed)``: the artist is named."""
    return sample_captions(seed, shares)[2][1]
