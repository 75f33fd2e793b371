"""How good are transfers: held-out styles, each learned from one picture, on unseen contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image
from tqdm.auto import tqdm

from inst_tutorial.metrics import (
    edge_distance,
    gram_distance,
    palette_distance,
    structure_distance,
    truth_distance,
)
from inst_tutorial.painter import Painter
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.statistics import Measurement, mean, share
from inst_tutorial.studies.trial import Trial, learn_words
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene
from inst_tutorial.world.seeds import EVALUATION, EVALUATION_STYLE_PICTURES

Picture = Image.Image
Distance = Callable[[Picture, Picture], float]

TOGETHER = 4  # styles learned at a time
INVERSIONS = ("stochastic", "noise", "ddim")


@dataclass(frozen=True, eq=False)
class TrialResults:
    """What was made of the contents of one trial, by the name of the method."""

    trial: Trial
    pictures: Mapping[str, list[Picture]]

    def distances(self, method: str, distance: Distance, to: str) -> list[float]:
        """Distances of a method's results to their "content", "style" picture or "truth"."""
        references = {
            "content": self.trial.contents,
            "style": [self.trial.style_picture] * len(self.trial.scenes),
            "truth": self.trial.truths,
        }
        return [distance(*pair) for pair in zip(self.pictures[method], references[to], strict=True)]


# ------------------------------------------------------------------------ what is made


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
    """The contents as they are, by the word from each inversion, and by the best caption."""
    by_word = {name: trial.repaint(word, replace(settings, inversion=name)) for name in INVERSIONS}
    return {"content": trial.contents, **by_word, "caption": trial.repaint_by_caption(settings)}


# -------------------------------------------------------------------- what is measured


def transfer_rows(results: Sequence[TrialResults]) -> list[Measurement]:
    """What the learned word and stochastic inversion are worth, pair by pair.

    Pairs of one style share their word, so the true intervals are somewhat wider.
    """
    return [*_truth_rows(results), *_inversion_rows(results)]


def _truth_rows(results: Sequence[TrialResults]) -> list[Measurement]:
    word, caption, content = (
        _pooled(results, method, truth_distance, "truth")
        for method in ("stochastic", "caption", "content")
    )
    return [
        share("Nearer to the truth: learned word than best caption", _less(word, caption), 80),
        share("Nearer to the truth: learned word than content", _less(word, content), 80),
        mean("Truth distance with the learned word", word, "CIELAB"),
        mean("Truth distance with the best caption", caption, "CIELAB"),
        mean("Truth distance of the content", content, "CIELAB"),
    ]


def _inversion_rows(results: Sequence[TrialResults]) -> list[Measurement]:
    painter = results[0].trial.painter
    content = {"edges": edge_distance, "structure": structure_distance}
    style = {"Gram": lambda a, b: gram_distance(painter, a, b), "palette": palette_distance}
    rows = []
    for name, distance in content.items():
        kept = (_pooled(results, method, distance, "content") for method in ("stochastic", "noise"))
        rows.append(share(f"Content kept ({name}): stochastic than noise", _less(*kept), 80))
    for name, distance in style.items():
        taken = (_pooled(results, method, distance, "style") for method in ("stochastic", "ddim"))
        rows.append(share(f"Style taken ({name}): stochastic than DDIM", _less(*taken), 80))
    return rows


def _pooled(
    results: Sequence[TrialResults], method: str, distance: Distance, to: str
) -> list[float]:
    """The distances of one method in all trials."""
    return [value for one in results for value in one.distances(method, distance, to)]


def _less(a: Sequence[float], b: Sequence[float]) -> list[bool]:
    return [x < y for x, y in zip(a, b, strict=True)]
