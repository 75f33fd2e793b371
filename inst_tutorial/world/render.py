"""Paint a scene in a style: the truth of style transfer."""

from __future__ import annotations

import numpy as np
from PIL import Image

from inst_tutorial.world import technique
from inst_tutorial.world.canvas import SIZE, Drawing
from inst_tutorial.world.scene import Scene
from inst_tutorial.world.style import Style


def paint(
    scene: Scene, style: Style | None = None, *, stroke_seed: int = 0, size: int = SIZE
) -> Image.Image:
    """Paint a scene.

    Args:
        scene: what to paint.
        style: how; ``None`` gives the clean, shaded "photograph".
        stroke_seed: seed of the strokes: another one paints the same scene in the same
            style with other strokes.
        size: side of the picture in pixels. The world is painted at 128 and then resized.

    Returns:
        An RGB picture of size x size pixels.

    Raises:
        ValueError: size is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be 1 pixel or more, got {size}")
    picture = _painted(scene, scene.draw(), style, stroke_seed)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def paint_and_photograph(scene: Scene, style: Style | None) -> tuple[Image.Image, Image.Image]:
    """``paint(scene, style)`` and ``paint(scene)``; the scene is drawn once."""
    drawing = scene.draw()
    return _painted(scene, drawing, style, 0), to_image(drawing.picture_01)


def _painted(scene: Scene, drawing: Drawing, style: Style | None, stroke_seed: int) -> Image.Image:
    if style is None:
        return to_image(drawing.picture_01)
    rng = np.random.default_rng([scene.seed, stroke_seed])
    return to_image(paint_layers(drawing, style, rng))


def paint_layers(drawing: Drawing, style: Style, rng: np.random.Generator) -> np.ndarray:
    """The layers of a painting, from the ground up: float32 (128, 128, 3) in 0..1."""
    tones = technique.recolour(drawing.picture_01, style)
    picture = technique.flatten(tones, style.flatten) if style.flatten else tones
    if style.wash:
        picture = technique.wash(picture, drawing, style, rng)
    if style.cells:
        picture = technique.cells(picture, drawing, style, rng)
    if style.dots:
        picture = technique.dots(picture, drawing, style, rng)
    if style.bare:
        picture = technique.bare(picture, style)
    if style.strokes:
        picture = technique.strokes(tones, picture, drawing, style, rng)
    if style.hatch:
        picture = technique.hatch(picture, drawing.picture_01, style, rng)
    if style.outline:
        picture = technique.outline(picture, drawing, style, rng)
    if style.grain:
        picture = technique.grain(picture, style.grain, rng)
    return np.clip(picture, 0, 1)


def to_image(picture_01: np.ndarray) -> Image.Image:
    """Float 0..1 (h, w, 3) -> 8-bit RGB image."""
    return Image.fromarray((np.clip(picture_01, 0, 1) * 255 + 0.5).astype(np.uint8))
