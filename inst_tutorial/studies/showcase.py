"""What Paintbox can do, unchosen: pictures drawn from captions, and held-out styles transferred."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.figures import STYLE_FILE, picture_grid, save_figure
from inst_tutorial.painter import Painter
from inst_tutorial.studies.painter_quality import draw_captions
from inst_tutorial.studies.paintings import paintings_of
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.transfers import learned_trials
from inst_tutorial.world import HELD_OUT, full_caption
from inst_tutorial.world.seeds import EVALUATION

ROWS, COLUMNS = 6, 8  # samples
STYLES, CONTENTS = 6, 4  # transfers


def show(painter: Painter, folder: Path, settings: EvaluationSettings, progress: bool) -> None:
    """Write samples.webp and transfer.webp into a folder. Nothing in them is chosen: captions,
    styles and contents are the first ones of the evaluation."""
    settings = replace(settings, styles=STYLES, scenes=CONTENTS)
    save_figure(samples(painter, settings, progress), folder / "samples.webp")
    save_figure(transfers(painter, settings, progress), folder / "transfer.webp")


def samples(painter: Painter, settings: EvaluationSettings, progress: bool) -> Figure:
    """Pictures drawn from the captions of the first paintings, each with its caption."""
    paintings = paintings_of(ROWS * COLUMNS, EVALUATION[0])
    captions = [full_caption(*painting) for painting in paintings]
    return captioned(draw_captions(painter, captions, settings, progress), captions)


def captioned(pictures: list[Image.Image], captions: list[str]) -> Figure:
    """A grid of pictures, each with its caption below."""
    with matplotlib.style.context(STYLE_FILE):
        figure = Figure(figsize=(COLUMNS * 1.5, ROWS * 2.1))
        FigureCanvasAgg(figure)
        for axis, picture, caption in zip(
            figure.subplots(ROWS, COLUMNS).flat, pictures, captions, strict=True
        ):
            axis.imshow(picture, interpolation="lanczos")
            axis.axis("off")
            axis.set_title(textwrap.fill(caption, 30), fontsize=5.5, y=-0.04, pad=0, va="top")
    return figure


def transfers(painter: Painter, settings: EvaluationSettings, progress: bool) -> Figure:
    """A row a style: its picture, then each content repainted with the learned word beside the
    truth. The contents are on top."""
    learned = learned_trials(painter, settings, progress)
    first, _ = learned[0]
    contents = [cell for content in first.contents for cell in (content, None)]
    rows: list[list[Image.Image | None]] = [[None, *contents]]
    for trial, word in learned:
        pairs = zip(trial.repaint(word, settings.transfer), trial.truths, strict=True)
        rows.append([trial.style_picture, *(picture for pair in pairs for picture in pair)])
    return picture_grid(
        rows,
        row_titles=["content", *list(HELD_OUT)[: len(learned)]],
        column_titles=["style picture", *["result", "truth"] * len(first.contents)],
    )
