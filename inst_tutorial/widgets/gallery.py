"""Pictures to choose from, and one of the reader's own."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import ipywidgets
from PIL import Image

from inst_tutorial.painter import Painter
from inst_tutorial.pictures import PictureError, open_picture
from inst_tutorial.widgets.own_files import uploaded
from inst_tutorial.widgets.shown import figure_html
from inst_tutorial.world import paint
from inst_tutorial.world.gallery import (
    CONTENT_SCENES,
    STYLE_SCENE,
    styles_of_artists,
    unseen_styles,
)

OWN = "your own"
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
        self.pictures, self.size, self.changed = dict(pictures), size, changed
        self.menu = ipywidgets.Dropdown(options=[*pictures], description=title)
        self.upload = ipywidgets.FileUpload(
            accept="image/*",
            multiple=False,
            description="Your own picture",
            layout={"width": "max-content"},
        )
        self.shown, self.message = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__([self.menu, self.shown, self.upload, self.message])
        self.menu.observe(lambda _: self._chosen(), names="value")
        self.upload.observe(lambda _: self._uploaded(), names="value")
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
        self.message.value = ""
        self._show()
        self.changed()

    def _uploaded(self) -> None:
        """Choose an uploaded picture, or say why it cannot be opened."""
        file = uploaded(self.upload)
        if file is None:
            return
        try:
            self.pictures[OWN] = open_picture(file, self.size)
        except PictureError as error:
            self.message.value = html.escape(str(error))
            return
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
