"""A scene: what is to be seen, before anybody paints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from inst_tutorial.world.canvas import SIZE, XS, YS, Canvas, Drawing, Place
from inst_tutorial.world.colours import mix, rgb
from inst_tutorial.world.scenery import LIGHTS, SETTINGS, Light
from inst_tutorial.world.subjects import SUBJECTS

#: The colours that a subject can have.
SUBJECT_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")

ROUND = 12  # pixels from its edge over which a part of the subject bulges

FLOATING = {"balloon": 0.1}  # how far above the ground a subject hovers


@dataclass(frozen=True)
class Scene:
    """Everything that decides what a scene looks like.

    Attributes:
        subject: one of ``SUBJECTS``.
        setting: one of ``SETTINGS``.
        light: "day", "sunset" or "night".
        colour: the subject's main colour, one of ``SUBJECT_COLOURS``.
        trim: its second colour, likewise.
        x: where the subject stands, 0 (left edge) to 1 (right edge).
        size: its height as a share of the picture's height.
        flip: whether it is mirrored, light included.
        seed: decides the details (clouds, hills, windows).

    Raises:
        ValueError: a name is unknown or a number is outside its range.
    """

    subject: str
    setting: str
    light: str = "day"
    colour: str = "red"
    trim: str = "blue"
    x: float = 0.5
    size: float = 0.7
    flip: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        _check("subject", self.subject, SUBJECTS)
        _check("setting", self.setting, SETTINGS)
        _check("light", self.light, LIGHTS)
        _check("colour", self.colour, SUBJECT_COLOURS)
        _check("trim", self.trim, SUBJECT_COLOURS)
        if not (0.0 <= self.x <= 1.0 and 0.2 <= self.size <= 0.9):
            raise ValueError(f"x={self.x}, size={self.size}: x is 0..1 and size 0.2..0.9")

    @classmethod
    def sample(cls, seed: int | np.random.Generator, **fixed: Any) -> Scene:
        """Draw a scene at random; ``fixed`` fields keep the value given.

        The same integer seed gives the same scene on every machine.
        """
        rng = np.random.default_rng(seed)
        scene = cls(
            subject=one_of(list(SUBJECTS), rng),
            setting=one_of(list(SETTINGS), rng),
            light=str(rng.choice(list(LIGHTS), p=[0.5, 0.25, 0.25])),
            colour=one_of(SUBJECT_COLOURS, rng),
            trim=one_of(SUBJECT_COLOURS, rng),
            x=round(float(rng.uniform(0.4, 0.6)), 3),
            size=round(float(rng.uniform(0.64, 0.8)), 3),
            flip=bool(rng.integers(2)),
            seed=int(rng.integers(1 << 31)),
        )
        return replace(scene, **fixed)

    def draw(self) -> Drawing:
        """Draw the scene clean and shaded: its "photograph", with its parts."""
        rng = np.random.default_rng(self.seed)
        light = LIGHTS[self.light]
        canvas = Canvas(np.array([rgb(c) for c in (*light.sky, light.sky[-1])]))
        _sky(canvas, light, rng, self.light == "night")
        SETTINGS[self.setting][1](canvas, light, rng)
        foot = 0.92 - FLOATING.get(self.subject, 0.0)
        place = Place(canvas, self.x, foot, self.size, self.flip)
        canvas.begin_subject()
        main, trim = (
            mix(rgb(c), rgb(light.tint), light.share * 0.4) for c in (self.colour, self.trim)
        )
        SUBJECTS[self.subject](place, main, trim)
        drawing = canvas.finish()
        return _shade(drawing, self.x, self.size, -1.0 if self.flip else 1.0)


def one_of(names: Sequence[str], rng: np.random.Generator) -> str:
    """The name that `rng.choice` would draw, without an array of all names."""
    return names[int(rng.integers(len(names)))]


def _check(field: str, value: str, accepted: Any) -> None:
    if value not in accepted:
        raise ValueError(f"unknown {field} {value!r}: choose one of {', '.join(accepted)}")


def _sky(canvas: Canvas, light: Light, rng: np.random.Generator, night: bool) -> None:
    """A sun or moon, and clouds or stars."""
    x, y = rng.uniform(0.08, 0.92), rng.uniform(0.08, 0.2)
    canvas.ellipse((x, y), (0.06, 0.06), rgb(light.disc))
    if night:
        for _ in range(10):
            canvas.ellipse(
                (rng.uniform(0, 1), rng.uniform(0, 0.45)), (0.011, 0.011), rgb("#f2eec4")
            )
        return
    white = mix(rgb("#ffffff"), rgb(light.sky[1]), 0.15)
    for _ in range(2):
        x, y, r = rng.uniform(0, 1), rng.uniform(0.08, 0.3), rng.uniform(0.045, 0.065)
        for k, (dx, dy) in enumerate(((-1.3, 0.1), (1.3, 0.1), (0, -0.35))):
            canvas.ellipse((x + dx * r, y + dy * r), (1.25 * r, 0.75 * r), white, same=k > 0)


def _shade(drawing: Drawing, x: float, size: float, side: float) -> Drawing:
    """Round the subject's parts, light them from one side, and let it cast a shadow."""
    relief = _relief(drawing, side)
    ys, xs = YS / SIZE, XS / SIZE
    away = ((xs - x - 0.06 * side) / (0.42 * size)) ** 2 + ((ys - 0.93) / 0.05) ** 2
    shadow = 0.35 * np.exp(-(away**2)) * ~drawing.subject
    lit = (
        drawing.picture_01 * (1 + relief - shadow)[..., None]
        + 0.12 * np.maximum(relief, 0)[..., None]
    )
    return replace(drawing, picture_01=np.clip(lit, 0, 1).astype(np.float32))


