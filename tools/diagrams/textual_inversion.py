"""Textual inversion: the way of the gradient to the one vector that is learned."""

from __future__ import annotations

from diagrams.canvas import Box, Canvas, Point
from diagrams.drawing import NARROW, WIDE, Diagram, Layout

ALT = (
    "Forward, in plain arrows: the style picture is encoded to z_0 and noised to z_t. The prompt, "
    "a star, becomes the word's vector v, and the text encoder makes the context c(v) of it. The "
    "UNet reads both and predicts the noise; the loss compares it with the noise that was added. "
    "Back, in dashed arrows: the gradient goes from the loss through the UNet and through the text "
    "encoder to v. Encoder, UNet and text encoder are frozen and carry a snowflake; v alone is "
    "learned."
)


def back(canvas: Canvas, *points: Point) -> None:
    """A piece of the gradient's way."""
    canvas.arrow(*points, role="learned", dashed=True, width=2)


def wide(canvas: Canvas) -> None:
    """From left to right: the picture above, the prompt below."""
    unet, loss = picture_to_loss(canvas)
    word, context = prompt_to_unet(canvas, unet)
    back(canvas, (loss.x, 152), (484, 152), (484, context.y))
    back(canvas, (context.x, 271), (word.x + word.width + 2, 271))
    through = ["The gradient goes through the frozen parts", "and changes nothing there."]
    canvas.text(624, 208, through, size=12, role="muted")
    legend(canvas, 560, 300)


def picture_to_loss(canvas: Canvas) -> tuple[Box, Box]:
    """The upper row of the wide drawing; its UNet and its loss."""
    picture = canvas.picture(8, 84, 76, "style")
    encoder = canvas.box(110, 106, 74, 32, "encoder", "frozen", size=11)
    z0 = canvas.picture(210, 97, 50, "style_z0")
    plus = canvas.circle(288, 122, 11, "+")
    noise = canvas.picture(263, 12, 50, "style_noise", role="noise")
    z_t = canvas.picture(316, 97, 50, "style_zt", role="noise")
    unet = canvas.box(394, 92, 122, 76, "", "frozen")
    canvas.text(442, 122, "UNet", size=15, bold=True)
    seen = canvas.picture(548, 97, 50, "style_eps", role="noise")
    loss = canvas.box(
        634, 96, 118, 68, ["loss", "$\\Vert\\epsilon-\\epsilon_\\theta\\Vert^2$"], size=14
    )
    for one, two in [(picture, encoder), (encoder, z0), (z0, plus), (plus, z_t)]:
        canvas.arrow(one.right, two.left)
    canvas.arrow(noise.bottom, plus.top)
    canvas.arrow(z_t.right, (unet.x, 122))
    canvas.arrow((unet.x + unet.width, 122), seen.left)
    canvas.arrow(seen.right, (loss.x, 122))
    canvas.arrow(noise.right, (693, 37), loss.top)
    canvas.text(46, 174, ["style picture"], size=12)
    canvas.text(235, 161, "$z_0$", size=15)
    canvas.text(258, 37, "noise $\\epsilon$", size=12, anchor="end")
    canvas.text(341, 161, "$z_t$", size=15)
    canvas.text(573, 82, "$\\epsilon_\\theta$", size=15)
    return unet, loss


def prompt_to_unet(canvas: Canvas, unet: Box) -> tuple[Box, Box]:
    """The lower row of the wide drawing; its word and its context."""
    prompt = canvas.box(8, 248, 76, 34, "“ * ”", "word", size=15)
    word = canvas.cells(110, 256, 6, side=18, role="learned")
    encoder = canvas.box(242, 238, 112, 54, "", "frozen")
    canvas.text(290, 253, "text encoder", size=12)
    context = canvas.cells(420, 257, 6, 2, side=12, role="word")
    canvas.arrow(prompt.right, word.left)
    canvas.arrow((word.x + word.width, 260), (encoder.x, 260))
    canvas.arrow((encoder.x + encoder.width, 262), (context.x, 262), role="word")
    canvas.arrow((442, context.y), (442, unet.y + unet.height), role="word")
    canvas.text(46, 304, "prompt", size=12)
    canvas.text(164, 296, "the word $v$", size=13, bold=True)
    canvas.text(502, 269, "context $c(v)$", size=13, anchor="start")
    return word, context


