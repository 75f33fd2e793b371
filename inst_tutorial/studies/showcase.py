"""What Paintbox can do, unchosen: pictures drawn from captions, and held-out styles transferred."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Generator

from inst_tutorial.figures import STYLE_FILE, picture_grid, save_figure
from inst_tutorial.painter import Painter
from inst_tutorial.studies.evaluation import (
    EvaluationSettings,
    Exam,
    paintings_of,
)
from inst_tutorial.studies.judge import batches
from inst_tutorial.world import HELD_OUT, full_caption
from inst_tutorial.world.seeds import EVALUATION

ROWS, COLUMNS = 6, 8  # samples
STYLES, CONTENTS = 6, 4  # transfers


def show(painter: Painter, folder: Path, settings: EvaluationSettings, progress: bool) -> None:
    """Write samples.webp and transfer.webp into a folder. Nothing in them is chosen: captions,
    styles and contents are the first ones of the evaluation."""
    exam = Exam(painter, replace(settings, styles=STYLES, scenes=CONTENTS), progress)
    save_figure(samples(exam), folder / "samples.webp")
    save_figure(transfers(exam), folder / "transfer.webp")


def samples(exam: Exam) -> Figure:
    """Pictures drawn from the captions of the first paintings, each with its caption."""
    prompts = [full_caption(*one) for one in paintings_of(ROWS * COLUMNS, EVALUATION[0])]
    generator = Generator().manual_seed(exam.settings.transfer.seed)
    drawn: list[Image.Image] = []
    for some in batches(prompts):
        drawn += exam.draw(some, generator)
    return captioned(drawn, prompts)


def captioned(pictures: list[Image.Image], texts: list[str]) -> Figure:
    """A grid of pictures, each with its text below."""
    with matplotlib.style.context(STYLE_FILE):
        figure = Figure(figsize=(COLUMNS * 1.5, ROWS * 2.1))
        FigureCanvasAgg(figure)
        for axis, picture, text in zip(
            figure.subplots(ROWS, COLUMNS).flat, pictures, texts, strict=True
        ):
            axis.imshow(picture, interpolation="lanczos")
            axis.axis("off")
            axis.set_title(textwrap.fill(text, 30), fontsize=5.5, y=-0.04, pad=0, va="top")
    return figure


def transfers(exam: Exam) -> Figure:
    """A row a style: its picture, then each content repainted with the learned word beside the
    truth. The contents are on top."""
    cases = list(exam.transfers())
    rows = [cases[i : i + CONTENTS] for i in range(0, len(cases), CONTENTS)]
    top: list[Image.Image | None] = [None]
    for case in rows[0]:
        top += [case.content, None]
    grid = [top]
    for row in rows:
        line: list[Image.Image | None] = [row[0].style]
        for case in row:
            line += [case.results["stochastic"], case.truth]
        grid.append(line)
    titles = ["style picture", *["result", "truth"] * CONTENTS]
    return picture_grid(
        grid, row_titles=["content", *list(HELD_OUT)[: len(rows)]], column_titles=titles
    )
