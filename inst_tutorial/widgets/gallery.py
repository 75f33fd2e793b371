"""Pictures to choose from, and one of the reader's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets
from PIL import Image

from inst_tutorial.painter import Painter
from inst_tutorial.widgets.own_files import OWN, PictureUpload
from inst_tutorial.widgets.shown import figure_html
from inst_tutorial.world import paint
from inst_tutorial.world.gallery import (
    CONTENT_SCENES,
    STYLE_SCENE,
    styles_of_artists,
    unseen_styles,
)

BY = "by "


class Gallery(ipywidgets.VBox):
    """A menu of pictures, an upload that adds one to it, and the chosen picture.

    `changed` is called when the reader has chosen another picture.
    """

    def __init__(
        self,
        title: str,
        pictures: Mapping[str, Image.Image],
        size: int,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.pictures, self.changed = dict(pictures), changed
        self.menu = ipywidgets.Dropdown(options=[*pictures], description=title)
        self.upload = PictureUpload(size, self._taken)
        self.shown = ipywidgets.HTML()
        super().__init__([self.menu, self.shown, self.upload])
        self.menu.observe(lambda _: self._chosen(), names="value")
        self._show()

    @property
    def name(self) -> str:
        """The name of the chosen picture; `OWN` for the reader's own."""
        return self.menu.value

    @property
    def picture(self) -> Image.Image:
        """The chosen picture."""
        return self.pictures[self.name]

    def _show(self) -> None:
        self.shown.value = figure_html(self.picture, self.name)

    def _chosen(self) -> None:
        self.upload.message.value = ""
        self._show()
        self.changed()

    def _taken(self, picture: Image.Image) -> None:
        """Choose a picture of the reader's own."""
        self.pictures[OWN] = picture
        self.menu.options = [OWN, *(name for name in self.pictures if name != OWN)]
        if self.name == OWN:
            self._chosen()
        self.menu.value = OWN


def content_pictures(painter: Painter) -> dict[str, Image.Image]:
    """Photographs of the world in the painter's size."""
    return {name: paint(scene, size=painter.picture_size) for name, scene in CONTENT_SCENES.items()}


def style_pictures(painter: Painter) -> dict[str, Image.Image]:
    """{style: a picture in it}: styles to learn, and "by ..." the artists the painter knows."""
    vocabulary = painter.tokenizer.get_vocab()
    artists = {BY + n: style for n, style in styles_of_artists().items() if n in vocabulary}
    return {
        name: paint(STYLE_SCENE, style, size=painter.picture_size)
        for name, style in (unseen_styles() | artists).items()
    }
