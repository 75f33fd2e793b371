"""Choose the default settings of the method, on styles that Paintbox was trained on.

    python -m bench.sweep learning     # learning rates and kinds of word
    python -m bench.sweep transfer     # strength, guidance, sampling steps and eta
    python -m bench.sweep names        # artists' names, captions, and words learned from a picture

Styles are drawn from the training continuum and scenes are new; held-out styles are never looked
at here, so that results on them stay honest. Prints a table and writes bench/sweep-<name>.json.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from tqdm import tqdm

from bench.json_files import write_json
from inst_tutorial.learning import LearningSettings
from inst_tutorial.metrics import texture_distance, truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.studies.trial import Trial, learn_words
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import Scene, Style, artists, sample_style
from inst_tutorial.world.seeds import SWEEP, SWEEP_STYLE_PICTURES

Row = dict[str, Any]
RESULTS = Path(__file__).parent
SUBJECTS = ("cat", "lighthouse", "castle", "owl", "tree", "windmill")  # of contents
WATCHED = 2  # truths on which the loss is recorded while a word is learned
RATES = (  # of Adam, by kind of word
    *(("pooled", rate) for rate in (1e-3, 2e-3)),
    *(("patches", rate) for rate in (1e-3, 5e-4)),
    *(("free", rate) for rate in (5e-2, 2e-2, 2e-1)),
)

GRID = tuple(  # strength, guidance, (sampling steps, eta)
    itertools.product(
        (0.5, 0.6, 0.7, 0.8), (1.0, 2.0), ((20, 0.0), (50, 0.0), (20, 1.0), (50, 1.0))
    )
)
PainterFolder = Annotated[str, typer.Option("--painter", help="A painter's folder.")]

app = typer.Typer(add_completion=False)


# ------------------------------------------------------------------------------- trials


def continuum(count: int) -> list[Style]:
    """Styles of the training continuum."""
    rng = np.random.default_rng(SWEEP[0])
    return [sample_style(rng) for _ in range(count)]


def make_trials(painter: Painter, styles: Sequence[Style], contents: int) -> list[Trial]:
    """A trial for each style: a house is learned from, and every content has another subject."""
    subjects = itertools.cycle(SUBJECTS)
    scenes = [Scene.sample(seed, subject=next(subjects)) for seed in SWEEP[:contents]]
    return [
        Trial(painter, style, Scene.sample(SWEEP_STYLE_PICTURES[-1 - i], subject="house"), scenes)
        for i, style in enumerate(styles)
    ]


def distances_to_truth(
    trials: Sequence[Trial],
    results: Sequence[list[Image.Image]],
    measure: Callable[[Image.Image, Image.Image], float] = truth_distance,
) -> list[float]:
    """How far the results of each trial are from its truths, trial after trial."""
    return [
        measure(picture, truth)
        for trial, pictures in zip(trials, results, strict=True)
        for picture, truth in zip(pictures, trial.truths, strict=True)
    ]


def repainted(
    trials: Sequence[Trial], words: Sequence[Word], settings: TransferSettings
) -> list[list[Image.Image]]:
    """The contents of each trial, repainted with its word."""
    return [trial.repaint(word, settings) for trial, word in zip(trials, words, strict=True)]


def by_caption(trials: Sequence[Trial], settings: TransferSettings) -> list[float]:
    """The truth distances of contents repainted by the best caption."""
    return distances_to_truth(trials, [trial.repaint_by_caption(settings) for trial in trials])


def of_contents(trials: Sequence[Trial]) -> list[float]:
    """The truth distances of the contents themselves."""
    return distances_to_truth(trials, [trial.contents for trial in trials])


# -------------------------------------------------------------------------------- rows


def wins(distances: Sequence[float], others: Sequence[float]) -> int:
    """How often the first is nearer to the truth, in percent."""
    return round(100 * mean(a < b for a, b in zip(distances, others, strict=True)))


def show(row: Row) -> Row:
    """The row, printed."""
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return row


def write(name: str, rows: list[Row]) -> None:
    """Keep the rows."""
    write_json(RESULTS / f"sweep-{name}.json", rows)


# ------------------------------------------------------------------------------ commands


@app.command("learning")
def sweep_learning(
    count: Annotated[int, typer.Option(min=1, help="Styles.")] = 8,
    contents: Annotated[int, typer.Option(min=1, help="Contents a style.")] = 3,
    steps: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """Loss on the style picture and on other content, and distance to the truth, for each kind of
    word and learning rate."""
    trials = make_trials(Painter.load("paintbox"), continuum(count), contents)
    caption, content = by_caption(trials, TransferSettings()), of_contents(trials)
    rows: list[Row] = []
    for kind, rate in RATES:
        settings = LearningSettings(kind=kind, learning_rate=rate, steps=steps, patience=steps)
        words = learn_words(trials, settings, watched=WATCHED)
        distances = distances_to_truth(trials, repainted(trials, words, TransferSettings()))
        row = {"kind": kind, "rate": rate, **learned(words), "distance": round(mean(distances), 2)}
        row |= {"% nearer than caption": wins(distances, caption)}
        rows.append(show(row | {"% nearer than content": wins(distances, content)}))
    for name, distances in (("caption", caption), ("content", content)):
        rows.append(show({"kind": name, "distance": round(mean(distances), 2)}))
    write("learning", rows)


def learned(words: Sequence[Word]) -> Row:
    """How the learning of words ended: the mean losses, and the mean length of the vectors."""
    row: Row = {}
    for column in ("loss", "others"):
        ends = [word.info["curve"][-1][column] for word in words]
        row[f"{column}, end"] = round(mean(ends), 4)
    return row | {"length": round(mean(word.vectors.norm().item() for word in words), 1)}


@app.command("transfer")
def sweep_transfer(
    count: Annotated[int, typer.Option(min=1, help="Styles.")] = 4,
    contents: Annotated[int, typer.Option(min=1, help="Contents a style.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Learning steps.")] = LearningSettings.steps,
    source: PainterFolder = "paintbox",
) -> None:
    """For each strength, guidance and sampler: how far from the truth contents repainted with the
    word are, also in their strokes alone, and how often they are nearer than the content."""
    trials = make_trials(Painter.load(source), continuum(count), contents)
    words = learn_words(trials, LearningSettings(steps=steps), watched=WATCHED)
    content = of_contents(trials)
    rows: list[Row] = []
    for strength, guidance, (sampling, eta) in tqdm(GRID, desc="sweep"):
        settings = TransferSettings(strength=strength, guidance=guidance, steps=sampling, eta=eta)
        results = repainted(trials, words, settings)
        distances = distances_to_truth(trials, results)
        texture = distances_to_truth(trials, results, texture_distance)
        row: Row = {"strength": strength, "guidance": guidance, "steps": sampling, "eta": eta}
        row |= {"distance": round(mean(distances), 2), "texture": round(mean(texture), 2)}
        rows.append(show(row | {"% nearer than content": wins(distances, content)}))
    rows.append(show({"strength": 0, "distance": round(mean(content), 2)}))
    write("transfer", rows)


@app.command("names")
def sweep_names(
    count: Annotated[int, typer.Option(min=1, help="Artists.")] = 6,
    contents: Annotated[int, typer.Option(min=1, help="Contents an artist.")] = 4,
    steps: Annotated[int, typer.Option(min=1, help="Learning steps.")] = LearningSettings.steps,
    source: PainterFolder = "paintbox",
) -> None:
    """Distance to the truth when a training artist is named, described, or learned from one
    picture."""
    trials = make_trials(Painter.load(source), list(artists().values())[-count:], contents)
    words = learn_words(trials, LearningSettings(steps=steps))
    settings = TransferSettings()
    rows: list[Row] = []
    for trial, word in zip(trials, words, strict=True):
        results = {
            "name": trial.repaint(None, replace(settings, prompt=trial.style.name)),
            "caption": trial.repaint_by_caption(settings),
            "word": trial.repaint(word, settings),
            "content": trial.contents,
        }
        distances = {n: mean(trial.truth_distances(pictures)) for n, pictures in results.items()}
        row = {"artist": trial.style.name}
        rows.append(show(row | {name: round(d, 2) for name, d in distances.items()}))
    means = {name: round(mean(row[name] for row in rows), 2) for name in results}
    write("names", [*rows, show({"artist": "mean", **means})])


if __name__ == "__main__":
    app()
