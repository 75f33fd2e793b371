"""Does the distance to the truth say what the eye says? Transfers sorted by it, nearest first.

    python -m inst_tutorial.studies.distance_check --out _build/distance_check

The pairs are those of `held_out_pairs`, as they were measured. `sheet` shows some of them at even
ranks, so nobody chooses. `comparison` shows what the distance likes better than the eye does.
Book: appendix "How Paintbox was trained".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.figures import picture_grid, save_figure
from inst_tutorial.notebook import data_file
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_word
from inst_tutorial.studies.held_out_pairs import WordOf, references, trial_of
from inst_tutorial.studies.results import Results, Row
from inst_tutorial.style_transfer import TransferSettings

Picture = Image.Image

SHOWN, COLUMNS = 10, 5  # pairs on the sheet, and in each of its lines

#: What `comparison` shows beside the truth, by the columns of the table of pairs.
COMPARED = ("another hand", "blurred truth", "recoloured", "word")


def evenly_ranked(pairs: Sequence[Row], count: int) -> list[Row]:
    """Two pairs or more at even ranks, from the one whose result with the word is nearest to the
    truth to the one whose result is farthest from it."""
    ranked = sorted(pairs, key=lambda pair: float(pair["word"]))
    last = len(ranked) - 1
    return [ranked[round(i * last / (count - 1))] for i in range(count)]


def sheet(painter: Painter, pairs: Sequence[Row], word_of: WordOf = shipped_word) -> Figure:
    """What the word makes of each pair, with its distance to the truth, above the truth."""
    rows, titles = [], []
    for start in range(0, len(pairs), COLUMNS):
        line = pairs[start : start + COLUMNS]
        rows += [[repainted(painter, pair, word_of) for pair in line]]
        rows += [[trial_of(painter, pair).truths[0] for pair in line]]
        titles += [[f"{pair['style']}\n{pair['word']:.0f}" for pair in line], [""] * len(line)]
    return titled(rows, titles, ["word", "truth"] * (len(rows) // 2))


def comparison(painter: Painter, pairs: Sequence[Row], word_of: WordOf = shipped_word) -> Figure:
    """A row a pair: its truth, then all that is compared with it, each under its distance."""
    rows = [list(compared(painter, pair, word_of).values()) for pair in pairs]
    titles = [["0", *(f"{pair[name]:.0f}" for name in COMPARED)] for pair in pairs]
    named = zip(("truth", *COMPARED), titles[0], strict=True)
    titles[0] = [f"{name}\n{distance}" for name, distance in named]
    return titled(rows, titles, [pair["style"] for pair in pairs])


def compared(painter: Painter, pair: Row, word_of: WordOf = shipped_word) -> dict[str, Picture]:
    """The "truth" of a pair, and all that is compared with it, by its name in `COMPARED`."""
    trial = trial_of(painter, pair)
    made = {name: pictures[0] for name, pictures in references(trial).items()}
    made["word"] = repainted(painter, pair, word_of)
    return {"truth": trial.truths[0], **{name: made[name] for name in COMPARED}}


def repainted(painter: Painter, pair: Row, word_of: WordOf) -> Picture:
    """The photograph of a pair, repainted with the word of its style."""
    return trial_of(painter, pair).repaint(word_of(pair["style"]), TransferSettings())[0]


def titled(
    rows: Sequence[Sequence[Picture]], titles: Sequence[Sequence[str]], row_titles: Sequence[str]
) -> Figure:
    """A grid of pictures in which each has a title of its own."""
    figure = picture_grid(rows, row_titles=row_titles)
    texts = [text for line in titles for text in line]
    for axis, text in zip(figure.axes, texts, strict=True):
        axis.set_title(text)
    return figure


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The folder for the two pictures.")] = Path("_build"),
) -> None:
    """Draw both figures from the measured pairs: about half a minute on one core."""
    torch.set_num_threads(1)
    painter = Painter.load("paintbox", device="cpu")
    pairs = Results.load(data_file("held_out_pairs.json")).tables["pairs"]
    out.mkdir(parents=True, exist_ok=True)
    figures = {
        "sheet": sheet(painter, evenly_ranked(pairs, SHOWN)),
        "comparison": comparison(painter, evenly_ranked(pairs, 3)),
    }
    for name, figure in figures.items():
        typer.echo(save_figure(figure, out / f"distance_{name}.webp"))


if __name__ == "__main__":
    app()
