"""Colours by name, and the arithmetic of colours that scenes and styles share.

All colours are float RGB in 0..1 (sRGB, not linear light), shape (..., 3).
"""

from __future__ import annotations

from functools import cache

import numpy as np

Colour = tuple[float, float, float]

#: The colour words of every caption: name -> "#rrggbb".
NAMED: dict[str, str] = {
    "red": "#c8322b",
    "orange": "#e8832a",
    "yellow": "#f2cf3b",
    "green": "#4e9a47",
    "forest": "#1f4a36",
    "teal": "#2c8f8c",
    "blue": "#3a6fc4",
    "navy": "#1d2a5c",
    "purple": "#7d4ba0",
    "pink": "#e58fae",
    "brown": "#80522f",
    "cream": "#f1e6c8",
    "grey": "#8b8f94",
    "black": "#1b1a1e",
    "white": "#fbfaf6",
}


def rgb(colour: str) -> Colour:
    """Turn a name of ``NAMED`` or "#rrggbb" into (r, g, b) in 0..1.

    Raises:
        ValueError: the text is neither.
    """
    text = NAMED.get(colour, colour)
    if len(text) != 7 or text[0] != "#":
        raise ValueError(f"unknown colour {colour!r}: use '#rrggbb' or one of {', '.join(NAMED)}")
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend two colours; ``share`` = 0 gives ``a``, 1 gives ``b``."""
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def luminance(picture_01: np.ndarray) -> np.ndarray:
    """Brightness as the eye weighs it (Rec. 601): (..., 3) -> (...), 0..1."""
    return picture_01 @ np.array([0.299, 0.587, 0.114], dtype=picture_01.dtype)


def opponent(picture_01: np.ndarray) -> np.ndarray:
    """Brightness, red against green, yellow against blue: (..., 3) -> (..., 3).

    A linear space that is cheap and close enough to how colours look alike;
    distances in it decide which palette colour stands for which scene colour.
    """
    red, green, blue = np.moveaxis(picture_01, -1, 0)
    light = luminance(picture_01)
    return np.stack([light, red - green, (red + green) / 2 - blue], axis=-1)


def name_of(colour: str) -> str:
    """The word of ``NAMED`` that is nearest to a colour given as "#rrggbb" or by name."""
    here = opponent(np.array(rgb(colour)))
    return list(NAMED)[int(np.argmin(((_named_points() - here) ** 2).sum(-1)))]


@cache
def _named_points() -> np.ndarray:
    """The colours of ``NAMED`` as points of `opponent`: (n, 3)."""
    return opponent(np.array([rgb(name) for name in NAMED]))
