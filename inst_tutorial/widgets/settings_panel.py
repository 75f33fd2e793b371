"""How to repaint: caption, strength, guidance, steps, inversion, seed."""

from __future__ import annotations

import html

import ipywidgets

from inst_tutorial.painter import PLACEHOLDER, Painter, PromptError
from inst_tutorial.style_transfer import TransferSettings

MOST_WORDS = 1000  # more are no list for a reader
INVERSIONS = (("stochastic (InST)", "stochastic"), ("DDIM", "ddim"), ("plain noise", "noise"))


class SettingsPanel(ipywidgets.VBox):
    """The settings of a transfer. A caption that the painter cannot read is said at once."""

    def __init__(self, painter: Painter) -> None:
        default = TransferSettings()
        self.painter = painter
        self.prompt = ipywidgets.Text(default.prompt, description="Caption")
        self.message = ipywidgets.HTML()
        self.strength = ipywidgets.FloatSlider(
            default.strength, min=0.05, max=1.0, step=0.05, description="Strength"
        )
        self.guidance = ipywidgets.FloatSlider(
            default.guidance, min=1.0, max=6.0, step=0.5, description="Guidance"
        )
        self.steps = ipywidgets.IntSlider(default.steps, min=5, max=50, step=5, description="Steps")
        self.inversion = ipywidgets.Dropdown(options=INVERSIONS, description="Inversion")
        self.seed = ipywidgets.BoundedIntText(
            default.seed, min=0, max=2**32 - 1, description="Seed"
        )
        super().__init__(
            [
                self.prompt,
                self.message,
                ipywidgets.HTML(known_words(painter)),
                self.strength,
                self.guidance,
                self.steps,
                self.inversion,
                self.seed,
            ]
        )
        self.prompt.observe(lambda _: self._check(), names="value")

    @property
    def value(self) -> TransferSettings:
        """The settings as they stand."""
        return TransferSettings(
            strength=self.strength.value,
            guidance=self.guidance.value,
            steps=self.steps.value,
            inversion=self.inversion.value,
            prompt=self.prompt.value,
            seed=self.seed.value,
        )

    def _check(self) -> None:
        try:
            self.painter.tokenize([self.prompt.value], int(PLACEHOLDER in self.prompt.value))
        except PromptError as error:
            self.message.value = html.escape(str(error))
        else:
            self.message.value = ""


def known_words(painter: Painter) -> str:
    """A folded list of the words that a painter knows; nothing if they are too many."""
    words = sorted(word for word in painter.tokenizer.get_vocab() if word.isalpha())
    if len(words) > MOST_WORDS:
        return ""
    return (
        f"<details><summary>The {len(words)} words it knows</summary>{', '.join(words)}</details>"
    )
