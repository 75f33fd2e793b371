"""The transfers of the evaluation: held-out styles, each learned from one picture, on unseen
contents, and the references beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from PIL import Image
from tqdm.auto import tqdm

from inst_tutorial.painter import Painter
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.trial import Trial, learn_words
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene
from inst_tutorial.world.seeds import EVALUATION, EVALUATION_STYLE_PICTURES

Picture = Image.Image

TOGETHER = 4  # styles learned at a time
INVERSIONS = ("stochastic", "noise", "ddim")


@dataclass(frozen=True, eq=False)
class TrialResults:
    """What was made of the contents of one trial, by the name of the method."""

    trial: Trial
    pictures: Mapping[str, list[Picture]]

    def pairs(self, method: str, to: str) -> list[tuple[Picture, Picture]]:
        """A method's results, each with its "content", the "style" picture or its "truth"."""
        references = {
            "content": self.trial.contents,
            "style": [self.trial.style_picture] * len(self.trial.scenes),
            "truth": self.trial.truths,
        }
        return list(zip(self.pictures[method], references[to], strict=True))


def evaluation_trials(painter: Painter, settings: EvaluationSettings) -> list[Trial]:
    """The first held-out styles, on contents of other scenes."""
    styles = list(HELD_OUT.values())[: settings.styles]
    scenes = [Scene.sample(seed) for seed in EVALUATION[: settings.scenes]]
    return [
        Trial(painter, style, Scene.sample(EVALUATION_STYLE_PICTURES[i]), scenes)
        for i, style in enumerate(styles)
    ]


def learned_trials(
    painter: Painter, settings: EvaluationSettings, progress: bool = True
) -> list[tuple[Trial, Word]]:
    """The trials with their words, a few of which are learned at a time."""
    trials = evaluation_trials(painter, settings)
    words: list[Word] = []
    for start in range(0, len(trials), TOGETHER):
        group = trials[start : start + TOGETHER]
        words += learn_words(group, settings.learning, progress=progress)
    return list(zip(trials, words, strict=True))


def transfers(
    painter: Painter, settings: EvaluationSettings, progress: bool = True
) -> Iterator[TrialResults]:
    """All contents in all styles, by every method that the rows compare."""
    learned = learned_trials(painter, settings, progress)
    for trial, word in tqdm(learned, desc="transfers", disable=not progress):
        yield TrialResults(trial, repainted(trial, word, settings.transfer))


def repainted(trial: Trial, word: Word, settings: TransferSettings) -> dict[str, list[Picture]]:
    """The contents by the word from each inversion and by the best caption, and the references."""
    by_word = {name: trial.repaint(word, replace(settings, inversion=name)) for name in INVERSIONS}
    return {
        **by_word,
        "caption": trial.repaint_by_caption(settings),
        "walk": trial.repaint_truths(word, settings),
        "recoloured": trial.recoloured,
        "content": trial.contents,
    }
