"""Where we are: the method in small, with the part that a chapter builds in full colour."""

from __future__ import annotations

from functools import partial

from diagrams.canvas import Box, Canvas
from diagrams.drawing import NARROW, Diagram, Layout

PALE = 0.3
HEIGHT = 148
SIDE = 60
PARTS = {
    "learning": "the style picture becomes a word",
    "inversion": "the content picture becomes a noisy latent",
    "transfer": "the painter takes the noise out, told by the word",
}
ALT = (
    "A small map of the method. Above: from the style picture a word v is learned. Below: the "
    "content picture is inverted to a noisy latent, and the painter repaints it, told by the word. "
    "In full colour, as the part of this chapter: {}."
)


def draw(canvas: Canvas, lit: str) -> None:
    """The map at the width of the canvas, everything but one part pale."""
    columns = [(canvas.width - SIDE - 4) * i / 3 + 2 for i in range(4)]
    strength = {part: 1 if part == lit else PALE for part in PARTS}
    with canvas.at(0, 0, strength["learning"]):
        learning(canvas, columns)
    with canvas.at(0, 0, strength["inversion"]):
        inversion(canvas, columns)
    with canvas.at(0, 0, strength["transfer"]):
        transfer(canvas, columns)


def learning(canvas: Canvas, columns: list[float]) -> None:
    """Style picture to word."""
    picture = canvas.picture(columns[0], 4, SIDE, "style")
    word = vector(canvas, columns[2])
    canvas.arrow(picture.right, (word.x - 3, picture.centre[1]), role="learned", width=2)
    middle = (picture.x + SIDE + word.x) / 2
    canvas.text(middle, 22, "learn a word", size=12, bold=True)


def vector(canvas: Canvas, x: float) -> Box:
    """The word."""
    word = canvas.cells(x - 2, 28, 6, side=12, role="learned")
    canvas.text(word.right[0] + 8, 34, "$v$", size=15, anchor="start")
    return word


def inversion(canvas: Canvas, columns: list[float]) -> None:
    """Content picture to noisy latent."""
    content = canvas.picture(columns[0], 84, SIDE, "content")
    noisy = canvas.picture(columns[1] + 20, 84, SIDE, "noised_80", role="noise")
    canvas.arrow(content.right, noisy.left)
    canvas.text((content.x + SIDE + noisy.x) / 2, 102, "invert", size=12, bold=True)


def transfer(canvas: Canvas, columns: list[float]) -> None:
    """Noisy latent to result, told by the word."""
    start = columns[1] + 20 + SIDE
    result = canvas.picture(columns[3], 84, SIDE, "repainted_80")
    canvas.arrow((start, 114), result.left)
    canvas.text((start + result.x) / 2, 130, "repaint", size=12, bold=True)
    x = columns[2] + 34
    canvas.arrow((x, 44), (x, 110), role="word", width=2)


DIAGRAMS = tuple(
    Diagram(
        f"method_{part}",
        ALT.format(said),
        Layout(560, HEIGHT, partial(draw, lit=part)),
        Layout(NARROW, HEIGHT, partial(draw, lit=part)),
    )
    for part, said in PARTS.items()
)
