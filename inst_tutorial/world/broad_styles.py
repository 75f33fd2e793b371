"""Broad styles: any techniques together, each parameter anywhere in its useful range.

The named styles and their continuum are 26 islands and what lies near them. A painter trained on
those alone has no word for a style elsewhere. Broad styles fill the space between, and keep the
same gap around every held-out style.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inst_tutorial.world.colours import luminance, rgb
from inst_tutorial.world.named_styles import hex_of, keeps_gap, sample_palette
from inst_tutorial.world.scene import one_of
from inst_tutorial.world.style import Style

#: Main techniques. Strokes count three times: they have the most parameters.
TECHNIQUES = ("strokes", "strokes", "strokes", "wash", "cells", "dots", "flat", "hatch", "line")

#: The least difference in brightness, 0..1, between ink and ground where lines are all there is.
LEAST_CONTRAST = 0.25

Rng = np.random.Generator
Habits = dict[str, Any]


def sample_broad_style(rng: Rng) -> Style:
    """Draw a style from anywhere, never nearer than ``GAP`` to a held-out one."""
    while True:
        style = _sample(rng)
        if keeps_gap(style):
            return style


def _sample(rng: Rng) -> Style:
    main = one_of(TECHNIQUES, rng)
    habits = _ground(rng, main) | _lines(rng, main)
    habits |= _marks(rng, main, most_jitter=0.13 if "outline" in habits else 0.09)
    return Style(**habits, **_surface(rng, main), **_colours(rng, main))


def _ground(rng: Rng, main: str) -> Habits:
    """What lies below the marks: wet paint, flat tones."""
    habits: Habits = {}
    if main == "wash" or (main not in ("cells", "dots") and _chance(rng, 0.1)):
        habits["wash"] = rng.uniform(0.3, 1)
    if main == "flat" or _chance(rng, 0.12):
        habits["flatten"] = rng.uniform(0.3, 1)
    return habits


def _marks(rng: Rng, main: str, most_jitter: float) -> Habits:
    """Strokes, tiles or dots; strokes may also lie on top of another technique.

    Where colours vary more than `most_jitter`, a subject without outlines dissolves.
    """
    habits: Habits = {}
    if main == "cells":
        habits["cells"] = rng.uniform(7, 15)
    if main == "dots":
        habits["dots"] = rng.uniform(5, 9.5)
    below = main in ("wash", "cells", "dots", "flat")
    if main == "strokes" or (below and _chance(rng, 0.12)):
        habits |= _strokes(rng)
    return habits | ({"jitter": rng.uniform(0.02, most_jitter)} if habits else {})


def _strokes(rng: Rng) -> Habits:
    """Strokes of any size: in a swirl, along the shapes, between the two, or in one direction."""
    habits: Habits = {
        "strokes": rng.uniform(0.5, 1.4),
        "length": float(np.exp(rng.uniform(np.log(7), np.log(46)))),
        "width": rng.uniform(3, 9.5),
        "curl": rng.uniform(0, 1),
        "angle": rng.uniform(0, 180),
        "relief": rng.uniform(0.15, 0.9) if _chance(rng, 0.45) else 0.0,
    }
    direction = rng.random()
    if direction < 0.3:
        habits["swirl"] = rng.uniform(0.5, 1)
    elif direction < 0.6:
        habits["follow"] = rng.uniform(0.5, 1)
    elif direction < 0.7:
        habits |= {"swirl": rng.uniform(0.1, 0.6), "follow": rng.uniform(0.1, 0.6)}
    return habits


def _lines(rng: Rng, main: str) -> Habits:
    """Ink: hatching and outlines."""
    habits: Habits = {}
    if main == "hatch":
        habits["hatch"], habits["angle"] = rng.uniform(5, 9), rng.uniform(0, 180)
        habits["cross"] = rng.uniform(0.3, 1) if _chance(rng, 0.5) else 0.0
    if main in ("line", "hatch") or _chance(rng, 0.42):
        habits["outline"] = rng.uniform(0.8, 2.8)
    return habits


def _surface(rng: Rng, main: str) -> Habits:
    """Bare paper, its grain, contrast, and how far colours move to the palette."""
    surface: Habits = {}
    if main == "hatch":
        surface["bare"] = rng.uniform(0.4, 0.95)
    elif _chance(rng, 0.2):
        surface["bare"] = rng.uniform(0.1, 0.3 if main in ("cells", "dots") else 0.5)
    if _chance(rng, 0.18):
        surface["grain"] = rng.uniform(0.1, 0.7)
    if main == "line":
        surface["contrast"] = rng.uniform(0.55, 0.9)
    elif _chance(rng, 0.6):
        surface["contrast"] = rng.uniform(0.75, 1.45)
    least = 1.0 if main in ("hatch", "line") else 0.3 if _chance(rng, 0.5) else 0.75
    surface["recolour"] = rng.uniform(least, 1)
    return surface


def _colours(rng: Rng, main: str) -> Habits:
    """Palette, ink and paper. A line drawing may have few near tones, and light ink on them."""
    palette = sample_palette(rng)
    dark, light = palette[0], palette[-1]
    if main == "line" and _chance(rng, 0.6):
        palette = tuple(_scaled(palette[1], factor) for factor in (0.75, 1.0, 1.25))
    paper = light if _chance(rng, 0.6) else dark if _chance(rng, 0.25) else Style().paper
    if main == "line" and _chance(rng, 0.5):
        ink = light
    else:
        ink = dark if _chance(rng, 0.7) else sample_palette(rng)[1]
    if main in ("line", "hatch"):
        ink = _that_shows(ink, paper if main == "hatch" else palette[1], (dark, light))
    return {"palette": palette, "ink": ink, "paper": paper}


def _that_shows(ink: str, ground: str, others: tuple[str, str]) -> str:
    """The ink, or whichever of the other colours is farther from the ground in brightness if the
    ink is hardly to be seen on it: these pictures consist of their lines."""

    def contrast(colour: str) -> float:
        return abs(float(luminance(np.array(rgb(colour))) - luminance(np.array(rgb(ground)))))

    return ink if contrast(ink) >= LEAST_CONTRAST else max(others, key=contrast)


def _scaled(colour: str, factor: float) -> str:
    """A lighter or darker tone of "#rrggbb"."""
    return hex_of(255 * factor * np.array(rgb(colour)))


def _chance(rng: Rng, share: float) -> bool:
    return bool(rng.random() < share)
