"""Choose the default settings of the method, on styles that Paintbox was trained on.

    python bench/sweep.py learning     # learning rates and kinds of word
    python bench/sweep.py transfer     # strength and guidance
    python bench/sweep.py names        # artists' names, captions, and words learned from a picture

Styles are drawn from the training continuum and scenes are new; held-out styles are never looked
at here, so that results on them stay honest. Prints a table and writes bench/sweep-<name>.json.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from tqdm import tqdm

from inst_tutorial.learning import LearningSettings, learn_many
from inst_tutorial.metrics import truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import Scene, Style, artists, paint, sample_style, style_words
from inst_tutorial.world.seeds import SWEEP, SWEEP_STYLE_PICTURES

Row = dict[str, Any]
RATES = (  # of Adam, by kind of word
    *(("pooled", rate) for rate in (1e-3, 2e-3)),
    *(("patches", rate) for rate in (1e-3, 5e-4)),
    *(("free", rate) for rate in (5e-2, 2e-2, 2e-1)),
)

app = typer.Typer(add_completion=False)


def styles(count: int) -> list[Style]:
    """Styles of the training continuum."""
    rng = np.random.default_rng(SWEEP[0])
    return [sample_style(rng) for _ in range(count)]


def scenes(count: int) -> list[Scene]:
    """Contents, each with another subject than the style picture's."""
    subjects = itertools.cycle(("cat", "lighthouse", "castle", "owl", "tree", "windmill"))
    return [Scene.sample(seed, subject=next(subjects)) for seed in SWEEP[:count]]


def style_picture(style: Style, number: int) -> Image.Image:
    """The one picture that a word is learned from."""
    return paint(Scene.sample(SWEEP_STYLE_PICTURES[-1 - number], subject="house"), style)


def learn_words(painter: Painter, settings: LearningSettings, count: int) -> list[Word]:
    """A word for each style; losses on other content in the style go into its curve."""
    chosen = styles(count)
    groups = [[style_picture(style, i)] for i, style in enumerate(chosen)]
    others = [[paint(scene, style) for scene in scenes(2)] for style in chosen]
    return learn_many(painter, groups, settings, others=others)


def wins_of(far: list[float], others: list[float]) -> int:
    """How often the first is nearer to the truth, in percent."""
    return round(100 * mean(a < b for a, b in zip(far, others, strict=True)))


def show(row: Row) -> Row:
    """The row, printed."""
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return row


def write(name: str, rows: list[Row]) -> None:
    """Keep the rows."""
    text = json.dumps(rows, indent=1)
    Path(f"bench/sweep-{name}.json").write_text(text + "\n", encoding="utf-8")


def contents_and_truths(
    chosen: list[Style], count: int
) -> tuple[list[Image.Image], list[list[Image.Image]]]:
    """`count` photographs, and for each style what it makes of them."""
    some = scenes(count)
    truths = [[paint(scene, style) for scene in some] for style in chosen]
    return [paint(scene) for scene in some], truths


def distances(results: list[list[Image.Image]], truths: list[list[Image.Image]]) -> list[float]:
    """How far results are from the truths, style after style."""
    pairs = zip(itertools.chain(*results), itertools.chain(*truths), strict=True)
    return [truth_distance(result, truth) for result, truth in pairs]


