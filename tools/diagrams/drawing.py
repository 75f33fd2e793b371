"""A diagram: its name, what it shows in words, and its two layouts, for a desk and for a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diagrams.canvas import Canvas
from diagrams.colours import THEMES

WIDE, NARROW = 760, 360  # a page's width on a desk, and on a phone


@dataclass(frozen=True)
class Layout:
    """A size in pixels, and what draws."""

    width: float
    height: float
    draw: Callable[[Canvas], None]


@dataclass(frozen=True)
class Diagram:
    """`name` is that of its files, `alt` stands where the drawing cannot be seen."""

    name: str
    alt: str
    wide: Layout
    narrow: Layout

    def files(self) -> dict[str, str]:
        """The name of each file, and what is in it."""
        layouts = {"": self.wide, "-narrow": self.narrow}
        themes = {"": THEMES["light"], "-dark": THEMES["dark"]}
        found = {}
        for narrow, layout in layouts.items():
            for dark, theme in themes.items():
                canvas = Canvas(layout.width, layout.height, theme, self.alt)
                layout.draw(canvas)
                found[f"{self.name}{narrow}{dark}.svg"] = canvas.svg()
        return found