def legend(canvas: Canvas, x: float, y: float) -> None:
    """What the arrows and the mark mean."""
    back(canvas, (x, y), (x + 34, y))
    canvas.text(x + 42, y, "gradient", size=12, anchor="start")
    canvas.snowflake(x + 118, y)
    canvas.text(x + 130, y, "frozen", size=12, anchor="start")


def narrow(canvas: Canvas) -> None:
    """From top to bottom: the picture left, the prompt right."""
    unet = picture_down_to_unet(canvas)
    word, context = prompt_down_to_unet(canvas, unet)
    loss = unet_down_to_loss(canvas, unet)
    back(canvas, (296, loss.y), (296, context.y + 24))
    back(canvas, (296, context.y), (296, word.y + 18))
    legend(canvas, 90, 562)


def picture_down_to_unet(canvas: Canvas) -> Box:
    """The left column of the narrow drawing; its UNet, as wide as both columns."""
    picture = canvas.picture(28, 8, 84, "style")
    encoder = canvas.box(28, 122, 84, 32, "encoder", "frozen", size=11)
    z0 = canvas.picture(44, 178, 52, "style_z0")
    plus = canvas.circle(70, 258, 11, "+")
    noise = canvas.picture(104, 232, 52, "style_noise", role="noise")
    z_t = canvas.picture(44, 290, 52, "style_zt", role="noise")
    unet = canvas.box(14, 372, 332, 54, "UNet", "frozen", size=15, bold=True)
    for one, two in [(picture, encoder), (encoder, z0), (z0, plus), (plus, z_t)]:
        canvas.arrow(one.bottom, two.top)
    canvas.arrow(noise.left, plus.right)
    canvas.arrow(z_t.bottom, (70, unet.y))
    canvas.text(122, 50, ["style", "picture"], size=12, anchor="start")
    canvas.text(104, 204, "$z_0$", size=15, anchor="start")
    canvas.text(166, 258, "$\\epsilon$", size=15, anchor="start")
    canvas.text(104, 316, "$z_t$", size=15, anchor="start")
    return unet


def prompt_down_to_unet(canvas: Canvas, unet: Box) -> tuple[Box, Box]:
    """The right column of the narrow drawing; its word and its context."""
    prompt = canvas.box(228, 8, 76, 32, "“ * ”", "word", size=15)
    word = canvas.cells(218, 76, 6, side=16, role="learned")
    encoder = canvas.box(190, 160, 144, 40, "", "frozen")
    canvas.text(240, 180, "text encoder", size=12)
    context = canvas.cells(230, 262, 6, 2, side=12, role="word")
    canvas.arrow(prompt.bottom, word.top)
    canvas.arrow((252, word.y + 16), (252, encoder.y))
    canvas.arrow((252, encoder.y + 40), (252, context.y), role="word")
    canvas.arrow((252, context.y + 24), (252, unet.y), role="word")
    canvas.text(208, 84, ["the", "word $v$"], size=13, anchor="end")
    canvas.text(222, 274, "$c(v)$", size=14, anchor="end")
    return word, context


def unet_down_to_loss(canvas: Canvas, unet: Box) -> Box:
    """The last row of the narrow drawing; its loss."""
    seen = canvas.picture(44, 462, 52, "style_eps", role="noise")
    added = canvas.picture(128, 462, 52, "style_noise", role="noise")
    loss = canvas.box(
        218, 458, 122, 60, ["loss", "$\\Vert\\epsilon-\\epsilon_\\theta\\Vert^2$"], size=14
    )
    canvas.arrow((70, unet.y + unet.height), seen.top)
    canvas.arrow(added.right, loss.left)
    canvas.text(112, 488, "–", size=20)
    canvas.text(70, 530, "$\\epsilon_\\theta$", size=15)
    canvas.text(154, 530, "$\\epsilon$", size=15)
    return loss


DIAGRAM = Diagram("textual_inversion", ALT, Layout(WIDE, 320, wide), Layout(NARROW, 578, narrow))
