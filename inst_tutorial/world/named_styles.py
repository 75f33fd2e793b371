"""The named styles: those Paintbox is trained on, and those it must never see.

Between the named training styles lies a continuum, ``sample_style``, which keeps
its distance from every held-out style.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from inst_tutorial.world.colours import NAMED
from inst_tutorial.world.style import RANGES, Style, blend

#: The gap around each held-out style that no training style enters; see ``style.distance``.
GAP = 0.42


def _named(table: dict[str, dict[str, Any]]) -> dict[str, Style]:
    return {name: Style(name=name, **habits) for name, habits in table.items()}


#: The styles of training, by name.
STYLES: dict[str, Style] = _named(
    {
        "oil": dict(palette=("#3a2d22", "#8a5a34", "#c99a5b", "#efe0b9"), recolour=0.35, jitter=0.05,
                    strokes=1.1, length=16, width=5, follow=0.7, relief=0.5, paper="#8a7a60"),
        "impressionist": dict(palette=("#38518f", "#7fb0d8", "#f2c9a1", "#f7f0d4"), recolour=0.4,
                              jitter=0.09, strokes=1.2, length=9, width=4, angle=30, relief=0.35,
                              paper="#d9d2c0"),
        "expressionist": dict(palette=("#1f1c2c", "#b8263a", "#e8832a", "#f4d35e"), recolour=0.75,
                              jitter=0.08, contrast=1.3, strokes=1.2, length=26, width=7, follow=0.3,
                              swirl=0.4, relief=0.4, outline=1.0),
        "fauve": dict(palette=("#203a8f", "#d6336c", "#2fa36b", "#f6a21e", "#fff1c9"), recolour=0.8,
                      jitter=0.06, contrast=1.25, strokes=1.1, length=18, width=7, follow=0.8),
        "gouache": dict(palette=("#2e4a4f", "#7fa99b", "#e0b48a", "#f5ead2"), recolour=0.5, jitter=0.03,
                        flatten=0.5, strokes=1.0, length=22, width=8, angle=0, curl=0.2),
        "rain": dict(palette=("#27323f", "#5d7385", "#9fb3bf", "#e2e8e8"), recolour=0.75, jitter=0.06,
                     strokes=1.2, length=28, width=3.5, angle=90, curl=0.1),
        "tide": dict(palette=("#0f3b4f", "#2f8f9d", "#8fd3c8", "#f0f4e3"), recolour=0.7, jitter=0.06,
                     strokes=1.2, length=30, width=4.5, angle=0, curl=0.4, relief=0.2),
        "dusk": dict(palette=("#2a1a40", "#6d3b7e", "#d86f72", "#ffd3a1"), recolour=0.75, jitter=0.07,
                     strokes=1.2, length=14, width=6, angle=135),
        "vortex": dict(palette=("#14321f", "#3f7d4c", "#a9c95d", "#f3efb4"), recolour=0.7, jitter=0.08,
                       strokes=1.3, length=34, width=4.5, swirl=0.95, curl=0.9, relief=0.4),
        "flames": dict(palette=("#2b0f12", "#9e1f22", "#ea6a1f", "#ffd65a"), recolour=0.9, jitter=0.08,
                       strokes=1.3, length=30, width=5, swirl=0.5, follow=0.4, curl=0.9, relief=0.3),
        "pastel": dict(palette=("#7d86b8", "#d99ab5", "#f3cfa8", "#fdf6e6"), recolour=0.65, jitter=0.05,
                       contrast=0.8, strokes=0.8, length=15, width=4, angle=60, paper="#f6ead9", bare=0.25,
                       grain=0.4),
        "watercolour": dict(palette=("#31506e", "#6f9fb5", "#d8a48f", "#f6ead6"), recolour=0.35, wash=0.9,
                            paper="#fbf8ef", grain=0.15),
        "ink-wash": dict(palette=("#17181c", "#55585f", "#a9adb0", "#f2f0ea"), recolour=1.0, wash=1.0,
                         paper="#f5f2e8", bare=0.3),
        "line-and-wash": dict(palette=("#40546b", "#9db4a0", "#e8c48f", "#f8f0dc"), recolour=0.5, wash=0.7,
                              outline=1.4, paper="#fbf6e8", bare=0.25),
        "pointillist": dict(palette=("#2d4a9a", "#4fae7b", "#f0a63a", "#f7ecc4"), recolour=0.55, jitter=0.1,
                            dots=5.5, paper="#f3ecd9"),
        "confetti": dict(palette=("#5a2a7a", "#d94f8c", "#3fb5b0", "#ffd84f"), recolour=0.8, jitter=0.06,
                         dots=8, paper="#fff6e8"),
        "mosaic": dict(palette=("#1f3d5c", "#3f8f9f", "#d9a441", "#f2e6c4"), recolour=0.55, jitter=0.05,
                       cells=9, paper="#e9e2d0"),
        "stained-glass": dict(palette=("#1c2f7a", "#b3202c", "#1f8a4c", "#f2c230"), recolour=0.85,
                              jitter=0.05, contrast=1.2, cells=14, paper="#17151a", outline=2.4),
        "poster": dict(palette=("#17324d", "#d94436", "#f2b441", "#f7eed8"), recolour=0.9, flatten=1.0),
        "comic": dict(palette=("#26418f", "#e03c31", "#f5c518", "#fdfbf0"), recolour=0.5, flatten=0.7,
                      outline=2.2, contrast=1.15),
        "woodcut": dict(palette=("#1a1614", "#8a8378", "#efe6d2"), recolour=1.0, flatten=0.6, outline=2.0,
                        hatch=7, angle=0, bare=0.9, paper="#efe6d2", ink="#1a1614"),
        "engraving": dict(palette=("#3a3128", "#b9ab92", "#f1e7d0"), recolour=1.0, outline=1.0, hatch=6,
                          angle=45, cross=0.8, bare=0.8, paper="#f1e7d0", ink="#2c241c"),
        "blueprint": dict(palette=("#143a7a", "#1c4a94", "#2a5cae"), recolour=1.0, contrast=0.6, outline=1.8,
                          ink="#e8f1ff", paper="#1c4a94"),
        "charcoal": dict(palette=("#1d1c1f", "#77757a", "#efece6"), recolour=1.0, strokes=0.9, length=12,
                         width=3.5, angle=45, bare=0.5, outline=1.0, grain=0.7, paper="#efece6"),
        "autumn": dict(palette=("#3b2314", "#8f4a1f", "#c9822b", "#f0d38a"), recolour=0.85, jitter=0.09,
                       strokes=1.2, length=8, width=5.5, angle=100, relief=0.3),
        "frost": dict(palette=("#3b4a7a", "#8ea9d8", "#c9dcf2", "#ffffff"), recolour=0.85, jitter=0.04,
                      strokes=0.9, length=20, width=3.5, follow=0.6, paper="#f3f7ff", bare=0.2, grain=0.2),
    }
)  # fmt: skip

#: The styles that are only ever learned from one picture. They differ from each other in kind.
HELD_OUT: dict[str, Style] = _named(
    {
        "starry": dict(palette=("#101c4e", "#2a56b0", "#7fb2e5", "#f6d548"), recolour=0.9, jitter=0.09,
                       contrast=1.2, strokes=1.35, length=30, width=4.2, swirl=0.85, follow=0.1, curl=0.95,
                       relief=0.85),
        "orchard": dict(palette=("#234a2f", "#d4542a", "#f39a3b", "#f9dfa0"), recolour=0.8, jitter=0.12,
                        dots=7, outline=1.2, ink="#3a1e14", paper="#f7e9c9"),
        "byzantine": dict(palette=("#3a1a12", "#8c2f24", "#d9a32c", "#f8e29a"), recolour=0.95, jitter=0.08,
                          cells=7.5, outline=2.0, ink="#241008", paper="#4a3218"),
        "banknote": dict(palette=("#12382c", "#5d8f74", "#dfe9d2"), recolour=1.0, outline=1.4, hatch=6.5,
                         angle=120, cross=1.0, bare=0.5, paper="#dfe9d2", ink="#12382c"),
        "propaganda": dict(palette=("#1a1210", "#b5161f", "#f4ead0"), recolour=1.0, contrast=1.4, flatten=1.0,
                           outline=2.8, ink="#1a1210", paper="#f4ead0", grain=0.25),
        "blossom": dict(palette=("#7a5c8e", "#e58fae", "#bfe0cf", "#fdeef0"), recolour=0.9, wash=0.6,
                        contrast=0.85, strokes=0.6, length=8, width=5, angle=60, jitter=0.05, bare=0.15,
                        paper="#fdf4f2"),
        "ember": dict(palette=("#0d3b40", "#1f7a74", "#e8632a", "#f7b77a"), recolour=0.95, jitter=0.1,
                      contrast=1.2, strokes=1.3, length=22, width=7.5, angle=65, curl=0.05, relief=0.6,
                      outline=1.0),
        "jade": dict(palette=("#1f3f36", "#4f9a7a", "#a9d8b8", "#eef6e4"), recolour=1.0, wash=0.8,
                     contrast=1.2, strokes=0.4, length=34, width=3, angle=160, curl=0.3, jitter=0.06, outline=1.6,
                     ink="#2f5f50", paper="#eef6e4", bare=0.2),
        "neon": dict(palette=("#120a2a", "#1b1140", "#2a1a5c"), recolour=1.0, contrast=0.7, outline=2.6,
                     ink="#ff4fd8", dots=8, jitter=0.07, paper="#0c0720"),
        "tapestry": dict(palette=("#2a2f4a", "#7a3b3b", "#a88a4a", "#e3d3a8"), recolour=0.8, jitter=0.05,
                         contrast=1.3, strokes=1.3, length=9, width=3.2, angle=90, curl=0.0, paper="#5a4a38"),
        "desert-poster": dict(palette=("#5a2a3a", "#c8643c", "#f0b060", "#f9e6c0"), recolour=0.9,
                              contrast=1.35, flatten=0.9, strokes=0.5, length=40, width=4, angle=0, curl=0.1, jitter=0.05,
                              grain=0.5),
        "ice-glass": dict(palette=("#123a6a", "#4f9fd0", "#bfe6f2", "#ffffff"), recolour=0.9, contrast=1.4,
                          cells=12, wash=0.3, outline=1.3, ink="#123a6a",
                          paper="#f4fbff", jitter=0.06),
        "graphite-swirl": dict(palette=("#2c2c30", "#84848a", "#ecebe8"), recolour=1.0, strokes=1.0,
                               length=40, width=3.2, swirl=0.9, curl=1.0, bare=0.2, contrast=1.3, paper="#ecebe8",
                               jitter=0.05),
        "lagoon": dict(palette=("#163a5c", "#1fa3a0", "#f2d06b", "#fff4d9"), recolour=0.9, jitter=0.06,
                       strokes=1.2, length=44, width=9, follow=0.9, curl=0.9, outline=1.6, ink="#0e2238"),
    }
)  # fmt: skip


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a style from the training continuum, never nearer than ``GAP`` to a held-out one."""
    while True:
        style = _wander(rng)
        if keeps_gap(style):
            return style


