"""Every held-out style on every photograph: all pairs are measured, and a rule chooses some.

A pair is a held-out style and one of four photographs. Every style has the word that InST learned
from one picture (`shipped_word`). Every pair is repainted with it, and measured against the truth,
beside pictures that no painter made (`references`). `chosen` picks the best, the middle and the
worst pair, so nobody's taste is in the choice.

    python -m inst_tutorial.studies.held_out_pairs --out inst_tutorial/data/held_out_pairs.json

Book: welcome page and chapter "Styles that words can't say".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import typer
from matplotlib.figure import Figure
from PIL import Image, ImageFilter
from tqdm.auto import tqdm

from inst_tutorial.figures import picture_grid
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_word
from inst_tutorial.studies import demo
from inst_tutorial.studies.results import Results, Row
from inst_tutorial.studies.trial import Trial
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene

BLUR = 1 / 32  # deviation of the blur of a truth, as a share of its width

WordOf = Callable[[str], Word]  # of a style, by its name

#: What the photographs show: the scenes of the demonstration, and one at another hour.
SCENES = (*demo.SCENES, Scene("owl", "snow", light="sunset", colour="brown", seed=2))


@dataclass(frozen=True)
class PairSettings:
    """Which styles and scenes are paired, and how they are repainted."""

    styles: Sequence[str] = tuple(HELD_OUT)
    scenes: Sequence[Scene] = SCENES
    transfer: TransferSettings = field(default_factory=TransferSettings)


def pair_trial(painter: Painter, style: str, scenes: Sequence[Scene] = SCENES) -> Trial:
    """A held-out style, with the style picture that its shipped word was learned from."""
    return Trial(painter, HELD_OUT[style], demo.STYLE_SCENE, scenes)


def run(
    painter: Painter,
    settings: PairSettings,
    word_of: WordOf = shipped_word,
    *,
    progress: bool = True,
) -> Results:
    """Every pair in a table "pairs": how far from the truth are the content, what the best caption
    makes of it, what the word makes of it, and each of the `references`?"""
    rows = [
        row
        for style in tqdm(settings.styles, desc="pairs", disable=not progress)
        for row in pair_rows(painter, style, settings, word_of)
    ]
    about = {"fingerprint": painter.fingerprint(), "transfer": asdict(settings.transfer)}
    return Results(about, {"pairs": rows})


def pair_rows(
    painter: Painter, style: str, settings: PairSettings, word_of: WordOf
) -> Iterator[Row]:
    """A row for each scene in one style."""
    trial = pair_trial(painter, style, settings.scenes)
    results = {
        "content": trial.contents,
        "caption": trial.repaint_by_caption(settings.transfer),
        "word": trial.repaint(word_of(style), settings.transfer),
        **references(trial),
    }
    distances = {name: trial.truth_distances(pictures) for name, pictures in results.items()}
    for i, scene in enumerate(settings.scenes):
        measured = {name: values[i] for name, values in distances.items()}
        yield {"style": style, "subject": scene.subject, **measured}


def references(trial: Trial) -> dict[str, list[Image.Image]]:
    """Pictures of each content that test the distance to the truth, by what they are.

    "another hand" is the truth painted once more: the same style, each stroke elsewhere. In
    "blurred truth" no stroke and no outline is left. "recoloured" has the true colours and never
    had a stroke.
    """
    blur = ImageFilter.GaussianBlur(BLUR * trial.painter.picture_size)
    return {
        "another hand": [trial.paint(scene, trial.style, stroke_seed=1) for scene in trial.scenes],
        "blurred truth": [picture.filter(blur) for picture in trial.truths],
        "recoloured": trial.recoloured,
    }


def share_of_the_way(row: Row, method: str = "word") -> float:
    """How much of the way from the content to the truth a method goes: 1 is the truth, 0 is as
    far away as the content, and less than 0 is farther."""
    return float(1 - row[method] / row["content"])


def chosen(pairs: Sequence[Row]) -> dict[str, Row]:
    """The pairs that go the largest, the middle and the smallest share of the way."""
    ranked = sorted(pairs, key=share_of_the_way, reverse=True)
    return {"best": ranked[0], "middle": ranked[len(ranked) // 2], "worst": ranked[-1]}


def trial_of(painter: Painter, pair: Row) -> Trial:
    """The style of a pair, on its scene alone."""
    scene = next(scene for scene in SCENES if scene.subject == pair["subject"])
    return pair_trial(painter, pair["style"], [scene])


def pictures_of(
    painter: Painter,
    pair: Row,
    settings: TransferSettings | None = None,
    word_of: WordOf = shipped_word,
) -> dict[str, Image.Image]:
    """The pictures of a pair, by what they are."""
    settings = settings or TransferSettings()
    trial = trial_of(painter, pair)
    return {
        "style picture": trial.style_picture,
        "photograph": trial.contents[0],
        "best caption": trial.repaint_by_caption(settings)[0],
        "new word": trial.repaint(word_of(pair["style"]), settings)[0],
        "truth": trial.truths[0],
    }


def pairs_figure(painter: Painter, pairs: Sequence[Row]) -> Figure:
    """The three chosen pairs, a row each."""
    rows = {name: pictures_of(painter, pair) for name, pair in chosen(pairs).items()}
    columns = list(rows["best"])
    grid = [list(pictures.values()) for pictures in rows.values()]
    return picture_grid(grid, row_titles=list(rows), column_titles=columns)


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "inst_tutorial/data/held_out_pairs.json"
    ),
) -> None:
    """Repaint every pair: about 2 minutes on one core."""
    torch.set_num_threads(1)
    typer.echo(run(Painter.load("paintbox", device="cpu"), PairSettings()).save(out))


if __name__ == "__main__":
    app()