def _relief(drawing: Drawing, side: float) -> np.ndarray:
    """How much more light falls on each pixel of the subject, whose parts bulge: (128, 128).

    Zero elsewhere, so only the subject and what can change its light are looked at.
    """
    margin = ROUND + 5  # a part bulges up to ROUND pixels from its edge; 5: blur and gradient
    box = tuple(
        slice(max(int(places.min()) - margin, 0), int(places.max()) + margin + 1)
        for places in np.nonzero(drawing.subject)
    )
    edges = outline_of(drawing.parts)[box]
    height = np.sqrt(distance_to(edges, ROUND)).astype(np.float32)
    down, right = np.gradient(ndimage.gaussian_filter(height, 1.0))
    relief = np.zeros(drawing.subject.shape, dtype=np.float32)
    relief[box] = 0.55 * (side * right + 0.8 * down) * drawing.subject[box]
    return relief


def distance_to(edges: np.ndarray, most: int) -> np.ndarray:
    """Distance in pixels to the nearest edge, at most `most` (to 15): (h, w) bool -> float64.

    `scipy.ndimage.distance_transform_edt` with a bound, in a quarter of the time: first along
    columns by doubled steps, then over all offsets along rows.
    """
    column = np.where(edges, 0, most + 1).astype(np.int16)
    for step in (1, 2, 4, 8):
        np.minimum(column[step:], column[:-step] + step, out=column[step:])
        np.minimum(column[:-step], column[step:] + step, out=column[:-step])
    squares = column * column
    nearest = squares.copy()
    for step in range(1, most + 1):
        moved = squares + np.int16(step * step)
        np.minimum(nearest[:, step:], moved[:, :-step], out=nearest[:, step:])
        np.minimum(nearest[:, :-step], moved[:, step:], out=nearest[:, :-step])
    return np.sqrt(np.minimum(nearest, most * most).astype(np.float64))


def outline_of(parts: np.ndarray) -> np.ndarray:
    """Pixels whose right or lower neighbour belongs to another part: (h, w) -> (h, w) bool."""
    edges = np.zeros(parts.shape, dtype=bool)
    edges[:, :-1] |= parts[:, :-1] != parts[:, 1:]
    edges[:-1] |= parts[:-1] != parts[1:]
    return edges
