"""A style as numbers, which the artist embedder turns into the vector of a name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inst_tutorial.world import Style
from inst_tutorial.world.colours import rgb

COLOURS = 5  # the most that a palette has


def style_numbers(style: Style) -> NDArray[np.float32]:
    """All that is seen of a style, (NUMBERS,): the style as a point (`Style.vector`), its palette
    from dark to light, how far it recolours, the colour of the ink where it draws lines, and that
    of the paper where it shows: bare, through a wash, between tiles or dots. Each in -1..2."""
    palette = sorted((2 * np.asarray(rgb(colour)) - 1 for colour in style.palette), key=np.sum)
    places = np.linspace(0, len(palette) - 1, COLOURS).round().astype(int)
    ink = 2 * np.asarray(rgb(style.ink)) - 1 if style.outline or style.hatch else np.zeros(3)
    paper_shows = style.bare or style.wash or style.cells or style.dots
    paper = 2 * np.asarray(rgb(style.paper)) - 1 if paper_shows else np.zeros(3)
    colours = [palette[place] for place in places]
    parts = [2 * style.vector(), *colours, [2 * style.recolour - 1], ink, paper]
    return np.concatenate(parts).astype(np.float32)


#: How many numbers describe a style.
NUMBERS = len(style_numbers(Style()))
