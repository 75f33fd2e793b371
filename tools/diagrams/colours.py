"""The colours of the diagrams: one for each role, on light pages and on dark ones.

The hues are those of the figures (Okabe & Ito 2008, as in inst.mplstyle), so that they differ for
colour-blind readers as well. No diagram rests on colour alone: what is frozen carries a snowflake,
what is learned a thick border.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """Of one role: the area of its boxes, and their border, arrows and text."""

    fill: str
    line: str


Theme = dict[str, Colour]

LIGHT: Theme = {
    "ink": Colour("#ffffff", "#1f2933"),
    "muted": Colour("#f3f5f7", "#5b6672"),
    "panel": Colour("#f7f8fa", "#dde2e7"),
    "frozen": Colour("#e6eaef", "#66727f"),
    "network": Colour("#e6eaef", "#66727f"),
    "learned": Colour("#fde5d5", "#b84800"),
    "word": Colour("#d8eaf8", "#0072b2"),
    "picture": Colour("#d9f1e8", "#00805d"),
    "noise": Colour("#f6e3ee", "#a8487f"),
}
DARK: Theme = {
    "ink": Colour("#14181e", "#e8ebee"),
    "muted": Colour("#20262d", "#a7b1bb"),
    "panel": Colour("#1b2027", "#38414b"),
    "frozen": Colour("#303842", "#9fabb7"),
    "network": Colour("#303842", "#9fabb7"),
    "learned": Colour("#4a2408", "#ff9a52"),
    "word": Colour("#0e3552", "#6cc1f5"),
    "picture": Colour("#0b3b2d", "#35c79d"),
    "noise": Colour("#472440", "#e69bc9"),
}
THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}