@app.command("learning")
def sweep_learning(
    count: Annotated[int, typer.Option(min=1, help="Styles.")] = 8,
    contents: Annotated[int, typer.Option(min=1, help="Contents a style.")] = 3,
    steps: Annotated[int, typer.Option(min=1)] = 100,
) -> None:
    """Loss on the style picture and on other content, and distance to the truth, for each kind of
    word and learning rate."""
    painter, chosen, rows = Painter.load("paintbox"), styles(count), []
    photos, truths = contents_and_truths(chosen, contents)
    told = [TransferSettings(prompt=style_words(style)) for style in chosen]
    caption = distances([transfer(painter, photos, None, one) for one in told], truths)
    copy = distances([photos] * count, truths)
    for kind, rate in RATES:
        settings = LearningSettings(kind=kind, learning_rate=rate, steps=steps, patience=steps)
        words = learn_words(painter, settings, count)
        far = distances([transfer(painter, photos, word) for word in words], truths)
        row: Row = {"kind": kind, "rate": rate}
        for point in ("loss", "others"):
            ends = [word.info["curve"][-1][point] for word in words]
            row[f"{point}, end"] = round(mean(ends), 4)
        row["length"] = round(mean(word.vectors.norm().item() for word in words), 1)
        row |= {"distance": round(mean(far), 2), "% nearer than caption": wins_of(far, caption)}
        rows.append(show(row | {"% nearer than copy": wins_of(far, copy)}))
    for name, others in (("caption", caption), ("copy", copy)):
        rows.append(show({"kind": name, "distance": round(mean(others), 2)}))
    write("learning", rows)


@app.command("transfer")
def sweep_transfer(
    count: Annotated[int, typer.Option(min=1, help="Styles.")] = 4,
    contents: Annotated[int, typer.Option(min=1, help="Contents a style.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Learning steps.")] = 100,
) -> None:
    """Distance to the truth for each strength and guidance: the word, and the best caption."""
    painter, chosen, rows = Painter.load("paintbox"), styles(count), []
    words = learn_words(painter, LearningSettings(steps=steps), count)
    photos, truths = contents_and_truths(chosen, contents)
    copy = distances([photos] * count, truths)
    grid = list(itertools.product((0.5, 0.7, 0.8, 0.9), (1.0, 2.0, 3.0)))
    for strength, guidance in tqdm(grid, desc="sweep"):
        settings = TransferSettings(strength=strength, guidance=guidance)
        told = [replace(settings, prompt=style_words(style)) for style in chosen]
        far = {
            "word": distances([transfer(painter, photos, w, settings) for w in words], truths),
            "caption": distances([transfer(painter, photos, None, one) for one in told], truths),
            "copy": copy,
        }
        means = {name: round(mean(values), 2) for name, values in far.items()}
        wins = {f"% nearer than {n}": wins_of(far["word"], far[n]) for n in ("caption", "copy")}
        rows.append(show({"strength": strength, "guidance": guidance, **means, **wins}))
    write("transfer", rows)


@app.command("names")
def sweep_names(
    count: Annotated[int, typer.Option(min=1, help="Painters.")] = 6,
    contents: Annotated[int, typer.Option(min=1, help="Contents a painter.")] = 4,
    steps: Annotated[int, typer.Option(min=1, help="Learning steps.")] = 200,
    source: Annotated[str, typer.Option("--painter", help="A folder.")] = "paintbox",
) -> None:
    """Distance to the truth when a training painter is named, described, or learned from one
    picture."""
    painter, chosen = Painter.load(source), list(artists().values())[-count:]
    photos, truths = contents_and_truths(chosen, contents)
    pictures = [style_picture(style, i) for i, style in enumerate(chosen)]
    words = learn_many(painter, [[p] for p in pictures], LearningSettings(steps=steps))
    rows: list[Row] = []
    for style, word, right in zip(chosen, words, truths, strict=True):
        made = {
            "name": transfer(painter, photos, None, TransferSettings(prompt=style.name)),
            "caption": transfer(painter, photos, None, TransferSettings(prompt=style_words(style))),
            "word": transfer(painter, photos, word),
            "copy": photos,
        }
        far = {name: mean(map(truth_distance, some, right)) for name, some in made.items()}
        row = {"painter": style.name, **{name: round(d, 2) for name, d in far.items()}}
        rows.append(show(row))
    means = {name: round(mean(row[name] for row in rows), 2) for name in made}
    write("names", [*rows, show({"painter": "mean", **means})])


if __name__ == "__main__":
    app()
