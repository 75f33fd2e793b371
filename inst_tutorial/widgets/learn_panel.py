"""Learn a word, and watch its loss and a picture repainted with it."""

from __future__ import annotations

import ipywidgets

from inst_tutorial.painter import Painter
from inst_tutorial.widgets.gallery import content_pictures
from inst_tutorial.widgets.style_panel import StylePanel
from inst_tutorial.widgets.work import Work


class LearnPanel(ipywidgets.VBox):
    """Choose or upload a style picture, learn its word, save it. Without a painter: Paintbox."""

    def __init__(self, painter: Painter | None = None) -> None:
        painter = painter or Painter.load()
        content = next(iter(content_pictures(painter).values()))
        self.work = Work()
        self.style_panel = StylePanel(painter, self.work, preview=lambda: content, shipped=False)
        super().__init__([self.work, self.style_panel])

    def __repr__(self) -> str:
        return "LearnPanel()"
