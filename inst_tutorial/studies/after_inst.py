"""What came after InST, beside it: held-out styles, the same contents, the same truths.

Every method gets one style picture. Some learn a word, one makes a word in a single step, one
needs no word at all. What is compared is the distance to the truth, how much of the content's
structure is kept, and the time of one core.

    python -m inst_tutorial.studies.after_inst --out inst_tutorial/data/after_inst.json

Book: chapter "After InST".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple, TypeVar

import torch
import typer
from PIL import Image
from tqdm.auto import tqdm

from inst_tutorial.glance import glance
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.metrics import structure_distance, truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.studies.results import Results, Row, Tables
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.transfers import evaluation_trials
from inst_tutorial.studies.trial import Trial
from inst_tutorial.style_injection import inject_style
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT

Picture = Image.Image
Made = TypeVar("Made")
WordMaker = Callable[[Painter, Picture], Word]

#: Learning as in the experiments of the paper; 100 steps, stopped by nothing else.
LEARNING = LearningSettings(steps=100, batch=4, evaluate_every=100, pairs=2, patience=1_000)
#: A free vector that starts in a good place moves with smaller steps than one from "painting".
GOING_ON = replace(LEARNING, kind="free", steps=25, evaluate_every=25, learning_rate=0.02)


def learned(painter: Painter, picture: Picture, settings: LearningSettings) -> Word:
    """A word learned from one picture, as it is after the last step."""
    vectors = []
    learn(painter, picture, settings, progress=False, callback=lambda e: vectors.append(e.vectors))
    return Word(vectors[-1])


def glance_then_learn(painter: Painter, picture: Picture) -> Word:
    """A word at a glance, and a short learning from there."""
    return learned(painter, picture, replace(GOING_ON, start=glance(painter, picture)))


#: The methods with a word, and how each makes it from the style picture.
WORDS: Mapping[str, WordMaker] = MappingProxyType(
    {
        "InST, 50 steps": partial(learned, settings=replace(LEARNING, steps=50)),
        "InST, 100 steps": partial(learned, settings=LEARNING),
        "free vector, 100 steps": partial(learned, settings=replace(LEARNING, kind="free")),
        "at a glance": glance,
        "at a glance, then 25 steps": glance_then_learn,
    }
)


class Timed(NamedTuple):
    """What a method made of the contents, and the seconds of one core for the style and for each
    content."""

    pictures: list[Picture]
    style_seconds: float
    picture_seconds: float


@dataclass(frozen=True)
class AfterSettings:
    """How much is compared: held-out styles, contents in each, and how pictures are repainted."""

    styles: int = 14
    contents: int = 4
    transfer: TransferSettings = field(default_factory=TransferSettings)

    @classmethod
    def quick(cls) -> AfterSettings:
        """Two styles, two contents, few steps: to see that everything runs."""
        return cls(styles=2, contents=2, transfer=TransferSettings(steps=4))


def methods(
    trial: Trial, settings: TransferSettings, words: Mapping[str, WordMaker]
) -> Iterator[tuple[str, Timed]]:
    """Every method by its name, with what it made of the contents of a trial."""
    yield "content", Timed(trial.contents, 0.0, 0.0)
    yield "recoloured content", Timed(trial.recoloured, 0.0, 0.0)
    yield "best caption", _timed(trial, partial(trial.repaint_by_caption, settings))
    injected = partial(inject_style, trial.painter, trial.contents, trial.style_picture)
    yield "style injection", _timed(trial, injected)
    for name, make in words.items():
        word, seconds = _clocked(partial(make, trial.painter, trial.style_picture))
        made = _timed(trial, partial(trial.repaint, word, settings))
        yield name, made._replace(style_seconds=seconds)


def _timed(trial: Trial, repaint: Callable[[], list[Picture]]) -> Timed:
    pictures, seconds = _clocked(repaint)
    return Timed(pictures, 0.0, seconds / len(trial.contents))


def _clocked(work: Callable[[], Made]) -> tuple[Made, float]:
    """What the work makes, and the seconds of one core that it takes."""
    begin = time.process_time()
    return work(), time.process_time() - begin


# ------------------------------------------------------------------------------ the rows


def distance_rows(name: str, trial: Trial, method: str, made: Timed) -> Iterator[Row]:
    """A row for each content: how far from the truth, and how much of the content is left."""
    compared = zip(made.pictures, trial.contents, trial.truths, strict=True)
    for i, (picture, content, truth) in enumerate(compared):
        yield {
            "style": name,
            "method": method,
            "content": i,
            "truth": truth_distance(picture, truth),
            "structure": structure_distance(picture, content),
        }


def run(
    painter: Painter,
    settings: AfterSettings,
    words: Mapping[str, WordMaker] = WORDS,
    *,
    progress: bool = True,
) -> Results:
    """Every method on the first held-out styles, in tables "distances" and "seconds"."""
    counts = EvaluationSettings(styles=settings.styles, scenes=settings.contents)
    trials = dict(zip(HELD_OUT, evaluation_trials(painter, counts), strict=False))
    tables: Tables = {"distances": [], "seconds": []}
    for name, trial in tqdm(trials.items(), desc="after InST", disable=not progress):
        for method, made in methods(trial, settings.transfer, words):
            tables["distances"] += distance_rows(name, trial, method, made)
            seconds = {"a style": made.style_seconds, "a picture": made.picture_seconds}
            tables["seconds"].append({"style": name, "method": method, **seconds})
    about = {"fingerprint": painter.fingerprint(), "settings": asdict(settings)}
    return Results(about, tables)


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "inst_tutorial/data/after_inst.json"
    ),
    painter: Annotated[str, typer.Option(help="'paintbox' or a folder like it.")] = "paintbox",
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run: does it work?")] = False,
) -> None:
    """Compare InST with what came after it, on one core: about 20 minutes."""
    torch.set_num_threads(1)
    settings = AfterSettings.quick() if quick else AfterSettings()
    typer.echo(run(Painter.load(painter, device="cpu"), settings).save(out))


if __name__ == "__main__":
    app()
