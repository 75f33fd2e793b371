"""How good is Paintbox? Every claim of its model card, measured on what it has never seen.

Scenes have seeds apart from those of training, styles to be learned are the held-out ones, and
nothing is chosen by hand. `inst info --evaluate` prints the table; the full counts are those of
the model card.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Generator
from tqdm.auto import tqdm

from inst_tutorial.learning import EvaluationPairs, LearningSettings, evaluate_loss, learn_many
from inst_tutorial.metrics import (
    edge_distance,
    gram_distance,
    palette_distance,
    structure_distance,
    truth_distance,
)
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.studies.judge import Judge, batches, folder_of, top1
from inst_tutorial.studies.report import Measurement, mean, share
from inst_tutorial.style_transfer import DRAWING, TransferSettings, draw_contexts, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import (
    HELD_OUT,
    SUBJECTS,
    Scene,
    Style,
    full_caption,
    paint,
    sample_example,
    sample_style,
)
from inst_tutorial.world import style_words as words_of
from inst_tutorial.world.seeds import EVALUATION, EVALUATION_STYLE_PICTURES

Picture = Image.Image
Painting = tuple[Scene, Style]

TOGETHER = 4  # styles learned at a time


@dataclass(frozen=True)
class EvaluationSettings:
    """How many of each are measured; the defaults are the model card's.

    Attributes:
        scenes: contents in each held-out style, for the autoencoder and for transfers.
        styles: held-out styles that are learned, the first of the gallery.
        captions: pictures whose captions CLIP finds among `choices`.
        samples: pictures drawn, unchosen, for their subjects.
        pictures: paintings whose loss is measured with right and wrong captions.
        pairs: timesteps and noises for each of them.
        drawing: guidance of pictures drawn from captions, that of `draw`.
    """

    scenes: int = 8
    styles: int = 12
    captions: int = 1000
    choices: int = 100
    samples: int = 200
    pictures: int = 256
    pairs: int = 8
    drawing: float = DRAWING
    learning: LearningSettings = field(default_factory=LearningSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)

    def __post_init__(self) -> None:
        for name in ("scenes", "styles", "captions", "choices", "samples", "pictures", "pairs"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be 2 or more, got {getattr(self, name)}")
        if self.styles > len(HELD_OUT):
            raise ValueError(f"styles must be at most {len(HELD_OUT)}, got {self.styles}")
        if self.captions % self.choices:
            raise ValueError(
                f"captions come in groups of {self.choices} choices, got {self.captions}"
            )

    @classmethod
    def quick(cls) -> EvaluationSettings:
        """Counts for a few minutes on two cores; words are learned in less time, too."""
        learning = LearningSettings(steps=100, batch=4, evaluate_every=50)
        return cls(
            scenes=4, styles=8, captions=300, samples=96, pictures=64, pairs=6, learning=learning
        )


def evaluate(
    painter: Painter, settings: EvaluationSettings | None = None, progress: bool = True
) -> list[Measurement]:
    """Measure Paintbox, or another painter of `inst_tutorial.pretraining`, against its bars.

    Raises EvaluationError for a painter without CLIP's text projection.
    """
    exam = Exam(painter, settings or EvaluationSettings(), progress)
    judge = Judge.load(painter)
    return [
        *exam.autoencoder(),
        exam.captions(judge),
        *exam.subjects(judge),
        *exam.wrong_words(),
        *transfer_rows(painter, list(exam.transfers())),
        size_row(folder_of(painter)),
    ]


def size_row(folder: Path) -> Measurement:
    """All files of the painter, in megabytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    total = sum(sizes) / 1e6
    return Measurement("Size in the repository", total, len(sizes), total, total, 40, "MB", "<=")


# ------------------------------------------------------------------ what it is shown


def paintings(first_seed: int) -> Iterator[Painting]:
    """Scenes in styles of the training continuum, without end."""
    for seed in itertools.count(first_seed):
        scene, style, _ = sample_example(seed)
        if style is not None:
            yield scene, style


def paintings_of(count: int, first_seed: int) -> list[Painting]:
    """The first `count` of them."""
    return [painting for painting, _ in zip(paintings(first_seed), range(count), strict=False)]


def distinct_captions(count: int, first_seed: int) -> list[Painting]:
    """Scenes in styles of the training continuum, no two with the same caption."""
    found: dict[str, Painting] = {}
    for scene, style in paintings(first_seed):
        found.setdefault(full_caption(scene, style), (scene, style))
        if len(found) == count:
            return list(found.values())
    raise AssertionError("paintings() has no end")


