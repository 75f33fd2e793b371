"""A latent diffusion model: autoencoder, noise, text encoder, and the UNet with cross-attention."""

from __future__ import annotations

from itertools import pairwise

from diagrams.canvas import Box, Canvas
from diagrams.drawing import NARROW, Diagram, Layout

ALT = (
    "Left, downwards: a picture goes through the encoder and becomes the latent z_0; noise is "
    "added at level t, which gives z_t. Middle, downwards: a prompt becomes vectors of a table of "
    "words, and the text encoder turns them into the context c. Below: the UNet reads z_t and t, "
    "and through cross-attention in its levels the context. Right, upwards: the UNet's answer is "
    "the predicted noise, from which the guess of the clean latent follows; the decoder makes it "
    "a picture."
)
HEIGHT = 586
LATENT, PICTURE = 56, 88
BARS = (54, 38, 24, 38, 54)  # of the U: how fine the grid of each level is


def draw(canvas: Canvas) -> None:
    """All of it, at the width of the canvas."""
    left, right, middle = 62, canvas.width - 62, canvas.width / 2
    unet(canvas, Box(8, 436, canvas.width - 16, 142), left, right)
    downwards(canvas, left)
    upwards(canvas, right)
    text(canvas, middle)


def downwards(canvas: Canvas, x: float) -> None:
    """From the picture to the noised latent."""
    picture = canvas.picture(x - PICTURE / 2, 8, PICTURE, "castle")
    encoder = canvas.box(x - 44, 122, 88, 32, "encoder", "network")
    z0 = canvas.picture(x - LATENT / 2, 180, LATENT, "castle_z0")
    plus = canvas.circle(x, 274, 11, "+")
    noise = canvas.picture(x + 34, 246, LATENT, "castle_noise", role="noise")
    z_t = canvas.picture(x - LATENT / 2, 330, LATENT, "castle_zt", role="noise")
    canvas.arrow(picture.bottom, encoder.top)
    canvas.arrow(encoder.bottom, z0.top)
    canvas.arrow(z0.bottom, plus.top)
    canvas.arrow(noise.left, plus.right)
    canvas.arrow(plus.bottom, z_t.top)
    canvas.text(x + 36, 208, "$z_0$", size=16, anchor="start")
    canvas.text(x + 34 + LATENT / 2, 316, "noise $\\epsilon$", size=12)
    canvas.text(x + 36, 358, "$z_t$", size=16, anchor="start")


def upwards(canvas: Canvas, x: float) -> None:
    """From the UNet's answer to a picture."""
    noise = canvas.picture(x - LATENT / 2, 330, LATENT, "castle_eps", role="noise")
    guess = canvas.picture(x - LATENT / 2, 180, LATENT, "castle_guess")
    decoder = canvas.box(x - 44, 122, 88, 32, "decoder", "network")
    picture = canvas.picture(x - PICTURE / 2, 8, PICTURE, "castle_guess_decoded")
    canvas.arrow(noise.top, guess.bottom)
    canvas.arrow(guess.top, decoder.bottom)
    canvas.arrow(decoder.top, picture.bottom)
    canvas.text(x - 36, 358, "$\\epsilon_\\theta$", size=16, anchor="end")
    canvas.text(x - 10, 283, ["take the noise", "out of $z_t$"], size=12, anchor="end")
    canvas.text(x - 36, 208, "$\\hat z_0$", size=16, anchor="end")


def text(canvas: Canvas, x: float) -> None:
    """From the prompt to the context, which the UNet reads."""
    prompt = canvas.box(x - 56, 8, 112, 28, "“a red castle …”", "word", size=12)
    table = canvas.box(x - 56, 54, 112, 28, "table of words", "network", size=11)
    vectors = canvas.cells(x - 36, 100, 6, 3)
    encoder = canvas.box(x - 56, 154, 112, 30, "text encoder", "network", size=12)
    context = canvas.cells(x - 36, 202, 6, 3)
    canvas.arrow(prompt.bottom, table.top)
    canvas.arrow(table.bottom, vectors.top)
    canvas.arrow(vectors.bottom, encoder.top)
    canvas.arrow(encoder.bottom, context.top)
    canvas.line(context.bottom, (x, 462), role="word")
    canvas.text(x + 44, 220, "$c$", size=16, anchor="start")
    canvas.text(x + 8, 424, "cross-attention", size=12, anchor="start")


def unet(canvas: Canvas, box: Box, left: float, right: float) -> None:
    """The U: coarser level by level and finer again, with shortcuts; each level reads the context.

    The noised latent comes in above on the left, the predicted noise goes out on the right.
    """
    canvas.box(box.x, box.y, box.width, box.height, "", "network")
    step = (right - left - 76) / (len(BARS) - 1)
    places = [left + 38 + i * step for i in range(len(BARS))]
    bus, middle = box.y + 26, box.y + 76
    canvas.line((places[0], bus), (places[-1], bus), role="word")
    bars = [
        canvas.box(x - 12, middle - height / 2, 24, height, corner=3)
        for x, height in zip(places, BARS, strict=True)
    ]
    for bar in bars:
        canvas.arrow((bar.centre[0], bus), bar.top, role="word")
    for one, two in pairwise(bars):
        canvas.arrow(one.right, two.left)
    for depth in range(len(bars) // 2):
        one, two = bars[depth], bars[-1 - depth]
        low = middle + 38 - 7 * depth
        canvas.arrow(
            one.bottom, (one.centre[0], low), (two.centre[0], low), two.bottom, role="muted"
        )
    canvas.arrow((left, 386), (left, middle), bars[0].left)
    canvas.arrow(bars[-1].right, (right, middle), (right, 386))
    canvas.text(
        box.centre[0], box.y + 128, "UNet: which noise is in $z_t$, given $t$ and $c$?", size=12
    )


DIAGRAM = Diagram("latent_diffusion", ALT, Layout(600, HEIGHT, draw), Layout(NARROW, HEIGHT, draw))
