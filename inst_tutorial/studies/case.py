"""One case of the experiments: a style, learned from one picture with one seed, in every way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from PIL import Image
from torch import Generator

from inst_tutorial.learning import (
    LEARNING_RATES,
    EvaluationPairs,
    LearningSettings,
    evaluate_loss,
)
from inst_tutorial.metrics import (
    edge_distance,
    gram_distance,
    palette_distance,
    structure_distance,
    texture_distance,
    truth_parts,
)
from inst_tutorial.painter import PLACEHOLDER, Painter
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.studies.matched_rate import matched_rate
from inst_tutorial.studies.methods import DRAWINGS, LEARNERS, MATCHED, METHODS, Method
from inst_tutorial.studies.plan import CONTENTS, STYLE_SCENES, Plan
from inst_tutorial.studies.results import Row, Tables
from inst_tutorial.studies.trial import Trial, learn_words
from inst_tutorial.style_transfer import TransferSettings, adain, draw_contexts
from inst_tutorial.words import Word
from inst_tutorial.world import (
    HELD_OUT,
    content_words,
    full_caption,
    style_words,
    with_article,
)

Picture = Image.Image


@dataclass(frozen=True, eq=False)
class Case:
    """One style, learned from one picture, and everything that is tried with it.

    Attributes:
        name: the held-out style's.
        seed: of all random numbers, and the number of the style picture's scene.
    """

    painter: Painter
    plan: Plan
    name: str
    seed: int

    @cached_property
    def trial(self) -> Trial:
        """The pictures of this case."""
        scenes = CONTENTS[: self.plan.contents]
        return Trial(self.painter, HELD_OUT[self.name], STYLE_SCENES[self.seed], scenes)

    def tables(self) -> Tables:
        """All rows of this case, by table."""
        words = {name: self.learned(name) for name in LEARNERS}
        tables = {
            "curves": [self.curve_row(name, word) for name, word in words.items()],
            "references": [self.reference_losses()],
            "transfers": list(self.transfers(words)),
            "drawings": list(self.drawings(words)),
        }
        known = {"style": self.name, "seed": self.seed}
        return {table: [{**known, **row} for row in rows] for table, rows in tables.items()}

    # ----------------------------------------------------------------- learning

    def learned(self, name: str) -> Word:
        """The word of one learner; its curve also has the loss on the truths, never learned."""
        settings = self.learning(name)
        truths = len(self.trial.scenes)
        (word,) = learn_words([self.trial], settings, watched=truths, progress=False)
        return word

    def learning(self, name: str) -> LearningSettings:
        """The settings of one learner; a matched rate is computed from the style picture."""
        settings = self.plan.learner(name, self.seed)
        if name != MATCHED:
            return settings
        return replace(settings, learning_rate=matched_rate(self.painter, self.trial.style_picture))

    def curve_row(self, name: str, word: Word) -> Row:
        """The learning rate of one learner, and the points of its curve as lists of numbers."""
        settings, points = self.learning(name), word.info["curve"]
        return {
            "learner": name,
            "rate": settings.learning_rate or LEARNING_RATES[settings.kind],
            "curve": {key: [point[key] for point in points] for key in ("step", "loss", "others")},
        }

    def reference_losses(self) -> Row:
        """The losses of the same pairs without a word: what a word has to beat."""
        prompts = {
            "empty": "",
            "caption": style_words(self.trial.style),
            "full caption": full_caption(self.trial.style_scene, self.trial.style),
        }
        contexts = {name: self.painter.embed(prompt) for name, prompt in prompts.items()}
        row: Row = {}
        measured = {"loss": [self.trial.style_picture], "others": self.trial.truths}
        for column, pictures in measured.items():
            generator = Generator().manual_seed(self.seed)
            pairs = EvaluationPairs.draw(self.painter, pictures, self.plan.pairs, generator)
            row[column] = {n: evaluate_loss(self.painter, pairs, c) for n, c in contexts.items()}
        return row

    # -------------------------------------------------------------- repainting

    def transfers(self, words: Mapping[str, Word]) -> Iterator[Row]:
        """The rows of all contents: the copies, then every method at each of its strengths."""
        yield from self.copy_rows()
        for name, method in METHODS.items():
            for strength in method.strengths:
                settings = self.settings(method, strength)
                repaint = self.trial.repaint_truths if method.from_truth else self.trial.repaint
                repainted = repaint(words.get(method.learner), settings)
                yield from self.transfer_rows(name, strength, repainted)

    def settings(self, method: Method, strength: float) -> TransferSettings:
        """The settings of a method in this case."""
        return replace(
            self.plan.sampling,
            strength=strength,
            inversion=method.inversion,
            prompt=method.prompt.format(style=style_words(self.trial.style)),
            adain=method.adain,
            seed=self.seed,
        )

    def copy_rows(self) -> Iterator[Row]:
        """The rows of all contents that need no word and no diffusion."""
        for name, pictures in self.copies().items():
            yield from self.transfer_rows(name, 0.0, pictures)

    def copies(self) -> dict[str, list[Picture]]:
        """The results that need no diffusion, by their names in COPIES."""
        trial = self.trial
        z0, z_style, z_truth = (
            self.painter.encode(to_tensor(pictures))
            for pictures in (trial.contents, [trial.style_picture], trial.truths)
        )
        return {
            "content": trial.contents,
            "style picture": [trial.style_picture] * len(trial.contents),
            "recoloured content": trial.recoloured,
            "colour transfer": trial.colour_transferred,
            "perfect reader": trial.readings(self.seed),
            "AdaIN": to_pictures(self.painter.decode(adain(z0, z_style))),
            "truth, other strokes": [trial.paint(s, trial.style, 1) for s in trial.scenes],
            "truth, round trip": to_pictures(self.painter.decode(z_truth)),
        }

    def transfer_rows(
        self, method: str, strength: float, results: Sequence[Picture]
    ) -> Iterator[Row]:
        """A row for the result of each content; "detail" is a part of the distance to the truth,
        and "strokes" is the texture distance to the truth."""
        compared = zip(results, self.trial.contents, self.trial.truths, strict=True)
        for i, (result, content, truth) in enumerate(compared):
            colour, detail = truth_parts(result, truth)
            yield {
                "method": method,
                "strength": strength,
                "content": i,
                "edges": edge_distance(result, content),
                "structure": structure_distance(result, content),
                **style_distances(result, self.trial.style_picture),
                "truth": colour + detail,
                "detail": detail,
                "strokes": texture_distance(result, truth),
                "leak": 1 - edge_distance(result, self.trial.style_picture),
            }

    # ------------------------------------------------------------------ drawing

    def drawings(self, words: Mapping[str, Word]) -> Iterator[Row]:
        """The rows of what is drawn from noise; before them another true painting of the style,
        and the photograph, as references."""
        truths = self.trial.truths
        yield from self.drawing_rows("another painting", [*truths[1:], truths[0]])
        yield from self.drawing_rows("photograph", self.trial.contents)
        for name, method in DRAWINGS.items():
            yield from self.drawing_rows(name, self.drawn(method, words.get(method.learner)))

    def drawn(self, method: Method, word: Word | None) -> list[Picture]:
        """The contents' words with the style's, drawn from noise in one batch."""
        style = PLACEHOLDER if word else with_article(style_words(self.trial.style))
        prompts = [f"{content_words(s)} in the style of {style}" for s in self.trial.scenes]
        contexts = self.painter.embed(prompts, None if word is None else word.vectors)
        generator = Generator().manual_seed(self.seed)
        steps = self.settings(method, 1.0).steps
        return draw_contexts(self.painter, contexts, generator, steps=steps)

    def drawing_rows(self, method: str, results: Sequence[Picture]) -> Iterator[Row]:
        """A row for each drawing, compared with the true painting of its scene. No method saw that
        painting, and it has another layout, so only distances of style are measured."""
        for i, (result, truth) in enumerate(zip(results, self.trial.truths, strict=True)):
            gram = gram_distance(self.painter, result, truth)
            yield {"method": method, "content": i, **style_distances(result, truth), "Gram": gram}


def style_distances(result: Picture, painting: Picture) -> dict[str, float]:
    """The distances of style that no network judges; colours seen from half the directions,
    which is twice as fast and nearly the same."""
    return {
        "palette": palette_distance(result, painting, directions=32),
        "texture": texture_distance(result, painting),
    }
