"""Stochastic inversion in three steps, and the way down that follows."""

from __future__ import annotations

from collections.abc import Callable

from diagrams.canvas import Box, Canvas
from diagrams.drawing import NARROW, WIDE, Diagram, Layout
from diagrams.pictures import SHOWN, STEPS

ALT = (
    "Four steps. One: the content's latent z_0 and drawn noise are mixed to z_t. Two: the UNet is "
    "asked once which noise it sees in z_t, given the word. Three: the clean z_0 is noised again, "
    "with the noise that was seen, which gives z'_t. Four: from z'_t the painter takes the noise "
    "out step by step, and the decoder shows the repainted picture. Below, the price: stochastic "
    "inversion goes up in one jump and one call of the network, DDIM inversion in as many calls as "
    "there are steps; the way down is the same."
)
WIDTH, HEIGHT, PRICE, GAP = 360, 166, 132, 12
SIDE = 66
MIX = "$z{}_t = \\sqrt{{\\bar\\alpha_t}}\\,z_0 + \\sqrt{{1-\\bar\\alpha_t}}\\;{}$"


def row(canvas: Canvas, title: str, formula: str) -> list[float]:
    """The panel of a step; the places of its three pictures."""
    canvas.panel(1, 1, WIDTH - 2, HEIGHT - 2, title)
    canvas.text(WIDTH / 2, 146, formula, size=15)
    return [30, 146, 264]


def mixed(canvas: Canvas, places: list[float], noise: str, result: str) -> list[Box]:
    """The latent plus a noise gives a noisy latent."""
    found = [
        canvas.picture(places[0], 40, SIDE, "content_z0_decoded"),
        canvas.picture(places[1], 40, SIDE, noise, role="noise"),
        canvas.picture(places[2], 40, SIDE, result, role="noise"),
    ]
    canvas.text((places[0] + SIDE + places[1]) / 2, 73, "+", size=20)
    canvas.arrow((places[1] + SIDE + 8, 73), (places[2] - 6, 73))
    return found


def names(canvas: Canvas, places: list[float], texts: tuple[str, str, str]) -> None:
    """The letters under the pictures."""
    for x, text in zip(places, texts, strict=True):
        canvas.text(x + SIDE / 2, 119, text, size=14)


def noise_it(canvas: Canvas) -> None:
    """First step."""
    places = row(canvas, "1  Noise the content", MIX.format("", "\\epsilon"))
    mixed(canvas, places, "content_noise_decoded", "content_zt_decoded")
    names(canvas, places, ("$z_0$", "$\\epsilon$, drawn", "$z_t$"))


def ask(canvas: Canvas) -> None:
    """Second step."""
    places = row(canvas, "2  Ask once", "$\\hat\\epsilon = \\epsilon_\\theta(z_t,\\,t,\\,c)$")
    noisy = canvas.picture(places[0], 40, SIDE, "content_zt_decoded", role="noise")
    unet = canvas.box(places[1] - 10, 52, 86, 42, "UNet", "frozen", size=14, bold=True)
    seen = canvas.picture(places[2], 40, SIDE, "content_seen_decoded", role="noise")
    canvas.arrow(noisy.right, unet.left)
    canvas.arrow(unet.right, seen.left)
    told(canvas, *unet.bottom)
    names(canvas, places, ("$z_t$", "", "$\\hat\\epsilon$, seen"))


def told(canvas: Canvas, x: float, y: float) -> None:
    """The word, and an arrow from it up to a point."""
    word = canvas.cells(x - 24, 112, 4, role="word")
    canvas.arrow(word.top, (x, y), role="word")
    canvas.text(word.x + 56, 118, "word", size=12, anchor="start")


def noise_again(canvas: Canvas) -> None:
    """Third step."""
    places = row(canvas, "3  Noise again with what was seen", MIX.format("'", "\\hat\\epsilon"))
    mixed(canvas, places, "content_seen_decoded", "content_again_decoded")
    names(canvas, places, ("$z_0$", "$\\hat\\epsilon$", "$z'_t$"))


def denoise(canvas: Canvas) -> None:
    """The way down."""
    places = row(canvas, "4  Denoise with the word", "")
    canvas.picture(places[0], 40, SIDE, "content_again_decoded", role="noise")
    result = canvas.picture(places[2] - 10, 34, 76, "repainted_60")
    start, end = places[0] + SIDE + 8, result.x - 8
    for i in range(6):
        x = start + (end - start) * i / 6
        canvas.arrow((x, 73), (x + (end - start) / 6 - 3, 73))
    canvas.text((start + end) / 2, 54, "guided steps", size=12)
    told(canvas, (start + end) / 2, 80)
    canvas.text(places[0] + SIDE / 2, 119, "$z'_t$", size=14)
    canvas.text(result.centre[0], 126, "repainted", size=12)


def price(canvas: Canvas) -> None:
    """The ways up of two inversions, from the clean latent to level t, and their calls."""
    width = canvas.width
    canvas.panel(1, 1, width - 2, PRICE - 2, "The way up, and what it costs")
    calls = round(SHOWN * STEPS)
    start, end = 44, width - 92
    for y, name, jumps in [
        (66, "stochastic inversion", 1),
        (112, f"DDIM inversion, at strength {SHOWN}", calls),
    ]:
        canvas.text(start, y - 20, name, anchor="start", size=12)
        length = (end - start) / jumps
        for i in range(jumps):
            x = start + i * length
            canvas.arrow((x, y), (x + length - 2, y), role="word", width=2 if jumps == 1 else 1.5)
        canvas.text(start - 8, y, "$z_0$", anchor="end", size=14)
        canvas.text(
            end + 10, y, f"{jumps} call{'s' if jumps > 1 else ''}", anchor="start", bold=True
        )


STEPS_OF_IT: tuple[Callable[[Canvas], None], ...] = (noise_it, ask, noise_again, denoise)


def wide(canvas: Canvas) -> None:
    """Two and two."""
    for i, step in enumerate(STEPS_OF_IT):
        with canvas.at((WIDE - WIDTH) * (i % 2), (HEIGHT + GAP) * (i // 2)):
            step(canvas)
    with canvas.at(0, 2 * (HEIGHT + GAP)):
        price(canvas)


def narrow(canvas: Canvas) -> None:
    """One below the other."""
    for i, step in enumerate(STEPS_OF_IT):
        with canvas.at(0, (HEIGHT + GAP) * i):
            step(canvas)
    with canvas.at(0, 4 * (HEIGHT + GAP)):
        price(canvas)


DIAGRAM = Diagram(
    "stochastic_inversion",
    ALT,
    Layout(WIDE, 2 * (HEIGHT + GAP) + PRICE, wide),
    Layout(NARROW, 4 * (HEIGHT + GAP) + PRICE, narrow),
)
