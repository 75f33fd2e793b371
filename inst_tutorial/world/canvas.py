"""A canvas that draws two pictures at once: the colours, and which part is where.

Every shape goes into the colour picture and, with a number of its own, into the
parts picture. Shading and ink outlines come from the parts, so they never have
to guess where an object ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from inst_tutorial.world.colours import Colour

Point = tuple[float, float]
Ink = int | tuple[int, int, int]

SIZE = 128  # pixels a side of every picture of the world
MOST_PARTS = 255  # shapes on one canvas
SCALE = 3  # drawn this much larger, then averaged down, so that edges are smooth

#: Row and column of every pixel, (128, 128) float32 each.
YS, XS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
YS.flags.writeable = XS.flags.writeable = False


@dataclass(frozen=True)
class Drawing:
    """A finished drawing, float32 and 128 pixels a side.

    Attributes:
        picture_01: colours, (128, 128, 3) in 0..1.
        parts: which shape is on top at each pixel, (128, 128) int32.
        subject: where the subject is, (128, 128) bool.
    """

    picture_01: np.ndarray
    parts: np.ndarray
    subject: np.ndarray


class Canvas:
    """Draws in unit coordinates: x to the right and y DOWN, both 0..1."""

    def __init__(self, background_01: np.ndarray) -> None:
        """Start from a background of shape (rows, 3): one colour a row, top to bottom."""
        side = SIZE * SCALE
        rows = np.linspace(0, len(background_01) - 1, side)
        column = np.stack(
            [np.interp(rows, range(len(background_01)), channel) for channel in background_01.T], -1
        )  # (side, 3)
        narrow = Image.fromarray((column * 255).round().astype(np.uint8)[:, None])  # one pixel wide
        self._colour = narrow.resize((side, side), Image.Resampling.NEAREST)
        self._parts = Image.new("L", (side, side), 0)
        self._colour_pen = ImageDraw.Draw(self._colour)
        self._parts_pen = ImageDraw.Draw(self._parts)
        self._part = 0
        self._subject_from = 1 << 30

    def begin_subject(self) -> None:
        """Say that every shape from here on belongs to the subject."""
        self._subject_from = self._part + 1

    def polygon(self, points: Sequence[Point], colour: Colour, *, same: bool = False) -> None:
        """Fill a polygon. ``same`` keeps it in the part that was drawn last."""
        corners = [(x * SIZE * SCALE, y * SIZE * SCALE) for x, y in points]
        for pen, fill in self._pens(colour, same):
            pen.polygon(corners, fill=fill)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, *, same: bool = False) -> None:
        """Fill an ellipse with half-axes ``radii``."""
        side = SIZE * SCALE
        (x, y), (a, b) = centre, radii
        box = ((x - a) * side, (y - b) * side, (x + a) * side, (y + b) * side)
        for pen, fill in self._pens(colour, same):
            pen.ellipse(box, fill=fill)

    def line(
        self, points: Sequence[Point], colour: Colour, width: float, *, same: bool = False
    ) -> None:
        """Draw a line through ``points``; ``width`` in units of the picture's side."""
        side = SIZE * SCALE
        corners = [(x * side, y * side) for x, y in points]
        for pen, fill in self._pens(colour, same):
            pen.line(corners, fill=fill, width=max(1, round(width * side)), joint="curve")

    def finish(self) -> Drawing:
        """Average down to 128 pixels."""
        picture = np.asarray(self._colour.reduce(SCALE), dtype=np.float32) / 255
        middle = SCALE // 2
        parts = np.asarray(self._parts, dtype=np.int32)[middle::SCALE, middle::SCALE]
        return Drawing(picture, parts, parts >= self._subject_from)

    def _pens(
        self, colour: Colour, same: bool
    ) -> tuple[tuple[ImageDraw.ImageDraw, Ink], tuple[ImageDraw.ImageDraw, Ink]]:
        """Both pens, each with what it draws: the colour, and the number of the part."""
        if not same:
            self._part += 1
            if self._part > MOST_PARTS:
                raise ValueError(f"a canvas holds {MOST_PARTS} shapes, and this is one more")
        red, green, blue = (round(255 * min(max(c, 0.0), 1.0)) for c in colour)
        return (self._colour_pen, (red, green, blue)), (self._parts_pen, self._part)


@dataclass(frozen=True)
class Place:
    """A frame of its own for one object: x from -0.5 to 0.5, y UP from 0 (its foot) to 1."""

    canvas: Canvas
    x: float
    foot: float
    size: float
    flip: bool = False

    def at(self, x: float, y: float) -> Point:
        """Own coordinates -> canvas coordinates."""
        return self.x + (-x if self.flip else x) * self.size, self.foot - y * self.size

    def polygon(self, points: Sequence[Point], colour: Colour, *, same: bool = False) -> None:
        """Fill a polygon given in own coordinates."""
        self.canvas.polygon([self.at(*point) for point in points], colour, same=same)

    def box(
        self,
        left: float,
        bottom: float,
        right: float,
        top: float,
        colour: Colour,
        *,
        same: bool = False,
    ) -> None:
        """Fill an upright rectangle given in own coordinates."""
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        self.polygon(corners, colour, same=same)

    def ellipse(
        self, x: float, y: float, a: float, b: float, colour: Colour, *, same: bool = False
    ) -> None:
        """Fill an ellipse around (x, y) with half-axes a and b."""
        radii = (a * self.size, b * self.size)
        self.canvas.ellipse(self.at(x, y), radii, colour, same=same)

    def line(
        self, points: Sequence[Point], colour: Colour, width: float, *, same: bool = False
    ) -> None:
        """Draw a line; ``width`` in own units."""
        corners = [self.at(*point) for point in points]
        self.canvas.line(corners, colour, width * self.size, same=same)
