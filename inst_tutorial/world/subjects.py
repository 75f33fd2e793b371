"""The twelve subjects: each is a few shapes in a frame of its own.

A subject stands on y = 0, reaches to about y = 1, and is drawn in two colours:
``main``, which the caption names, and ``trim``, which it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from inst_tutorial.world.canvas import Place
from inst_tutorial.world.colours import Colour, mix, rgb

WHITE, CREAM, DARK = rgb("white"), rgb("#efe3c6"), rgb("#2b2833")
WOOD, STONE, LEAF, GLASS = rgb("#7a5236"), rgb("#b9b5ac"), rgb("#3f8a45"), rgb("#ffe9a0")


def house(p: Place, main: Colour, trim: Colour) -> None:
    """A cottage: the roof carries the main colour."""
    p.box(0.14, 0.66, 0.26, 1.0, mix(WOOD, main, 0.2))
    p.box(-0.37, 0, 0.37, 0.52, CREAM)
    p.polygon([(-0.46, 0.5), (0.46, 0.5), (0.26, 0.9), (-0.26, 0.9)], main)
    p.box(-0.08, 0, 0.1, 0.34, trim)
    for x in (-0.3, 0.17):
        p.box(x, 0.2, x + 0.14, 0.39, rgb("#3d5876"))


def lighthouse(p: Place, main: Colour, trim: Colour) -> None:
    """A striped tower with a lamp."""
    del trim
    p.polygon([(-0.24, 0), (0.24, 0), (0.14, 0.72), (-0.14, 0.72)], WHITE)
    for low in (0.06, 0.32, 0.56):
        a, b = 0.24 - 0.139 * low, 0.24 - 0.139 * (low + 0.13)
        p.polygon([(-a, low), (a, low), (b, low + 0.13), (-b, low + 0.13)], main)
    p.box(-0.2, 0.71, 0.2, 0.76, DARK)
    p.box(-0.11, 0.76, 0.11, 0.88, GLASS)
    p.polygon([(-0.16, 0.88), (0.16, 0.88), (0, 1.02)], main)


def castle(p: Place, main: Colour, trim: Colour) -> None:
    """Two towers with pointed roofs, a wall between them, a gate."""
    stone = mix(STONE, trim, 0.12)
    p.box(-0.3, 0, 0.3, 0.46, mix(stone, DARK, 0.1))
    for x in (-0.22, -0.02, 0.18):
        p.box(x - 0.05, 0.46, x + 0.07, 0.54, mix(stone, DARK, 0.1), same=True)
    for x in (-0.37, 0.37):
        p.box(x - 0.15, 0, x + 0.15, 0.64, stone)
        p.polygon([(x - 0.2, 0.63), (x + 0.2, 0.63), (x, 1.0)], main)
        p.box(x - 0.035, 0.38, x + 0.035, 0.52, DARK)
    p.box(-0.11, 0, 0.11, 0.22, DARK)
    p.ellipse(0, 0.22, 0.11, 0.11, DARK, same=True)


def windmill(p: Place, main: Colour, trim: Colour) -> None:
    """A white mill with four coloured sails."""
    p.polygon([(-0.27, 0), (0.27, 0), (0.16, 0.58), (-0.16, 0.58)], CREAM)
    p.ellipse(0, 0.58, 0.17, 0.15, mix(WOOD, DARK, 0.2))
    p.box(-0.08, 0, 0.08, 0.24, trim)
    for k in range(4):
        u, v = cos(pi / 5 + k * pi / 2), sin(pi / 5 + k * pi / 2)
        corners = [(0.08, 0.0), (0.5, 0.0), (0.5, 0.17), (0.14, 0.17)]
        p.polygon([(u * a - v * b, 0.6 + v * a + u * b) for a, b in corners], main)
        p.line([(0, 0.6), (0.5 * u, 0.6 + 0.5 * v)], WOOD, 0.035)
    p.ellipse(0, 0.6, 0.055, 0.055, DARK)


def tree(p: Place, main: Colour, trim: Colour) -> None:
    """A trunk and a crown of five round tufts; the crown is the main colour."""
    del trim
    p.polygon([(-0.1, 0), (0.1, 0), (0.06, 0.5), (-0.06, 0.5)], WOOD)
    p.line([(0, 0.3), (0.2, 0.55)], WOOD, 0.06, same=True)
    tufts = [(-0.25, 0.56, 0.2), (0.26, 0.58, 0.2), (-0.14, 0.78, 0.2), (0.16, 0.8, 0.19)]
    for x, y, r in tufts:
        p.ellipse(x, y, r, r, mix(main, DARK, 0.16))
    p.ellipse(0.0, 0.66, 0.23, 0.23, main)


def flower(p: Place, main: Colour, trim: Colour) -> None:
    """Eight petals around a yellow heart, two leaves."""
    del trim
    p.line([(0, 0), (0.02, 0.5)], LEAF, 0.06)
    for side in (-1, 1):
        p.polygon([(0.01, 0.1), (side * 0.3, 0.32), (side * 0.13, 0.1)], LEAF)
    for k in range(8):
        x, y = 0.25 * cos(k * pi / 4), 0.25 * sin(k * pi / 4)
        p.ellipse(x, 0.66 + y, 0.125, 0.125, main if k % 2 else mix(main, WHITE, 0.25))
    p.ellipse(0, 0.66, 0.15, 0.15, rgb("yellow"))


def mushroom(p: Place, main: Colour, trim: Colour) -> None:
    """A thick stem and a spotted cap."""
    del trim
    p.polygon([(-0.14, 0), (0.14, 0), (0.1, 0.45), (-0.1, 0.45)], CREAM)
    dome = [(0.48 * cos(k * pi / 16), 0.4 + 0.5 * sin(k * pi / 16)) for k in range(17)]
    p.polygon(dome, main)
    p.ellipse(0, 0.4, 0.48, 0.06, mix(main, DARK, 0.3))
    for x, y, r in [(-0.24, 0.58, 0.07), (0.02, 0.72, 0.085), (0.26, 0.56, 0.065)]:
        p.ellipse(x, y, r, r * 0.85, WHITE)


def cat(p: Place, main: Colour, trim: Colour) -> None:
    """A sitting cat, seen from the front, tail at its side."""
    del trim
    shade = mix(main, DARK, 0.22)
    p.line([(0.22, 0.08), (0.42, 0.1), (0.46, 0.32), (0.38, 0.44)], shade, 0.1)
    p.ellipse(0, 0.24, 0.29, 0.3, main)
    p.ellipse(0, 0.2, 0.14, 0.19, mix(main, WHITE, 0.6))
    for side in (-1, 1):
        p.polygon([(side * 0.25, 0.66), (side * 0.26, 1.0), (side * 0.05, 0.82)], shade)
    p.ellipse(0, 0.65, 0.28, 0.24, main)
    for side in (-1, 1):
        p.ellipse(side * 0.115, 0.69, 0.06, 0.065, rgb("#e9e27a"))
        p.ellipse(side * 0.115, 0.69, 0.025, 0.055, DARK)
    p.polygon([(-0.04, 0.6), (0.04, 0.6), (0, 0.55)], rgb("#d9798a"))


def owl(p: Place, main: Colour, trim: Colour) -> None:
    """A round owl with large eyes, on its feet."""
    del trim
    for side in (-1, 1):
        p.ellipse(side * 0.12, 0.02, 0.09, 0.04, rgb("orange"))
        p.polygon([(side * 0.3, 0.78), (side * 0.3, 1.02), (side * 0.08, 0.88)], main)
    p.ellipse(0, 0.48, 0.38, 0.47, main)
    for side in (-1, 1):
        p.ellipse(side * 0.34, 0.42, 0.1, 0.28, mix(main, DARK, 0.3))
    p.ellipse(0, 0.3, 0.22, 0.24, mix(main, WHITE, 0.65))
    for side in (-1, 1):
        p.ellipse(side * 0.15, 0.69, 0.15, 0.15, WHITE)
        p.ellipse(side * 0.14, 0.69, 0.075, 0.075, DARK)
    p.polygon([(-0.05, 0.6), (0.05, 0.6), (0, 0.5)], rgb("orange"))


def sailboat(p: Place, main: Colour, trim: Colour) -> None:
    """A hull with two sails; the large sail is the main colour."""
    p.line([(-0.02, 0.12), (-0.02, 1.0)], WOOD, 0.04)
    p.polygon([(0.02, 0.26), (0.46, 0.26), (0.02, 0.98)], main)
    p.polygon([(-0.06, 0.26), (-0.4, 0.26), (-0.06, 0.84)], WHITE)
    hull = [(-0.5, 0.2), (0.54, 0.2), (0.36, 0.0), (-0.34, 0.0)]
    p.polygon(hull, mix(trim, WOOD, 0.5))


def balloon(p: Place, main: Colour, trim: Colour) -> None:
    """A hot-air balloon with upright stripes and a basket."""
    del trim
    for side in (-1, 1):
        p.line([(side * 0.3, 0.5), (side * 0.07, 0.13)], WOOD, 0.02)
    p.ellipse(0, 0.64, 0.38, 0.38, main)
    p.polygon([(-0.33, 0.46), (0.33, 0.46), (0.1, 0.2), (-0.1, 0.2)], main, same=True)
    for a in (0.24, 0.07):
        p.ellipse(0, 0.64, a, 0.38, CREAM if a > 0.1 else main)
    p.box(-0.1, 0, 0.1, 0.14, WOOD)


def rocket(p: Place, main: Colour, trim: Colour) -> None:
    """A standing rocket: round body, fins and nose in the main colour, a window."""
    del trim
    for side in (-1, 1):
        p.polygon([(side * 0.14, 0.36), (side * 0.4, 0.0), (side * 0.14, 0.12)], main)
    p.polygon([(-0.1, 0.1), (0.1, 0.1), (0.06, 0.0), (-0.06, 0.0)], DARK)
    p.ellipse(0, 0.5, 0.22, 0.46, WHITE)
    nose = [(0.22 * cos(a), 0.5 + 0.46 * sin(a)) for a in (k * pi / 24 for k in range(7, 18))]
    p.polygon(nose, main)
    p.ellipse(0, 0.56, 0.11, 0.11, main)
    p.ellipse(0, 0.56, 0.075, 0.075, rgb("#8fd0e8"))


#: name -> the function that draws it
SUBJECTS: dict[str, Callable[[Place, Colour, Colour], None]] = {
    f.__name__: f
    for f in (
        house, lighthouse, castle, windmill, tree, flower,
        mushroom, cat, owl, sailboat, balloon, rocket,
    )
}  # fmt: skip
