"""What came after InST, beside it: held-out styles, the same contents, the same truths.

Every method gets one style picture. Some learn a word, one reads a word from the picture, one
needs no word at all. What is compared is the distance to the truth, how much of the content's
structure is kept, and the time of one core. Words are looked at several times while they are
learned, so the same numbers are a race in steps and in seconds.

    python -m inst_tutorial.studies.after_inst --out inst_tutorial/data/after_inst.json

Book: chapter "After InST".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

import torch
import typer
from PIL import Image
from tqdm.auto import tqdm

from inst_tutorial.glance import glance
from inst_tutorial.learning import Evaluation, LearningSettings, learn
from inst_tutorial.metrics import structure_distance, truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.studies.colour_transfer import colour_transfer
from inst_tutorial.studies.results import Results, Row, Tables
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.transfers import evaluation_trials
from inst_tutorial.studies.trial import Trial
from inst_tutorial.style_injection import InjectionSettings, inject_style
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT

Picture = Image.Image

#: The package's own steps and batch. A plateau does not end the learning, and few pairs are enough,
#: because what counts here is not the loss.
LEARNING = LearningSettings(evaluate_every=25, pairs=2, patience=1_000)
LOOKS = (25, 50, 100, LEARNING.steps)  # after so many steps the word is looked at
GLANCE = "at a glance"

#: How each learner learns. A free vector that starts in a good place moves with smaller steps than
#: one from "painting"; its start is the word at a glance.
LEARNERS: Mapping[str, LearningSettings] = MappingProxyType(
    {
        "InST": LEARNING,
        "free vector": replace(LEARNING, kind="free"),
        GLANCE: replace(LEARNING, kind="free", learning_rate=0.02),
    }
)

#: Groups of self-attention layers of Paintbox, and their size in places.
LAYERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "encoder, 16 x 16": ("down_blocks.0",),
        "encoder, 8 x 8": ("down_blocks.1",),
        "middle, 4 x 4": ("mid_block",),
        "decoder, 8 x 8": ("up_blocks.1",),
        "decoder, 16 x 16": ("up_blocks.2",),
        "all": ("",),
    }
)


@dataclass(frozen=True)
class AfterSettings:
    """How much is compared: held-out styles, contents in each, and how pictures are repainted."""

    styles: int = 14
    contents: int = 4
    transfer: TransferSettings = field(default_factory=TransferSettings)
    injection: InjectionSettings = field(default_factory=InjectionSettings)

    @classmethod
    def quick(cls) -> AfterSettings:
        """Two styles, two contents, few steps: to see that everything runs."""
        return cls(2, 2, TransferSettings(steps=4), InjectionSettings(steps=4))


class Made(NamedTuple):
    """What a method made of the contents, after so many steps of learning, and what it cost.

    style_seconds: of one core, once for a style. picture_seconds: for each content.
    """

    method: str
    steps: int
    pictures: Sequence[Picture]
    style_seconds: float = 0.0
    picture_seconds: float = 0.0


# ---------------------------------------------------------------------------- the methods


def references(trial: Trial) -> Iterator[Made]:
    """What needs no diffusion: the content, in the true colours and in those of the style picture,
    and what words could say at best."""
    contents, style_picture = trial.contents, trial.style_picture  # painted before the clock runs
    yield Made("content", 0, contents)
    yield Made("recoloured content", 0, trial.recoloured)
    yield Made("perfect reader", 0, trial.readings())
    transferred = partial(_colours_transferred, contents, style_picture)
    yield _timed("colour transfer", trial, transferred)


def _colours_transferred(contents: Sequence[Picture], style_picture: Picture) -> list[Picture]:
    return [colour_transfer(content, style_picture) for content in contents]


def without_learning(trial: Trial, settings: AfterSettings) -> Iterator[Made]:
    """The references, the best caption, and the injection of the style picture."""
    yield from references(trial)
    yield _timed("best caption", trial, lambda: trial.repaint_by_caption(settings.transfer))
    yield _timed("style injection", trial, lambda: injected(trial, settings.injection))


def injected(trial: Trial, settings: InjectionSettings) -> list[Picture]:
    """All contents, with the style picture's self-attention."""
    return inject_style(trial.painter, trial.contents, trial.style_picture, settings)


def learned(trial: Trial, method: str, settings: LearningSettings) -> list[tuple[int, Word, float]]:
    """The words at LOOKS and at the end: (steps, word, seconds of one core so far). The word at a
    glance is looked at before its first step, too."""
    begin = time.process_time()
    if method == GLANCE:
        settings = replace(settings, start=glance(trial.painter, trial.style_picture))
    looks = {*LOOKS, settings.steps} | ({0} if method == GLANCE else set())
    found: list[tuple[int, Word, float]] = []

    def keep(evaluation: Evaluation) -> None:
        if evaluation.step in looks:
            seconds = time.process_time() - begin
            found.append((evaluation.step, Word(evaluation.vectors), seconds))

    learn(trial.painter, trial.style_picture, settings, progress=False, callback=keep)
    return found


