"""The reader's own files: those that come in by an upload, and names for those that are written."""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import ipywidgets
from PIL import Image

from inst_tutorial.pictures import PictureError, open_picture

OWN = "your own"


class PictureUpload(ipywidgets.HBox):
    """A button that takes a picture of the reader's own, and says why one cannot be opened.

    `taken` is called with the picture, cut to a square of `size` pixels.
    """

    def __init__(self, size: int, taken: Callable[[Image.Image], None]) -> None:
        self.size, self.taken = size, taken
        self.button = ipywidgets.FileUpload(
            accept="image/*",
            multiple=False,
            description="Your own picture",
            layout={"width": "max-content"},
        )
        self.message = ipywidgets.HTML()
        super().__init__([self.button, self.message], layout={"flex_flow": "wrap"})
        self.button.observe(lambda _: self._uploaded(), names="value")

    def _uploaded(self) -> None:
        file = uploaded(self.button)
        if file is None:
            return
        self.message.value = ""
        try:
            picture = open_picture(file, self.size)
        except PictureError as error:
            self.message.value = html.escape(str(error))
        else:
            self.taken(picture)


def uploaded(upload: ipywidgets.FileUpload) -> io.BytesIO | None:
    """The file that was uploaded last, with its name; None before the first upload."""
    if not upload.value:
        return None
    file = io.BytesIO(bytes(upload.value[0]["content"]))
    file.name = upload.value[0]["name"]
    return file


def free_path(name: str, suffix: str) -> Path:
    """name.suffix in this folder, or name-2.suffix and so on: nothing is written over."""
    stem = name.replace(" ", "-")
    paths = (Path(f"{stem}-{n}{suffix}" if n > 1 else stem + suffix) for n in itertools.count(1))
    return next(path for path in paths if not path.exists())
