"""What every diagram is drawn with: boxes, pictures, arrows, lines of text.

Coordinates are pixels, x to the right and y down. A box that is drawn knows the middles of its
sides, so that arrows can be drawn from one box to another.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, hypot, pi, sin
from xml.etree import ElementTree

from diagrams.colours import Theme
from diagrams.lettering import SCALE, line_of, number
from diagrams.pictures import FOLDER

Point = tuple[float, float]
SIZE = 13.0  # of letters
LEADING = 1.3  # from line to line, in sizes
CORNER = 6.0
HEAD = 7.0  # length of an arrow's head
SPACE = 4.0  # between a box's border and its text, at least
TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True)
class Box:
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        """The middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def left(self) -> Point:
        """The middle of the left side."""
        return self.x, self.centre[1]

    @property
    def right(self) -> Point:
        """The middle of the right side."""
        return self.x + self.width, self.centre[1]

    @property
    def top(self) -> Point:
        """The middle of the upper side."""
        return self.centre[0], self.y

    @property
    def bottom(self) -> Point:
        """The middle of the lower side."""
        return self.centre[0], self.y + self.height


class Canvas:
    """An SVG drawing in the colours of a theme; `alt` is what it shows, in words."""

    def __init__(self, width: float, height: float, theme: Theme, alt: str) -> None:
        self.width, self.height, self.theme = width, height, theme
        self.root = ElementTree.Element(
            "svg",
            xmlns="http://www.w3.org/2000/svg",
            width=number(width),
            height=number(height),
            viewBox=f"0 0 {number(width)} {number(height)}",
            role="img",
        )
        self.group = self.root
        self._add("desc").text = alt
        self.glyphs: dict[str, str] = {}  # outline -> name
        self.glyph_list = self._add("defs")
        self.origins: list[Point] = []  # of the parts within parts that are being drawn

    # ------------------------------------------------------------------------------- shapes

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str | Sequence[str] = "",
        role: str = "ink",
        *,
        size: float = SIZE,
        bold: bool = False,
        dashed: bool = False,
        corner: float = CORNER,
    ) -> Box:
        """A box with lines of text in its middle.

        Frozen boxes carry a snowflake, those of what is learned have a thick border. Raises
        ValueError when the text does not fit.
        """
        colour, found = self.theme[role], Box(x, y, width, height)
        shape = self._rectangle(found, colour.fill, colour.line, corner)
        shape.set("stroke-width", "2.5" if role == "learned" else "1.3")
        if dashed:
            shape.set("stroke-dasharray", "4 3")
        lines = [text] if isinstance(text, str) else list(text)
        mark = 16 if role == "frozen" else 0
        room = width - 2 * SPACE - mark
        for line in filter(None, lines):
            if (wide := line_of(line, bold).width * size / SCALE) > room:
                raise ValueError(f"{line!r} is {wide:.0f} pixels wide, its box has {room:.0f}")
        if role == "frozen":
            self.snowflake(x + width - 10, y + 10)
        if any(lines):
            middle = x + (width - mark / 2) / 2, found.centre[1]
            self.text(*middle, lines, role=_text(role), size=size, bold=bold)
        return found

    def panel(self, x: float, y: float, width: float, height: float, title: str = "") -> Box:
        """A quiet area behind a part of the diagram, with its title in the left upper corner."""
        colour, found = self.theme["panel"], Box(x, y, width, height)
        self._rectangle(found, colour.fill, colour.line, 10)
        if title:
            self.text(x + 14, y + 18, title, size=14, anchor="start", bold=True)
        return found

    def picture(self, x: float, y: float, side: float, name: str, role: str = "picture") -> Box:
        """A square picture of the folder pictures/ in a frame; latents keep their hard pixels."""
        (path,) = FOLDER.glob(f"{name}.*")
        data = base64.b64encode(path.read_bytes()).decode()
        image = self._add(
            "image",
            x=x,
            y=y,
            width=side,
            height=side,
            href=f"data:{TYPES[path.suffix]};base64,{data}",
        )
        if path.suffix == ".png":
            image.set("style", "image-rendering: pixelated")
        found = Box(x, y, side, side)
        frame = self._rectangle(found, "none", self.theme[role].line, 2)
        frame.set("stroke-width", "1.8")
        return found

    def cells(
        self,
        x: float,
        y: float,
        columns: int,
        rows: int = 1,
        side: float = 12,
        role: str = "word",
    ) -> Box:
        """A vector or a table: little squares, which stand for numbers."""
        colour = self.theme[role]
        for i in range(rows):
            for j in range(columns):
                cell = Box(x + j * side, y + i * side, side, side)
                shape = self._rectangle(cell, colour.fill, colour.line, 0)
                shape.set("stroke-width", "0.8")
        found = Box(x, y, columns * side, rows * side)
        frame = self._rectangle(found, "none", colour.line, 2)
        frame.set("stroke-width", "2.5" if role == "learned" else "1.5")
        return found

    def circle(self, x: float, y: float, radius: float, text: str = "", role: str = "ink") -> Box:
        """A circle, for a small operation such as a sum."""
        colour = self.theme[role]
        self._add("circle", cx=x, cy=y, r=radius, fill=colour.fill, stroke=colour.line).set(
            "stroke-width", "1.3"
        )
        if text:
            self.text(x, y, text, role=_text(role))
        return Box(x - radius, y - radius, 2 * radius, 2 * radius)

    def dot(
        self, x: float, y: float, radius: float = 3, role: str = "ink", full: bool = True
    ) -> None:
        """A full or an empty dot."""
        colour = self.theme[role]
        fill = colour.line if full else colour.fill
        self._add("circle", cx=x, cy=y, r=radius, fill=fill, stroke=colour.line)

    def snowflake(self, x: float, y: float, radius: float = 5.5) -> None:
        """The mark of what is frozen."""
        arms = [(cos(k * pi / 3 + pi / 6), sin(k * pi / 3 + pi / 6)) for k in range(6)]
        parts = [f"M {number(x)} {number(y)} L {_at(x, y, dx, dy, radius)}" for dx, dy in arms]
        for k, (dx, dy) in enumerate(arms):
            for side in (k - 1, k + 1):
                sx, sy = arms[side % 6]
                bx, by = x + dx * radius * 0.55, y + dy * radius * 0.55
                parts.append(f"M {number(bx)} {number(by)} L {_at(bx, by, sx, sy, radius * 0.35)}")
        self._path(" ".join(parts), self.theme["frozen"].line, 1.0)

    # --------------------------------------------------------------------------------- lines

    def arrow(
        self,
        *points: Point,
        role: str = "ink",
        dashed: bool = False,
        width: float = 1.5,
        head: bool = True,
    ) -> None:
        """An arrow through the points, with round corners; dashed for what flows back."""
        *_, (x0, y0), (x1, y1) = points
        length = hypot(x1 - x0, y1 - y0)
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        colour = self.theme[role].line
        end = (x1 - dx * HEAD * 0.8, y1 - dy * HEAD * 0.8) if head else (x1, y1)
        line = self._path(_rounded([*points[:-1], end]), colour, width)
        if dashed:
            line.set("stroke-dasharray", "5 3.5")
        if head:
            back, half = HEAD + width, (HEAD + width) * 0.45
            bx, by = x1 - dx * back, y1 - dy * back
            corners = [(x1, y1), (bx - dy * half, by + dx * half), (bx + dy * half, by - dx * half)]
            self._add("path", d=f"M {' L '.join(_pair(p) for p in corners)} Z", fill=colour)

    def line(
        self, *points: Point, role: str = "ink", dashed: bool = False, width: float = 1.5
    ) -> None:
        """An arrow without a head."""
        self.arrow(*points, role=role, dashed=dashed, width=width, head=False)

    # ---------------------------------------------------------------------------------- text

    def text(
        self,
        x: float,
        y: float,
        text: str | Sequence[str],
        *,
        size: float = SIZE,
        role: str = "ink",
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """Lines of text around the height y; x is their start, middle or end.

        Raises ValueError when a line leaves the drawing.
        """
        lines = [text] if isinstance(text, str) else list(text)
        first = y + 0.36 * size - (len(lines) - 1) / 2 * size * LEADING
        for i, line in enumerate(lines):
            self._line(x, first + i * size * LEADING, line, size, role, anchor, bold)

    def _line(
        self, x: float, y: float, text: str, size: float, role: str, anchor: str, bold: bool
    ) -> None:
        line, scale = line_of(text, bold), size / SCALE
        start = x - line.width * scale * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        left = start + sum(x for x, _ in self.origins)
        if left < 0 or left + line.width * scale > self.width:
            raise ValueError(f"{text!r} leaves the drawing: it begins at {left:.0f}")
        group = self._add(
            "g",
            transform=f"translate({number(start)} {number(y)}) scale({scale:.4f} {-scale:.4f})",
            fill=self.theme[role].line,
        )
        for glyph in line.glyphs:
            use = ElementTree.SubElement(group, "use", href=f"#{self._glyph(glyph.outline)}")
            move = f"translate({number(glyph.x)} {number(glyph.y)})"
            grow = f" scale({number(glyph.scale)})" if glyph.scale != 1 else ""
            use.set("transform", move + grow)

    def _glyph(self, outline: str) -> str:
        """The name of an outline, which is written once."""
        if outline not in self.glyphs:
            self.glyphs[outline] = f"g{len(self.glyphs)}"
            ElementTree.SubElement(self.glyph_list, "path", id=self.glyphs[outline], d=outline)
        return self.glyphs[outline]

    # --------------------------------------------------------------------------------- parts

    @contextmanager
    def at(self, x: float, y: float, opacity: float = 1) -> Iterator[None]:
        """What is drawn within is moved, and paler where the opacity is below 1."""
        outer, self.group = (
            self.group,
            self._add("g", transform=f"translate({number(x)} {number(y)})"),
        )
        self.origins.append((x, y))
        if opacity != 1:
            self.group.set("opacity", number(opacity))
        yield
        self.origins.pop()
        self.group = outer

    def svg(self) -> str:
        """The drawing as text; the same drawing always gives the same text."""
        ElementTree.indent(self.root)
        return ElementTree.tostring(self.root, encoding="unicode") + "\n"

    # ----------------------------------------------------------------------------- elements

    def _add(self, name: str, **attributes: float | str) -> ElementTree.Element:
        """An element in the part that is being drawn."""
        written = {
            key: value if isinstance(value, str) else number(value)
            for key, value in attributes.items()
        }
        return ElementTree.SubElement(self.group, name, written)

    def _rectangle(self, box: Box, fill: str, line: str, corner: float) -> ElementTree.Element:
        sides = dict(x=box.x, y=box.y, width=box.width, height=box.height, rx=corner)
        return self._add("rect", **sides, fill=fill, stroke=line)

    def _path(self, data: str, line: str, width: float) -> ElementTree.Element:
        path = self._add("path", d=data, fill="none", stroke=line)
        path.set("stroke-width", number(width))
        path.set("stroke-linecap", "round")
        return path


def _text(role: str) -> str:
    """The role of the text in a box."""
    return "muted" if role == "muted" else "ink"


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _at(x: float, y: float, dx: float, dy: float, length: float) -> str:
    """The point that lies so far from another, in a direction."""
    return _pair((x + dx * length, y + dy * length))


def _rounded(points: Sequence[Point], radius: float = 8) -> str:
    """Path data for a line through the points that turns in arcs."""
    parts = [f"M {_pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        one, two = (_towards(corner, other, radius) for other in (before, after))
        parts.append(f"L {_pair(one)} Q {_pair(corner)} {_pair(two)}")
    return " ".join([*parts, f"L {_pair(points[-1])}"])


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point at a distance from the start, or half way where that is nearer."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = min(0.5, distance / hypot(dx, dy))
    return start[0] + dx * share, start[1] + dy * share
