"""One content, one style, three inversions beside each other, with the strength on a slider."""

from __future__ import annotations

import ipywidgets
from torch import Tensor

from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.widgets.gallery import BY, Gallery, content_pictures
from inst_tutorial.widgets.shown import figure_html, row_html
from inst_tutorial.widgets.style_panel import StylePanel
from inst_tutorial.widgets.work import Work

COLUMNS = {
    "stochastic": "stochastic inversion",
    "ddim": "DDIM inversion",
    "noise": "plain noise",
}


class InversionPanel(ipywidgets.VBox):
    """The same content, word and seed, inverted in three ways. Without a painter: Paintbox."""

    def __init__(self, painter: Painter | None = None) -> None:
        self.painter = painter = painter or Painter.load()
        self.work = Work()
        self.content = Gallery("Content", content_pictures(painter), painter.picture_size)
        self.style_panel = StylePanel(painter, self.work)
        self.strength = ipywidgets.FloatSlider(
            0.7, min=0.2, max=1.0, step=0.1, description="Strength", continuous_update=False
        )
        self.start = self.work.starter("Repaint in three ways", self._paint)
        self.shown = ipywidgets.HTML()
        super().__init__(
            [self.work, self.style_panel, self.content, self.strength, self.start, self.shown]
        )
        menu = self.style_panel.gallery.menu
        menu.value = next((name for name in menu.options if name.startswith(BY)), menu.value)
        self.strength.observe(lambda _: self._again(), names="value")

    def __repr__(self) -> str:
        return "InversionPanel()"

    def _again(self) -> None:
        """The slider moved: paint again, if it was painted before."""
        if self.shown.value:
            self.work.run(self._paint)

    def _paint(self) -> None:
        prompt = self.style_panel.prompt
        word = self.style_panel.word_for(prompt)
        content, strength = self.content.picture, self.strength.value
        figures: list[str] = []
        for number, (inversion, label) in enumerate(COLUMNS.items()):
            self.work.say(f"Painting with {label} …")
            settings = TransferSettings(strength=strength, inversion=inversion, prompt=prompt)
            painted = transfer(self.painter, content, word, settings, callback=self._step)
            figures.append(figure_html(painted, label, alt=f"{label}, strength {strength:g}"))
            self.shown.value = row_html(figures)
            self.work.progress(number + 1, len(COLUMNS))
        self.work.say(f"Painted in three ways at strength {strength:g}.")

    def _step(self, i: int, t: int, z_t: Tensor, z0_hat: Tensor) -> None:
        self.work.check()
