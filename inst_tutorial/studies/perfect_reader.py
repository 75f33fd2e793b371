"""The perfect reader: knows every style that a caption can mean, and paints one of them.

No painter that is told a style by words alone can know more than this reader. Book: chapter
"Styles that words can't say", where it is built in the open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import ImageColor

from inst_tutorial.world import RANGES, Style, style_words

COLOUR_SHAKE = 18  # of 255


def shaken(style: Style, rng: np.random.Generator) -> Style:
    """Another style with the same kinds of habits: their numbers are drawn at random, and each
    colour moves a little. What is off stays off, and colours are used as fully as before."""
    palette = tuple(_shaken_colour(colour, rng) for colour in style.palette)
    drawn = [name for name in RANGES if getattr(style, name) > 0 and name != "recolour"]
    habits: dict[str, Any] = {name: rng.uniform(*RANGES[name]) for name in drawn}
    return replace(style, palette=palette, name="", **habits)


def _shaken_colour(colour: str, rng: np.random.Generator) -> str:
    """A colour, each of its channels moved by about COLOUR_SHAKE, as "#rrggbb"."""
    channels = ImageColor.getrgb(colour)
    moved = np.clip(channels + rng.normal(0, COLOUR_SHAKE, 3), 0, 255).astype(int)
    return "#{:02x}{:02x}{:02x}".format(*moved)


def read(style: Style, rng: np.random.Generator) -> Style:
    """A style with the same caption: what a perfect reader of it might paint. Some captions are
    so narrow that it takes thousands of tries, a few seconds."""
    while True:
        guess = shaken(style, rng)
        if style_words(guess) == style_words(style):
            return guess
