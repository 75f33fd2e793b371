"""Pictures as HTML, with their captions, and two of them behind one slider."""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets
from PIL import Image

from inst_tutorial.widgets.viewer import data_uri

ROW = '<div style="display: flex; flex-wrap: wrap; gap: 8px">{}</div>'
FIGURE = (
    '<figure style="margin: 0; line-height: 1.3"><img src="{uri}" alt="{alt}" width="{width}" '
    'style="display: block; max-width: 100%; margin: 0"><figcaption>{caption}</figcaption></figure>'
)


def figure_html(picture: Image.Image, caption: str, *, alt: str = "", width: int = 128) -> str:
    """A picture, `width` pixels wide, with a caption. `alt` is read aloud; default: the caption."""
    return FIGURE.format(
        uri=data_uri(picture),
        alt=html.escape(alt or caption),
        width=width,
        caption=html.escape(caption),
    )


def row_html(figures: Sequence[str]) -> str:
    """Pictures beside each other, in as many rows as they need."""
    return ROW.format("".join(figures))


class Compare(ipywidgets.VBox):
    """Two pictures of one size in one place, and a slider between them."""

    def __init__(self) -> None:
        self.share = ipywidgets.IntSlider(50, 0, 100, description="before", readout=False)
        self.shown = ipywidgets.HTML()
        self._pair: tuple[Image.Image, Image.Image] | None = None
        super().__init__([self.shown, self.share])
        self.share.observe(lambda _: self._show(), names="value")

    def set(self, before: Image.Image, after: Image.Image) -> None:
        """Show two pictures."""
        self._pair = before, after
        self._show()

    def _show(self) -> None:
        if self._pair is None:
            return
        before, after = self._pair
        both, at = after.copy(), before.width * self.share.value // 100
        both.paste(before.crop((0, 0, at, before.height)), (0, 0))
        caption = f"left {self.share.value} % the content, the rest repainted"
        self.shown.value = figure_html(both, caption, width=256)
