"""A style: how a scene is painted, as a vector of continuous parameters.

Each parameter is a habit of the artist or a property of the material. Zero switches a habit
off, so any two styles can be blended and every point between them is a style.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from inst_tutorial.world.colours import opponent, rgb

#: parameter -> (lowest, highest) accepted value
RANGES: dict[str, tuple[float, float]] = {
    "recolour": (0, 1),
    "jitter": (0, 0.2),
    "contrast": (0.5, 1.6),
    "flatten": (0, 1),
    "wash": (0, 1),
    "cells": (0, 16),
    "dots": (0, 12),
    "strokes": (0, 1.5),
    "length": (4, 48),
    "width": (3, 10),
    "follow": (0, 1),
    "swirl": (0, 1),
    "angle": (0, 180),
    "curl": (0, 1),
    "relief": (0, 1),
    "outline": (0, 3),
    "hatch": (0, 12),
    "cross": (0, 1),
    "bare": (0, 1),
    "grain": (0, 1),
}


@dataclass(frozen=True)
class Style:
    """How a scene is painted. Pixels are those of a 128-pixel picture.

    Attributes:
        palette: 3 to 5 colours ("#rrggbb" or names) that a scene is recoloured to.
        recolour: how far colours move to the palette, 0 (not at all) to 1.
        jitter: how much colour varies from stroke to stroke, 0 to 0.2.
        contrast: of light and dark, 1 leaves it.
        flatten: poster-like flat tones, 0 (none) to 1 (three tones).
        wash: wet watercolour: soft, uneven, dark at the edges, 0 to 1.
        cells: size of mosaic tiles in pixels, 0 for none.
        dots: distance of dots in pixels, 0 for none.
        strokes: share of the picture covered by brush strokes, 0 for none, over 1 overlapping.
        length: of a stroke, in pixels.
        width: of a stroke, in pixels.
        follow: how much strokes follow the shapes, 0 to 1.
        swirl: how much they follow a swirling field; what `follow` and `swirl` leave of 1
            goes to the fixed direction `angle`.
        angle: fixed direction of strokes and hatching, degrees from horizontal.
        curl: how far a stroke bends along its field, 0 (straight) to 1.
        relief: thick paint that catches light, 0 to 1.
        outline: width of ink lines around shapes in pixels, 0 for none.
        ink: colour of outlines and hatching.
        hatch: distance of hatching lines in pixels, 0 for none.
        cross: strength of a second hatching across the first, 0 to 1.
        paper: colour of the ground.
        bare: how much of the light areas is left as bare paper, 0 to 1.
        grain: roughness of the paper, 0 to 1.

    Raises:
        ValueError: a number is outside ``RANGES``, or a colour cannot be read.
    """

    palette: tuple[str, ...] = ("black", "grey", "white")
    recolour: float = 0.0
    jitter: float = 0.0
    contrast: float = 1.0
    flatten: float = 0.0
    wash: float = 0.0
    cells: float = 0.0
    dots: float = 0.0
    strokes: float = 0.0
    length: float = 14.0
    width: float = 4.0
    follow: float = 0.0
    swirl: float = 0.0
    angle: float = 0.0
    curl: float = 0.5
    relief: float = 0.0
    outline: float = 0.0
    ink: str = "#231f22"
    hatch: float = 0.0
    cross: float = 0.0
    paper: str = "#f4efe2"
    bare: float = 0.0
    grain: float = 0.0
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Check every field."""
        for parameter, (low, high) in RANGES.items():
            value = getattr(self, parameter)
            if not low <= value <= high:
                raise ValueError(f"{parameter}={value} is outside {low}..{high}")
        for colour in (*self.palette, self.ink, self.paper):
            rgb(colour)
        if not 3 <= len(self.palette) <= 5:
            raise ValueError(f"a palette has 3 to 5 colours, this one {len(self.palette)}")

    def vector(self) -> np.ndarray:
        """The style as a point: every parameter in 0..1, then the palette's statistics.

        A parameter that cannot be seen (the length of strokes where there are none)
        counts as zero. Shape (28,), float64. Distances between such points say how
        unlike two styles are; see ``distance``.
        """
        seen = {
            name: (getattr(self, name) - low) / (high - low) for name, (low, high) in RANGES.items()
        }
        for name, needed in _SEEN_WITH.items():
            if not any(getattr(self, other) > 0 for other in needed):
                seen[name] = 0.0
        turn = np.deg2rad(2 * self.angle)
        steer = (1 - seen["follow"]) * (1 - seen["swirl"]) if self.strokes or self.hatch else 0.0
        seen["angle"] = 0.0
        colours = opponent(np.array([rgb(c) for c in self.palette]))
        hues = np.concatenate([colours.mean(0), colours.std(0)]) * self.recolour
        heading = 0.35 * steer * np.array([np.cos(turn), np.sin(turn)])
        return np.concatenate([np.array(list(seen.values())), heading, hues])


_SEEN_WITH = {
    "length": ("strokes",),
    "width": ("strokes",),
    "follow": ("strokes",),
    "swirl": ("strokes",),
    "curl": ("strokes",),
    "relief": ("strokes",),
    "cross": ("hatch",),
}


def distance(a: Style, b: Style) -> float:
    """How unlike two styles are: 0 for equal ones; named styles are 0.4 to 2.5 apart."""
    return float(np.linalg.norm(a.vector() - b.vector()))


def colours_only(style: Style) -> Style:
    """A style with the same palette and contrast, and no technique: no strokes, tiles or lines."""
    return Style(palette=style.palette, recolour=style.recolour, contrast=style.contrast)


def blend(a: Style, b: Style, share: float) -> Style:
    """The style between two: ``share`` = 0 gives ``a``, 1 gives ``b``.

    Numbers are interpolated; palette, ink and paper come from the nearer end.
    """
    near = asdict(a if share < 0.5 else b)
    numbers: dict[str, Any] = {
        name: (1 - share) * getattr(a, name) + share * getattr(b, name) for name in RANGES
    }
    return replace(Style(**{**near, **numbers}), name="")