def wrong_subject(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same scene with another subject."""
    others = [name for name in SUBJECTS if name != scene.subject]
    return replace(scene, subject=str(rng.choice(others)))


def wrong_style(style: Style, rng: np.random.Generator) -> Style:
    """A style of the training continuum that is called otherwise."""
    other = style
    while words_of(other) == words_of(style):
        other = sample_style(rng)
    return other


# ------------------------------------------------------------------------ the exam


@dataclass(frozen=True, eq=False)
class Case:
    """One transfer: its three pictures of the world, and results by name."""

    content: Picture
    style: Picture
    truth: Picture
    results: dict[str, Picture]


@dataclass(frozen=True, eq=False)
class Exam:
    """What is measured with a painter."""

    painter: Painter
    settings: EvaluationSettings
    progress: bool = True

    # -------------------------------------------------------------- autoencoder

    def autoencoder(self) -> list[Measurement]:
        """What the way into the latents and back costs: no transfer can be nearer."""
        cases = [(s, style) for style in HELD_OUT.values() for s in self._contents()]
        ratios, distances = [], []
        for some in self._watched(list(batches(cases)), "autoencoder"):
            truths = [self._paint(*case) for case in some]
            backs = to_pictures(self.painter.decode(self.painter.encode(to_tensor(truths))))
            ratios += [psnr(*pair) for pair in zip(truths, backs, strict=True)]
            distances += [truth_distance(*pair) for pair in zip(truths, backs, strict=True)]
        return [
            mean("Autoencoder PSNR over held-out styles", ratios, "dB", 27),
            mean("Truth distance of a truth and its round trip", distances, "CIELAB"),
        ]

    # --------------------------------------------------------------------- CLIP

    def captions(self, judge: Judge) -> Measurement:
        """Does CLIP find a picture's caption among others?"""
        n, choices = self.settings.captions, self.settings.choices
        examples = distinct_captions(n, EVALUATION[0])
        seen = torch.cat(
            [
                judge.see([self._paint(*example) for example in some])
                for some in self._watched(list(batches(examples)), "CLIP")
            ]
        )
        read = judge.read([full_caption(*example) for example in examples])
        return share(f"CLIP: picture to caption, top-1 of {choices}", top1(seen, read, choices), 60)

    def subjects(self, judge: Judge) -> list[Measurement]:
        """Are subjects recognised in pictures drawn from captions, and in the world's own?"""
        examples = paintings_of(self.settings.samples, EVALUATION[0])
        names = [scene.subject for scene, _ in examples]
        generator = Generator().manual_seed(self.settings.transfer.seed)
        drawn: list[Picture] = []
        for some in self._watched(list(batches(examples)), "samples"):
            drawn += self.draw([full_caption(*example) for example in some], generator)
        real = [self._paint(*example) for example in examples]
        return [
            share("Generated subject recognised by CLIP", _equal(judge.subjects(drawn), names), 90),
            share("Subject of real renders recognised", _equal(judge.subjects(real), names)),
        ]

    def draw(self, prompts: Sequence[str], generator: Generator) -> list[Picture]:
        """A picture of each prompt, in one batch, with as many steps as a transfer."""
        contexts, steps = self.painter.embed(prompts), self.settings.transfer.steps
        guidance = self.settings.drawing
        return draw_contexts(self.painter, contexts, generator, steps=steps, guidance=guidance)

    # -------------------------------------------------------------- wrong words

    def wrong_words(self) -> list[Measurement]:
        """By how much does a wrong caption raise the loss, at the same noise?"""
        rng = np.random.default_rng(EVALUATION[0])
        examples = paintings_of(self.settings.pictures, EVALUATION[0])
        losses = []
        for scene, style in self._watched(examples, "captions"):
            captions = (
                full_caption(scene, style),
                full_caption(wrong_subject(scene, rng), style),
                full_caption(scene, wrong_style(style, rng)),
            )
            losses.append(self._losses(self._paint(scene, style), captions, scene.seed))
        right, subject, style = np.array(losses).T
        return [
            increase("Loss increase with wrong subject words", right, subject),
            increase("Loss increase with wrong style words", right, style),
        ]

    def _losses(self, picture: Picture, captions: Sequence[str], seed: int) -> list[float]:
        """The loss of one picture with each caption, at the same timesteps and noises."""
        generator = Generator().manual_seed(seed)
        pairs = EvaluationPairs.draw(self.painter, [picture], self.settings.pairs, generator)
        contexts = self.painter.embed(captions).split(1)  # (1, L, d) each
        return [evaluate_loss(self.painter, pairs, context) for context in contexts]

    # ---------------------------------------------------------------- transfers

    def transfers(self) -> Iterator[Case]:
        """Held-out styles, each learned from one picture, on contents of other scenes."""
        styles = list(HELD_OUT.values())[: self.settings.styles]
        seeds = EVALUATION_STYLE_PICTURES[: len(styles)]
        scenes = [Scene.sample(seed) for seed in seeds]
        pictures = [self._paint(*painting) for painting in zip(scenes, styles, strict=True)]
        words = self._learn(pictures)
        contents = self._contents()
        for style, picture, word in self._watched(
            list(zip(styles, pictures, words, strict=True)), "transfers"
        ):
            for some in batches(contents):
                yield from self._cases(style, picture, word, some)

    def _learn(self, pictures: Sequence[Picture]) -> list[Word]:
        words: list[Word] = []
        for start in range(0, len(pictures), TOGETHER):
            groups = [[picture] for picture in pictures[start : start + TOGETHER]]
            words += learn_many(
                self.painter, groups, self.settings.learning, progress=self.progress
            )
        return words

    def _cases(
        self, style: Style, picture: Picture, word: Word, scenes: Sequence[Scene]
    ) -> Iterator[Case]:
        how = self.settings.transfer
        contents = [self._paint(scene, None) for scene in scenes]
        results = {
            name: transfer(self.painter, contents, word, replace(how, inversion=name))
            for name in ("stochastic", "noise", "ddim")
        }
        told = replace(how, prompt=words_of(style))
        results["caption"] = transfer(self.painter, contents, None, told)
        for i, scene in enumerate(scenes):
            own = {name: column[i] for name, column in results.items()}
            yield Case(contents[i], picture, self._paint(scene, style), own)

    # -------------------------------------------------------------------- common

    def _contents(self) -> list[Scene]:
        return [Scene.sample(seed) for seed in EVALUATION[: self.settings.scenes]]

    def _paint(self, scene: Scene, style: Style | None) -> Picture:
        """The world's picture at the painter's size."""
        return paint(scene, style, size=self.painter.picture_size)

    def _watched(self, items: Sequence[Any], doing: str) -> Any:
        return tqdm(items, desc=doing, disable=not self.progress)


def _equal(a: Sequence[str], b: Sequence[str]) -> list[bool]:
    return [x == y for x, y in zip(a, b, strict=True)]


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio of two pictures, in dB."""
    return float(peak_signal_noise_ratio(np.asarray(a), np.asarray(b)))


def increase(name: str, right: Any, wrong: Any) -> Measurement:
    """How much higher are losses (n,) with a wrong caption, in percent of the mean right one?"""
    return mean(name, list(100 * (wrong - right) / right.mean()), "%", 0, "clearly >")


# ------------------------------------------------------------------ rows of transfers


def transfer_rows(painter: Painter, cases: Sequence[Case]) -> list[Measurement]:
    """What the learned word and stochastic inversion are worth, pair by pair.

    Pairs of one style share their word, so the true intervals are somewhat wider.
    """
    return [*_truth_rows(cases), *_inversion_rows(painter, cases)]


def _truth_rows(cases: Sequence[Case]) -> list[Measurement]:
    word, caption, copy = (
        [truth_distance(picture(case), case.truth) for case in cases]
        for picture in (_result("stochastic"), _result("caption"), lambda case: case.content)
    )
    return [
        share("Nearer to the truth: learned word than best caption", _less(word, caption), 80),
        share("Nearer to the truth: learned word than content", _less(word, copy), 80),
        mean("Truth distance with the learned word", word, "CIELAB"),
        mean("Truth distance with the best caption", caption, "CIELAB"),
        mean("Truth distance of the content", copy, "CIELAB"),
    ]


def _inversion_rows(painter: Painter, cases: Sequence[Case]) -> list[Measurement]:
    content = {"edges": edge_distance, "structure": structure_distance}
    style = {"Gram": lambda a, b: gram_distance(painter, a, b), "palette": palette_distance}
    rows = []
    for name, distance in content.items():
        kept = [_distances(cases, how, distance, "content") for how in ("stochastic", "noise")]
        rows.append(share(f"Content kept ({name}): stochastic than noise", _less(*kept), 80))
    for name, distance in style.items():
        taken = [_distances(cases, how, distance, "style") for how in ("stochastic", "ddim")]
        rows.append(share(f"Style taken ({name}): stochastic than DDIM", _less(*taken), 80))
    return rows


def _result(name: str) -> Callable[[Case], Picture]:
    return lambda case: case.results[name]


def _distances(
    cases: Sequence[Case], how: str, distance: Callable[[Picture, Picture], float], to: str
) -> list[float]:
    """Distances of all results of one inversion to their "content" or "style" pictures."""
    return [distance(case.results[how], getattr(case, to)) for case in cases]


def _less(a: Sequence[float], b: Sequence[float]) -> list[bool]:
    return [x < y for x, y in zip(a, b, strict=True)]