def methods(
    trial: Trial, settings: AfterSettings, learners: Mapping[str, LearningSettings]
) -> Iterator[Made]:
    """What every method made of the contents of a trial."""
    yield from without_learning(trial, settings)
    for name, learning in learners.items():
        for steps, word, seconds in learned(trial, name, learning):
            made = _timed(name, trial, partial(trial.repaint, word, settings.transfer))
            yield made._replace(steps=steps, style_seconds=seconds)


def _timed(method: str, trial: Trial, repaint: Callable[[], list[Picture]]) -> Made:
    begin = time.process_time()
    pictures = repaint()
    seconds = (time.process_time() - begin) / len(trial.contents)
    return Made(method, 0, pictures, picture_seconds=seconds)


# ------------------------------------------------------------------------------ the rows


def distance_rows(style: str, trial: Trial, made: Made) -> Iterator[Row]:
    """A row for each content: how far from the truth, and how much of the content is left."""
    compared = zip(made.pictures, trial.contents, trial.truths, strict=True)
    for i, (picture, content, truth) in enumerate(compared):
        yield {
            "style": style,
            "method": made.method,
            "steps": made.steps,
            "content": i,
            "truth": truth_distance(picture, truth),
            "structure": structure_distance(picture, content),
        }


def second_row(style: str, made: Made) -> Row:
    """What a method cost in a style, in seconds of one core."""
    return {
        "style": style,
        "method": made.method,
        "steps": made.steps,
        "a style": made.style_seconds,
        "a picture": made.picture_seconds,
    }


def layer_rows(style: str, trial: Trial, settings: InjectionSettings) -> Iterator[Row]:
    """Style injection in one group of layers after the other: the mean over contents."""
    for layers, names in LAYERS.items():
        pictures = injected(trial, replace(settings, layers=names))
        kept = [structure_distance(*pair) for pair in zip(pictures, trial.contents, strict=True)]
        yield {
            "style": style,
            "layers": layers,
            "truth": sum(trial.truth_distances(pictures)) / len(pictures),
            "structure": sum(kept) / len(pictures),
        }


def run(
    painter: Painter,
    settings: AfterSettings,
    learners: Mapping[str, LearningSettings] = LEARNERS,
    *,
    progress: bool = True,
) -> Results:
    """Every method on the first held-out styles: tables "distances", "seconds" and "layers"."""
    counts = EvaluationSettings(styles=settings.styles, scenes=settings.contents)
    trials = dict(zip(HELD_OUT, evaluation_trials(painter, counts), strict=False))
    tables: Tables = {"distances": [], "seconds": [], "layers": []}
    for style, trial in tqdm(trials.items(), desc="after InST", disable=not progress):
        for made in methods(trial, settings, learners):
            tables["distances"] += distance_rows(style, trial, made)
            tables["seconds"].append(second_row(style, made))
        tables["layers"] += layer_rows(style, trial, settings.injection)
    about = {"fingerprint": painter.fingerprint(), "settings": asdict(settings)}
    return Results(about, tables)


def with_references(results: Results, painter: Painter, *, progress: bool = True) -> Results:
    """The same results with the references measured anew: a minute of work, without diffusion.
    Raises ValueError for results of another painter."""
    results.require(painter)
    about = results.about["settings"]
    counts = EvaluationSettings(styles=about["styles"], scenes=about["contents"])
    trials = zip(HELD_OUT, evaluation_trials(painter, counts), strict=False)
    tables: Tables = {"distances": [], "seconds": []}
    for style, trial in tqdm(list(trials), desc="references", disable=not progress):
        for made in references(trial):
            tables["distances"] += distance_rows(style, trial, made)
            tables["seconds"].append(second_row(style, made))
    for name, rows in tables.items():
        results = results.with_rows(name, rows)
    return results


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "inst_tutorial/data/after_inst.json"
    ),
    painter: Annotated[str, typer.Option(help="'paintbox' or a folder like it.")] = "paintbox",
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run: does it work?")] = False,
    only_references: Annotated[
        bool,
        typer.Option(help="Measure only the rows without diffusion, in the file that is there."),
    ] = False,
) -> None:
    """Compare InST with what came after it, on one core: about an hour and a half."""
    torch.set_num_threads(1)
    if only_references:
        loaded = Painter.load(painter, device="cpu")
        typer.echo(with_references(Results.load(out), loaded).save(out))
        return
    settings = AfterSettings.quick() if quick else AfterSettings()
    typer.echo(run(Painter.load(painter, device="cpu"), settings).save(out))


if __name__ == "__main__":
    app()
