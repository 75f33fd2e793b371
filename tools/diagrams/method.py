"""The method on one page: learning the word, and transfer by stochastic inversion."""

from __future__ import annotations

from diagrams.canvas import Canvas
from diagrams.drawing import NARROW, WIDE, Diagram, Layout

ALT = (
    "Two halves with the same frozen painter in their middle. Left, learning: the style picture "
    "is encoded and noised; the painter, told by a prompt with the word v, predicts the noise; "
    "the difference from the noise that was added goes back as a gradient to the word alone. "
    "Right, transfer: the content picture is encoded and noised by stochastic inversion, and the "
    "painter, told by the same word, takes the noise out step by step; the result is the content "
    "in the style."
)
HEIGHT = 470


def learning(canvas: Canvas) -> None:
    """The left half, 360 pixels wide."""
    canvas.panel(1, 1, 358, HEIGHT - 2, "1  Learn a word")
    legend(canvas)
    picture = canvas.picture(22, 40, 92, "style")
    canvas.text(124, 78, ["style picture:", "one is enough"], anchor="start", role="muted", size=12)
    noisy = canvas.picture(40, 196, 56, "style_zt_decoded", role="noise")
    canvas.arrow(picture.bottom, noisy.top)
    canvas.text(80, 155, ["encode,", "add noise $\\epsilon$"], anchor="start", size=12)
    canvas.text(106, 224, "$z_t$", anchor="start", size=15)
    word = canvas.cells(206, 204, 8, side=15, role="learned")
    canvas.text(266, 178, ["the word $v$: the only", "thing that changes"], size=12)
    canvas.text(194, 212, "*", size=18, anchor="end")
    text_encoder(canvas, 198, 136)
    painter = canvas.box(
        22, 286, 316, 48, ["the painter (UNet) predicts", "the noise that it sees"], "frozen"
    )
    canvas.arrow(noisy.bottom, (noisy.centre[0], painter.y))
    canvas.arrow((246, word.y + word.height), (246, 240), role="word")
    canvas.arrow((246, 266), (246, painter.y), role="word")
    seen = canvas.picture(40, 374, 56, "style_eps_decoded", role="noise")
    canvas.arrow((seen.centre[0], 334), seen.top)
    canvas.text(68, 446, "seen", size=12)
    added = canvas.picture(138, 374, 56, "style_noise_decoded", role="noise")
    canvas.text(166, 446, "added", size=12)
    canvas.text(117, 402, "–", size=20)
    loss = canvas.box(236, 380, 102, 44, ["loss:", "how far apart"], size=12)
    canvas.arrow(added.right, loss.left)
    canvas.arrow((308, loss.y), (308, 334), role="learned", dashed=True, width=2)
    canvas.line((308, 334), (308, 286), role="learned", dashed=True, width=2)
    canvas.arrow((308, 286), (308, word.y + word.height + 2), role="learned", dashed=True, width=2)
    canvas.text(298, 357, "gradient", anchor="end", size=12, role="learned")


def text_encoder(canvas: Canvas, x: float, width: float) -> None:
    """Between the word and the painter."""
    canvas.box(x, 240, width, 26, "", "frozen")
    canvas.text(x + 10, 253, "text encoder", size=12, anchor="start")


def legend(canvas: Canvas) -> None:
    """In the right upper corner: the mark of what is frozen."""
    canvas.snowflake(292, 20)
    canvas.text(303, 20, "frozen", anchor="start", size=12, role="muted")


def transfer(canvas: Canvas) -> None:
    """The right half, 360 pixels wide."""
    canvas.panel(1, 1, 358, HEIGHT - 2, "2  Repaint with it")
    legend(canvas)
    picture = canvas.picture(246, 40, 92, "content")
    canvas.text(236, 78, ["content picture:", "any other"], anchor="end", role="muted", size=12)
    noisy = canvas.picture(264, 196, 56, "noised_80", role="noise")
    canvas.arrow(picture.bottom, noisy.top)
    canvas.text(282, 155, ["encode,", "then invert"], anchor="end", size=12)
    canvas.text(254, 224, "$z'_t$", anchor="end", size=15)
    word = canvas.cells(34, 204, 8, side=15, role="word")
    canvas.text(94, 186, "the learned word $v$", size=12)
    painter = canvas.box(
        22, 286, 316, 48, ["the painter takes the noise out,", "step by step"], "frozen"
    )
    canvas.arrow(noisy.bottom, (noisy.centre[0], painter.y))
    text_encoder(canvas, 30, 128)
    canvas.arrow((94, word.y + word.height), (94, 240), role="word")
    canvas.arrow((94, 266), (94, painter.y), role="word")
    result = canvas.picture(134, 366, 92, "repainted_80")
    canvas.arrow((180, 334), result.top)
    canvas.text(236, 412, ["the content,", "in the style"], anchor="start", size=12, role="muted")


def wide(canvas: Canvas) -> None:
    """Side by side; the word goes over from one half to the other."""
    with canvas.at(0, 0):
        learning(canvas)
    with canvas.at(400, 0):
        transfer(canvas)
    canvas.arrow((330, 211.5), (430, 211.5), role="word", width=2.5)


def narrow(canvas: Canvas) -> None:
    """One below the other."""
    learning(canvas)
    with canvas.at(0, HEIGHT + 14):
        transfer(canvas)


DIAGRAM = Diagram(
    "method",
    ALT,
    Layout(WIDE, HEIGHT, wide),
    Layout(NARROW, 2 * HEIGHT + 14, narrow),
)
