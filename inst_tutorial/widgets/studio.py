"""The whole method with the reader's own pictures: learn, repaint, draw, save."""

from __future__ import annotations

import ipywidgets
from PIL import Image
from torch import Tensor

from inst_tutorial.painter import Painter
from inst_tutorial.pictures import save_picture, to_pictures
from inst_tutorial.style_transfer import draw, transfer
from inst_tutorial.widgets.gallery import BY, Gallery, content_pictures
from inst_tutorial.widgets.own_files import free_path
from inst_tutorial.widgets.settings_panel import SettingsPanel
from inst_tutorial.widgets.shown import Compare, figure_html
from inst_tutorial.widgets.style_panel import Change, StylePanel
from inst_tutorial.widgets.work import Work
from inst_tutorial.world import paint
from inst_tutorial.world.gallery import CONTENT_SCENES, styles_of_artists, unseen_styles

COLUMN = {"flex": "1 1 320px", "min_width": "0"}


class Studio(ipywidgets.VBox):
    """Choose or upload a style and a content, learn, repaint. Without a painter: Paintbox."""

    def __init__(self, painter: Painter | None = None) -> None:
        self.painter = painter = painter or Painter.load()
        self.painted: Image.Image | None = None
        self.work = Work()
        self.content = Gallery("Content", content_pictures(painter), painter.picture_size)
        self.settings = SettingsPanel(painter)
        self._caption = self.settings.prompt.value
        self.style_panel = StylePanel(
            painter, self.work, preview=lambda: self.content.picture, changed=self._follow
        )
        self.repaint = self.work.starter("Repaint the content", self._repaint)
        self.draw = self.work.starter("Draw the caption", self._draw, "")
        self.save = ipywidgets.Button(
            description="Save the picture", disabled=True, layout={"width": "max-content"}
        )
        self.compare, self.shown = Compare(), ipywidgets.HTML()
        self.compare.layout.display = "none"
        self.save.on_click(lambda _: self.work.attempt(self._save))
        super().__init__([self.work, self._columns()])

    def __repr__(self) -> str:
        return "Studio()"

    def _columns(self) -> ipywidgets.HBox:
        buttons = ipywidgets.HBox(
            [self.repaint, self.draw, self.save], layout={"flex_flow": "wrap"}
        )
        choices = ipywidgets.VBox([self.content, self.style_panel], layout=COLUMN)
        doing = ipywidgets.VBox([buttons, self.compare, self.shown, self.settings], layout=COLUMN)
        return ipywidgets.HBox([choices, doing], layout={"flex_flow": "wrap"})

    def _follow(self, what: Change) -> None:
        """The caption follows the style. One that the reader wrote stays when a word comes."""
        if what == "picture" or self.settings.prompt.value == self._caption:
            self.settings.prompt.value = self._caption = self.style_panel.prompt

    def _repaint(self) -> None:
        content, settings = self.content.picture, self.settings.value
        word = self.style_panel.word_for(settings.prompt)
        truth = self._truth()
        self._begin()
        painted = transfer(self.painter, content, word, settings, callback=self._step)
        self._keep(painted)
        self.compare.set(content, painted)
        self.compare.layout.display = ""
        label = "the truth: the world's own rendering"
        self.shown.value = figure_html(truth, label) if truth else ""
        self.work.say("The picture is repainted.")

    def _draw(self) -> None:
        settings = self.settings.value
        word = self.style_panel.word_for(settings.prompt)
        self._begin()
        self._keep(
            draw(
                self.painter,
                settings.prompt,
                word,
                steps=settings.steps,
                seed=settings.seed,
                callback=self._step,
            )
        )
        self.work.say(f"Drawn: {settings.prompt}")

    def _begin(self) -> None:
        self.compare.layout.display = "none"
        self.shown.value = ""
        self.work.say("Painting …")

    def _step(self, i: int, t: int, z_t: Tensor, z0_hat: Tensor) -> None:
        """Show what the picture is expected to become."""
        self.work.check()
        (expected,) = to_pictures(self.painter.decode(z0_hat))
        self.shown.value = figure_html(expected, f"expected after step {i + 1}", width=256)

    def _keep(self, painted: Image.Image) -> None:
        self.painted, self.save.disabled = painted, False
        self.shown.value = figure_html(painted, "painted", width=256)

    def _truth(self) -> Image.Image | None:
        """The world's own rendering, where content and style are the world's."""
        scene = CONTENT_SCENES.get(self.content.name)
        styles = unseen_styles() | {BY + name: s for name, s in styles_of_artists().items()}
        style = styles.get(self.style_panel.gallery.name)
        return paint(scene, style, size=self.painter.picture_size) if scene and style else None

    def _save(self) -> None:
        if self.painted:
            path = save_picture(self.painted, free_path("painted", ".png"))
            self.work.say(f"The picture is saved in {path.resolve()}.")
