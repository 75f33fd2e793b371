"""Text as outlines, so that a diagram looks the same everywhere; formulas between dollar signs.

Letters are those of DejaVu Sans, as in the figures; formulas are set by matplotlib in Computer
Modern, as on the pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path

SCALE = text_to_path.FONT_SCALE  # outlines are of letters of this size
EPSILON = "\N{GREEK LUNATE EPSILON SYMBOL}"  # as on the pages; matplotlib's is the other one
COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}


@dataclass(frozen=True)
class Glyph:
    """A letter of a line: its outline, where it stands, and how many times larger it is."""

    outline: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class Line:
    """A line of text in letters of size `SCALE`, its origin left on the base line, y upwards."""

    glyphs: tuple[Glyph, ...]
    width: float


def line_of(text: str, bold: bool = False) -> Line:
    """Set a line of text."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    font.set_math_fontfamily("dejavuserif")
    font.set_size(SCALE)
    text = text.replace("\\epsilon", EPSILON)
    math = "$" in text
    if math:
        glyphs, outlines, bars = text_to_path.get_glyphs_mathtext(font, text)
    else:
        file = get_font(findfont(font))
        file.set_size(SCALE, 72)
        glyphs, outlines, bars = text_to_path.get_glyphs_with_font(file, text)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, math)
    letters = [
        Glyph(outline_of(*outlines[name]), float(x), float(y), float(scale))
        for name, x, y, scale in glyphs
    ]
    letters += [Glyph(outline_of(*bar), 0, 0, 1) for bar in bars]
    return Line(tuple(letters), float(width))


def outline_of(points: Any, codes: Any) -> str:
    """SVG's path data for matplotlib's vertices (n, 2) and codes (n,)."""
    parts: list[str] = []
    pending = 0  # points of the present curve that are still to come
    for (x, y), code in zip(points, codes, strict=True):
        if code == Outline.CLOSEPOLY:
            parts.append("Z")
            continue
        if not pending:
            parts.append(COMMANDS[code])
            pending = {Outline.CURVE3: 2, Outline.CURVE4: 3}.get(code, 1)
        parts.append(f"{number(x)} {number(y)}")
        pending -= 1
    return " ".join(parts)


def number(value: float) -> str:
    """A number with two decimals at most."""
    return f"{round(float(value), 2) + 0:.2f}".rstrip("0").rstrip(".")
