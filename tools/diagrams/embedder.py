"""InST's embedder: as published, with one token to attend to, and with patch tokens."""

from __future__ import annotations

from dataclasses import dataclass

from diagrams.canvas import Box, Canvas
from diagrams.drawing import NARROW, WIDE, Diagram, Layout

WIDTH, HEIGHT, GAP = 360, 200, 12
SHARES = (0.2, 0.6, 0.1, 0.9, 0.35)  # of five keys, to a scale of their own


@dataclass(frozen=True)
class Embedder:
    """A variant: with patch tokens or without."""

    patches: bool

    def wide(self, canvas: Canvas) -> None:
        """Two panels and two."""
        for i, panel in enumerate((self.clip, self.first, self.second, self.word)):
            with canvas.at((WIDE - WIDTH) * (i % 2), (HEIGHT + GAP) * (i // 2)):
                panel(canvas)

    def narrow(self, canvas: Canvas) -> None:
        """One panel below the other."""
        for i, panel in enumerate((self.clip, self.first, self.second, self.word)):
            with canvas.at(0, (HEIGHT + GAP) * i):
                panel(canvas)

    def clip(self, canvas: Canvas) -> None:
        """What CLIP makes of the style picture."""
        panel(canvas, "1  What CLIP sees")
        picture = canvas.picture(16, 62, 84, "style")
        clip = canvas.box(122, 84, 64, 40, "CLIP", "frozen")
        canvas.arrow(picture.right, clip.left)
        pooled = tokens(canvas, 212, 56, 1)
        canvas.arrow(clip.right, (204, 104), (204, 62), pooled.left)
        canvas.text(280, 62, "pooled: $x$", anchor="start", size=12)
        patches = canvas.cells(212, 98, 5, 6, 12, "picture" if self.patches else "muted")
        if self.patches:
            canvas.arrow(clip.right, (204, 104), (204, 134), patches.left)
        said = "used as well" if self.patches else "not used"
        canvas.text(280, 134, ["patch", "tokens:", said], anchor="start", size=12)

    def first(self, canvas: Canvas) -> None:
        """The layer in which the picture asks itself."""
        alive = "qkvo" if self.patches else ""
        layer(canvas, "2  Layer 1", "$x$", alive, self.patches)

    def second(self, canvas: Canvas) -> None:
        """The layer that asks with the first one's answer."""
        alive = "qkvo" if self.patches else "vo"
        layer(canvas, "3  Layer 2", "layer 1", alive, self.patches)

    def word(self, canvas: Canvas) -> None:
        """The last linear layer, and what the whole is."""
        panel(canvas, "4  The word")
        canvas.text(20, 66, "layer 2", anchor="start", size=12)
        matrix = weights(canvas, 96, 50, "W_{\\mathrm{word}}", True, 60)
        word = canvas.cells(196, 57, 8, side=18, role="word")
        canvas.arrow((72, 66), matrix.left)
        canvas.arrow(matrix.right, word.left)
        canvas.text(268, 90, "the word $v$", size=12)
        if self.patches:
            lines = ["Now attention has something to", "choose from: every matrix learns."]
        else:
            lines = [
                "All in all: $v = W_{\\mathrm{word}}\\,W_o\\,W_v\\,x + b$",
                "an affine map, nothing more",
            ]
        canvas.text(180, 126, lines, size=13)
        box(canvas, 60, 164, 30, 20, True)
        canvas.text(98, 174, "learns", anchor="start", size=12)
        if not self.patches:
            box(canvas, 174, 164, 30, 20, False)
            canvas.text(212, 174, "gradient exactly 0", anchor="start", size=12)


def panel(canvas: Canvas, title: str) -> None:
    """The ground of a part."""
    canvas.panel(1, 1, WIDTH - 2, HEIGHT - 2, title)


def tokens(canvas: Canvas, x: float, y: float, count: int) -> Box:
    """A pooled vector, or with it those of some patches."""
    return canvas.cells(x, y, 5, count, 12 if count == 1 else 7, "picture")


def box(canvas: Canvas, x: float, y: float, width: float, height: float, alive: bool) -> Box:
    """Weights that learn, or weights that get no gradient."""
    role = "learned" if alive else "muted"
    return canvas.box(x, y, width, height, "", role, dashed=not alive)


def weights(canvas: Canvas, x: float, y: float, name: str, alive: bool, width: float = 44) -> Box:
    """A matrix."""
    found = box(canvas, x, y, width, 32, alive)
    canvas.text(*found.centre, f"${name}$", size=15, role="ink" if alive else "muted")
    return found


def layer(canvas: Canvas, title: str, asks: str, alive: str, patches: bool) -> None:
    """One attention: a question on top, keys and values from the picture below it.

    asks: what the question is made from; alive: the letters of the matrices that learn.
    """
    panel(canvas, title)
    q, k, v = (
        weights(canvas, 98, 40 + 50 * i, f"W_{name}", name in alive) for i, name in enumerate("qkv")
    )
    canvas.text(78, 56, asks, anchor="end")
    canvas.arrow((82, 56), q.left)
    picture(canvas, k, v, patches)
    softmax = canvas.box(166, 64, 70, 34, "softmax", size=12)
    canvas.arrow(q.right, (152, 56), (152, 74), (166, 74))
    canvas.arrow(k.right, (152, 106), (152, 88), (166, 88))
    left = 258 if patches else 276
    shares(canvas, left, 58, patches)
    canvas.arrow(softmax.right, (left - 6, 81))
    times = canvas.circle(282, 156, 11, "×")
    canvas.arrow((282, 102), times.top)
    canvas.arrow(v.right, times.left)
    out = weights(canvas, 304, 140, "W_o", "o" in alive, 36)
    canvas.arrow(times.right, out.left)
    canvas.arrow(out.right, (356, 156))


def picture(canvas: Canvas, keys: Box, values: Box, patches: bool) -> None:
    """What keys and values are made from."""
    seen = tokens(canvas, 29, 113, 5) if patches else tokens(canvas, 16, 125, 1)
    for matrix in (keys, values):
        canvas.arrow(seen.right, (80, 131), (80, matrix.centre[1]), matrix.left)
    canvas.text(46, 164 if patches else 148, "$x$, patches" if patches else "$x$")


def shares(canvas: Canvas, x: float, y: float, patches: bool) -> None:
    """How the attention is shared among the keys; a single key gets all."""
    heights = SHARES if patches else (1.0,)
    for i, height in enumerate(heights):
        canvas.box(x + 9 * i, y + 40 * (1 - height), 8, 40 * height, "", "word", corner=0)
    canvas.line((x - 3, y + 40), (x + 9 * len(heights) + 2, y + 40), width=1)
    said = ["sum", "to 1"] if patches else ["one key:", "share = 1"]
    canvas.text(x + 9 * len(heights) + 4, y + 22, said, size=11, anchor="start")


def diagram(name: str, alt: str, patches: bool) -> Diagram:
    """The two layouts of a variant."""
    drawn = Embedder(patches)
    return Diagram(
        name,
        alt,
        Layout(WIDE, 2 * HEIGHT + GAP, drawn.wide),
        Layout(NARROW, 4 * HEIGHT + 3 * GAP, drawn.narrow),
    )


PUBLISHED = diagram(
    "embedder_published",
    "CLIP gives one pooled vector x of the style picture; its patch tokens are not used. Two "
    "layers of attention follow. Whatever is asked in them, there is one key, x, and the softmax "
    "over one key is 1. So layer 1 and the queries and keys of layer 2 get a gradient of exactly "
    "zero. Only the values and the output of layer 2 and the last linear layer learn, and the "
    "word is an affine map of x.",
    patches=False,
)
PATCHES = diagram(
    "embedder_patches",
    "The same embedder, with CLIP's patch tokens as further keys and values beside the pooled "
    "vector. The softmax now shares its attention among many keys, and every matrix of both layers "
    "learns.",
    patches=True,
)
