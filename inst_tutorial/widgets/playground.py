"""A playground: choose a style, strength and guidance, and repaint a picture of your own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
from PIL import Image

from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.widgets.own_files import OWN, PictureUpload
from inst_tutorial.widgets.viewer import FrameViewer, Value, view
from inst_tutorial.words import Word
from inst_tutorial.world import Scene, paint

ALT = (
    "Left the {content}, right the same repainted in {style}, at strength {strength} "
    "and guidance {guidance}"
)
GAP = 4


def playground(
    painter: Painter,
    words: Mapping[str, Word],
    *,
    contents: Mapping[str, Image.Image] | None = None,
    style_pictures: Mapping[str, Image.Image] | None = None,
    strengths: Sequence[float] = (0.3, 0.5, 0.7, 0.9),
    guidances: Sequence[float] = (1.5, 4),
    steps: int = 10,
    seed: int = 0,
    alt: str = ALT,
    caption: str = "",
) -> Playground:
    """Content pictures repainted in the words' styles; a reader with a kernel can upload one.

    The results at the given strengths and guidances are computed now, with `steps` steps each,
    and stored. A kernel computes values in between, and the results of an uploaded picture.
    `style_pictures` {name of a word: picture} turns the menu of styles into a gallery.
    """
    pictures = dict(contents or _examples(painter.picture_size))

    def repaint(names: Sequence[str], style: str, **numbers: float) -> list[Image.Image]:
        settings = TransferSettings(steps=steps, seed=seed, **numbers)  # type: ignore[arg-type]
        return transfer(painter, [pictures[name] for name in names], words[style], settings)

    stored = {
        (name, style, strength, guidance): picture
        for style, strength, guidance in itertools.product(words, strengths, guidances)
        for name, picture in zip(
            pictures, repaint([*pictures], style, strength=strength, guidance=guidance), strict=True
        )
    }

    def frame(content: str, style: str, strength: float, guidance: float) -> Image.Image:
        return side_by_side(pictures[content], stored[content, style, strength, guidance])

    def live(content: str, style: str, strength: float, guidance: float) -> Image.Image:
        (result,) = repaint([content], style, strength=strength, guidance=guidance)
        return side_by_side(pictures[content], result)

    styles = [*words] if style_pictures is None else {name: style_pictures[name] for name in words}
    viewer = view(
        frame,
        content=dict(pictures),
        style=styles,
        strength=strengths,
        guidance=guidances,
        alt=alt,
        caption=caption,
        start=_middle(strengths, guidances),
        width=2 * (2 * painter.picture_size + GAP),
        live=live,
        live_ranges={"strength": (0.1, 1.0, 0.05), "guidance": (1.0, 10.0, 0.5)},
    )
    return Playground(viewer, pictures, painter.picture_size)


class Playground(ipywidgets.VBox):
    """A viewer, and below it an upload that adds a content picture to it."""

    def __init__(
        self, viewer: FrameViewer, pictures: dict[str, Image.Image], picture_size: int
    ) -> None:
        self.viewer, self.pictures = viewer, pictures
        self.upload = PictureUpload(picture_size, self._taken)
        super().__init__([viewer, self.upload])

    def __repr__(self) -> str:
        return repr(self.viewer).replace("FrameViewer", "Playground")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        data = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.viewer.to_html()}

    def _taken(self, picture: Image.Image) -> None:
        """Add a picture of the reader's own to the contents."""
        self.pictures[OWN] = picture
        self.viewer.extend("content", OWN, picture)


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures of one height in one, with a white gap."""
    both = Image.new("RGB", (left.width + GAP + right.width, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + GAP, 0))
    return both


def _examples(size: int) -> dict[str, Image.Image]:
    scenes = {
        "lighthouse": Scene("lighthouse", "sea", colour="red", seed=1),
        "cat": Scene("cat", "meadow", colour="orange", trim="brown", seed=2),
    }
    return {name: paint(scene, size=size) for name, scene in scenes.items()}


def _middle(strengths: Sequence[float], guidances: Sequence[float]) -> dict[str, Value]:
    return {"strength": strengths[len(strengths) // 2], "guidance": guidances[len(guidances) // 2]}
