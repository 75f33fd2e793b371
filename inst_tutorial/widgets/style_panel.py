"""The style: a picture to learn from, and its word, which is shipped, learned here or opened."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ipywidgets
from PIL import Image

from inst_tutorial.figures import curves, to_picture
from inst_tutorial.learning import Evaluation, LearningSettings, learn
from inst_tutorial.painter import PLACEHOLDER, Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.widgets.gallery import BY, Gallery, style_pictures
from inst_tutorial.widgets.own_files import free_path, uploaded
from inst_tutorial.widgets.shown import figure_html, row_html
from inst_tutorial.widgets.style_words import LEARNED, SHIPPED, StyleWords, with_steps
from inst_tutorial.widgets.work import Work
from inst_tutorial.wording import counted
from inst_tutorial.words import Word, WordError

# As the painter of the pages learns: few steps at a high rate, all of them.
LEARNING = LearningSettings(
    kind="free", steps=60, batch=4, learning_rate=0.2, evaluate_every=10, patience=7
)
PREVIEW = TransferSettings(steps=10)
Change = Literal["picture", "word"]
NO_WORD = "This style has no word yet. Press “Learn its word”, or choose another style."


class StylePanel(ipywidgets.VBox):
    """Choose a style, learn its word, save it or open one.

    A style that has several words has a menu of them.

    `preview`: a function that gives the content picture to be repainted at each evaluation, or
    None. `changed` is called with "picture" when another style is chosen, and with "word" when
    the chosen one has got a word. `shipped`: whether the words that come with Paintbox are
    offered, so that nothing needs to be learned.
    """

    def __init__(
        self,
        painter: Painter,
        work: Work,
        *,
        preview: Callable[[], Image.Image] | None = None,
        changed: Callable[[Change], None] = lambda _: None,
        settings: LearningSettings = LEARNING,
        shipped: bool = True,
    ) -> None:
        self.painter, self.work, self.preview, self.changed = painter, work, preview, changed
        self.settings = settings
        pictures = style_pictures(painter)
        self.words = StyleWords(painter, pictures if shipped else {})
        self.gallery = Gallery("Style", pictures, painter.picture_size, self._chosen)
        self.origin = ipywidgets.Dropdown(
            description="Word in use", layout={"width": "max-content"}
        )
        self.state, self.curve, self.stages = (ipywidgets.HTML() for _ in range(3))
        self.learn = work.starter("Learn its word", self._learn)
        self.opener = ipywidgets.FileUpload(
            accept=".safetensors",
            multiple=False,
            description="Open a word",
            layout={"width": "max-content"},
        )
        self.save = ipywidgets.Button(description="Save the word", layout={"width": "max-content"})
        buttons = ipywidgets.HBox(
            [self.learn, self.opener, self.save], layout={"flex_flow": "wrap"}
        )
        super().__init__([self.gallery, self.state, self.origin, buttons, self.curve, self.stages])
        self.origin.observe(lambda _: self._describe(), names="value")
        self.opener.observe(lambda _: work.attempt(self._open), names="value")
        self.save.on_click(lambda _: work.attempt(self._save))
        self._offer()

    @property
    def word(self) -> Word | None:
        """The word in use for the chosen style, if there is one."""
        return self.words.of(self.gallery.picture).get(self.origin.value)

    @property
    def prompt(self) -> str:
        """What calls the style in a prompt: "*" for its word, or the name of an artist."""
        by_name = self._is_called and self.word is None
        return f"a painting {self.gallery.name}" if by_name else PLACEHOLDER

    @property
    def _is_called(self) -> bool:
        """Whether the painter knows the chosen style by an artist's name."""
        return self.gallery.name.startswith(BY)

    def word_for(self, caption: str) -> Word | None:
        """The word that a caption asks for, None if it asks for none. Raises ValueError for a
        word that the chosen style has not got."""
        if PLACEHOLDER not in caption:
            return None
        if self.word is None:
            raise ValueError(NO_WORD)
        return self.word

    def _chosen(self) -> None:
        self._offer()
        self.changed("picture")

    def _offer(self) -> None:
        """Put the words of the chosen style into the menu; the newest is in use."""
        words = self.words.of(self.gallery.picture)
        self.origin.options = [(with_steps(origin, word), origin) for origin, word in words.items()]
        self.origin.index = 0 if words else None
        self.origin.layout.display = "" if len(words) > 1 else "none"
        self._describe()

    def _describe(self) -> None:
        self.save.disabled = self.word is None
        self.learn.description = "Learn its word anew" if self.word else "Learn its word"
        self.learn.button_style = "" if self.word or self._is_called else "primary"
        self.state.value = html.escape(self._said())

    def _said(self) -> str:
        if self.word:
            ready = "Its word comes with the painter: nothing needs to be learned. "
            origin = self.origin.value
            said = f"“*” in the caption stands for the word {with_steps(origin, self.word)}."
            return ready + said if origin == SHIPPED else said
        if self._is_called:
            return "The painter knows this artist by name: nothing needs to be learned."
        return "The painter has never seen this style. Learn a word for it: about a minute."

    def _learn(self) -> None:
        name, picture = self.gallery.name, self.gallery.picture
        self.work.say(f"Learning the word of {name} …")
        self.stages.value = ""
        watch = Watch(self, None if self.preview is None else self.preview())
        word = learn(self.painter, picture, self.settings, progress=False, callback=watch)
        self.work.say(self._learned(picture, word))

    def _learned(self, picture: Image.Image, word: Word) -> str:
        """Keep a word that was learned just now, unless it was stopped before it came as far as the
        last; what has become of it."""
        stopped = word.info["stopped"] == "callback"
        last = self.words.of(picture).get(LEARNED)
        if stopped and word.info["steps"] < (last.info["steps"] if last else 1):
            if last is None:
                return "Stopped before there was a word to keep."
            return f"Stopped: the word {with_steps(LEARNED, last)} is kept."
        self._keep(picture, LEARNED, word)
        said = "Stopped: the best word so far is kept." if stopped else "The word is learned."
        here = picture == self.gallery.picture
        return said if here else f"{said} Choose its picture again to use it."

    def _keep(self, picture: Image.Image, origin: str, word: Word) -> None:
        self.words.add(picture, origin, word)
        if picture == self.gallery.picture:
            self._offer()
            self.changed("word")

    def _open(self) -> None:
        file = uploaded(self.opener)
        if file is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "word.safetensors")
            path.write_bytes(file.getvalue())
            try:
                word = Word.load(path)
            except WordError as error:
                raise WordError(str(error).replace(str(path), file.name)) from error
        self._keep(self.gallery.picture, f"from {file.name}", word)
        self.work.say(f"“*” stands for the word in {file.name} now.")

    def _save(self) -> None:
        if self.word:
            path = self.word.save(free_path(self.gallery.name, ".safetensors"))
            self.work.say(f"The word is saved in {path.resolve()}.")


class Watch:
    """What a panel shows while a word is learned: its loss, and a picture repainted with it."""

    def __init__(self, panel: StylePanel, content: Image.Image | None) -> None:
        self.panel, self.content = panel, content
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.figures: list[str] = []

    def __call__(self, seen: Evaluation) -> bool:
        """Show one evaluation; whether the reader has pressed Stop."""
        self.steps.append(seen.step)
        self.losses.append(seen.loss)
        panel = self.panel
        curve = curves({"loss": self.losses}, x=self.steps, xlabel="step", ylabel="loss")
        said = (
            f"Loss on the style picture: {self.losses[0]:.4f} at first, {seen.loss:.4f} after "
            f"{counted(seen.step, 'step')}"
        )
        panel.curve.value = figure_html(to_picture(curve), said, width=400)
        if self.content:
            picture = transfer(panel.painter, self.content, Word(seen.vectors), PREVIEW)
            self.figures.append(figure_html(picture, f"step {seen.step}"))
            panel.stages.value = row_html(self.figures)
        panel.work.progress(seen.step, panel.settings.steps)
        return panel.work.stopping
