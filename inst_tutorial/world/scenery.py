"""The six settings and three lights: what stands behind and below the subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sin

import numpy as np

from inst_tutorial.world.canvas import Canvas
from inst_tutorial.world.colours import Colour, mix, rgb

HORIZON = 0.62  # height of the horizon, from the top


@dataclass(frozen=True)
class Light:
    """A time of day.

    Attributes:
        phrase: how a caption says it.
        sky: colours from the top to the horizon.
        tint: what daylight colours are mixed with, and how much (``share``).
        disc: colour of the sun or moon.
    """

    phrase: str
    sky: tuple[str, ...]
    tint: str
    share: float
    disc: str

    def on(self, colour: str) -> Colour:
        """A daylight colour as it looks in this light."""
        return mix(rgb(colour), rgb(self.tint), self.share)


LIGHTS: dict[str, Light] = {
    "day": Light("by day", ("#4f93d8", "#8fc3ee", "#d3e8f2"), "#fff6e0", 0.04, "#fff2b0"),
    "sunset": Light("at sunset", ("#6a5aa8", "#e0708a", "#f9b467"), "#f08a5a", 0.24, "#ffd98a"),
    "night": Light("at night", ("#0d1438", "#1d2b63", "#3b4a86"), "#1a2152", 0.52, "#f4f1d8"),
}


def _ground(canvas: Canvas, light: Light, colour: str, wave: float, phase: float) -> None:
    """A stretch of land from the horizon down, with a wavy upper edge."""
    xs = np.linspace(0, 1, 25)
    edge = [(x, HORIZON + wave * sin(2 * pi * x + phase)) for x in xs]
    canvas.polygon([*edge, (1, 1), (0, 1)], light.on(colour))


def sea(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Water with a few bright waves, and a sandy bank to stand on."""
    canvas.polygon([(0, HORIZON), (1, HORIZON), (1, 1), (0, 1)], light.on("#2f7fae"))
    for _ in range(7):
        x, y = rng.uniform(0, 1), rng.uniform(HORIZON + 0.03, 0.84)
        canvas.line([(x, y), (x + rng.uniform(0.08, 0.18), y)], light.on("#a8dbe6"), 0.012)
    canvas.ellipse((0.5, 1.02), (0.7, 0.2), light.on("#e3c88c"))


def meadow(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Two green hills with flowers."""
    _ground(canvas, light, "#5f9e4c", 0.05, rng.uniform(0, 2 * pi))
    canvas.ellipse((rng.uniform(0.3, 0.7), 1.1), (1.0, 0.4), light.on("#86bd55"))
    for _ in range(12):
        spot = rng.uniform(0, 1), rng.uniform(0.78, 0.98)
        canvas.ellipse(
            spot, (0.014, 0.014), light.on(rng.choice(["#f7e463", "#f4f0ee", "#e57fa4"]))
        )


def desert(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Dunes, and a cactus on each side."""
    _ground(canvas, light, "#d9a05b", 0.06, rng.uniform(0, 2 * pi))
    canvas.ellipse((rng.uniform(0.2, 0.8), 1.14), (0.95, 0.42), light.on("#eec27f"))
    green = light.on("#4f7f4a")
    for x in (rng.uniform(0.05, 0.12), rng.uniform(0.88, 0.95)):
        canvas.line([(x, 0.84), (x, 0.58)], green, 0.04)
        canvas.line([(x - 0.05, 0.62), (x - 0.05, 0.7), (x, 0.7)], green, 0.026, same=True)
        canvas.line([(x + 0.05, 0.6), (x + 0.05, 0.67), (x, 0.67)], green, 0.026, same=True)


def snow(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """White slopes and dark firs."""
    _ground(canvas, light, "#dfe9f2", 0.03, rng.uniform(0, 2 * pi))
    for k in range(6):
        x = (k + rng.uniform(0.1, 0.9)) / 6
        _fir(canvas, x, HORIZON + 0.06, rng.uniform(0.2, 0.3), light.on("#2f5b4b"))
    canvas.ellipse((rng.uniform(0.3, 0.7), 1.1), (1.0, 0.38), light.on("#f7fafc"))


def _fir(canvas: Canvas, x: float, foot: float, height: float, green: Colour) -> None:
    for step, wide in ((0.0, 0.3), (0.28, 0.24), (0.56, 0.17)):
        low, top = foot - step * height, foot - min(step + 0.5, 1.0) * height
        half = wide * height
        canvas.polygon([(x - half, low), (x + half, low), (x, top)], green, same=step > 0)


def city(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """A row of tower blocks with lit windows, and a street."""
    lamp = rgb("#ffe08a") if light.share > 0.2 else light.on("#dfeaf2")
    x = -0.04
    while x < 1.0:
        wide, top = rng.uniform(0.13, 0.19), rng.uniform(0.2, 0.42)
        wall = light.on(rng.choice(["#6d7488", "#86808c", "#5c6a80"]))
        canvas.polygon([(x, 0.7), (x + wide, 0.7), (x + wide, top), (x, top)], wall)
        _windows(canvas, x, wide, top, lamp)
        x += wide + 0.005
    canvas.polygon([(0, 0.68), (1, 0.68), (1, 1), (0, 1)], light.on("#8d8a88"))
    canvas.polygon([(0, 0.66), (1, 0.66), (1, 0.71), (0, 0.71)], light.on("#b5b0a8"))


def _windows(canvas: Canvas, x: float, wide: float, top: float, lamp: Colour) -> None:
    for row in range(4):
        for column in range(2):
            left, up = x + wide * (0.18 + 0.42 * column), top + 0.05 + 0.085 * row
            if up < 0.6:
                a, b = left + wide * 0.24, up + 0.045
                canvas.polygon([(left, up), (a, up), (a, b), (left, b)], lamp)


def mountains(canvas: Canvas, light: Light, rng: np.random.Generator) -> None:
    """Three peaks with snow on top, and a green valley."""
    for k in (0, 2, 1):
        x, top = 0.16 + 0.34 * k + rng.uniform(-0.06, 0.06), rng.uniform(0.14, 0.3)
        half, cap = 0.34, 0.3
        foot = HORIZON + 0.08
        rock = light.on("#6f7791" if k == 1 else "#868da3")
        canvas.polygon([(x - half, foot), (x + half, foot), (x, top)], rock)
        low, side = top + cap * (foot - top), cap * half
        jag = [
            (x - side, low),
            (x - side / 3, low - 0.03),
            (x + side / 3, low + 0.02),
            (x + side, low),
        ]
        canvas.polygon([(x, top), *jag[::-1]], light.on("#f4f6fa"))
    _ground(canvas, light, "#5a8a58", 0.02, rng.uniform(0, 2 * pi))


#: name -> (how a caption says it, the function that draws it)
SETTINGS: dict[str, tuple[str, Callable[[Canvas, Light, np.random.Generator], None]]] = {
    "sea": ("by the sea", sea),
    "meadow": ("in a meadow", meadow),
    "desert": ("in the desert", desert),
    "snow": ("in the snow", snow),
    "city": ("in the city", city),
    "mountains": ("in the mountains", mountains),
}