def keeps_gap(style: Style) -> bool:
    """Whether a style is no nearer than ``GAP`` to any held-out one."""
    point = style.vector()
    return all(np.linalg.norm(point - unseen) >= GAP for unseen in _held_out_vectors())


@cache
def _held_out_vectors() -> tuple[np.ndarray, ...]:
    return tuple(style.vector() for style in HELD_OUT.values())


def _wander(rng: np.random.Generator) -> Style:
    """A named style with shaken parameters and, mostly, another palette; or a blend of two."""
    one, two = (STYLES[str(name)] for name in rng.choice(list(STYLES), 2, replace=False))
    style = blend(one, two, rng.uniform(0, 1)) if rng.random() < 0.2 else one
    numbers: dict[str, Any] = {name: _shake(rng, name, getattr(style, name)) for name in RANGES}
    if rng.random() < 0.3:
        numbers["angle"] = float(rng.uniform(0, 180))
    palette = sample_palette(rng) if rng.random() < 0.7 else style.palette
    return replace(style, palette=palette, name="", **numbers)


def _shake(rng: np.random.Generator, name: str, value: float) -> float:
    """Move a parameter by up to a few percent of its range, within its limits; 0 stays 0."""
    low, high = RANGES[name]
    moved = value + rng.normal(0, 0.06) * (high - low)
    least = {"cells": 7.0, "dots": 5.0, "hatch": 5.0, "outline": 0.8}.get(name, low)
    return 0.0 if value == 0 else float(np.clip(moved, least, high))


def sample_palette(rng: np.random.Generator) -> tuple[str, ...]:
    """Three to five colours around two or three named ones, from dark to light."""
    names = [n for n in NAMED if n not in ("black", "white", "cream")]
    chosen = [str(n) for n in rng.choice(names, int(rng.integers(1, 4)), replace=False)]
    base = [hex_of(np.array(_channels(NAMED[name])) + rng.normal(0, 12, 3)) for name in chosen]
    dark = hex_of(np.array(_channels(base[0])) * rng.uniform(0.2, 0.4))
    light = hex_of(255 - (255 - np.array(_channels(base[-1]))) * rng.uniform(0.1, 0.35))
    return (dark, *base, light)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hex_of(channels: np.ndarray) -> str:
    """A colour of three channels, 0..255 and rounded, as "#rrggbb"."""
    red, green, blue = np.clip(np.round(channels), 0, 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
