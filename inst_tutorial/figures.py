"""Figures in one style: grids of pictures, and curves with their spread.

Each function returns a matplotlib `Figure` that is independent of pyplot's global state. A
notebook shows it, `save_figure` writes it, and the same figure always gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from inst_tutorial.pictures import save_picture
from inst_tutorial.wording import counted

STYLE_FILE = Path(__file__).with_name("inst.mplstyle")
CELL_INCHES = 1.5
LARGE_INCHES = 1.8  # a picture of 160 pixels or more on a page of the book
TITLE_INCHES = 0.3
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "plain noise": "#0072B2",
        "stochastic inversion": "#D55E00",
        "InST": "#D55E00",
        "DDIM inversion": "#009E73",
        "content": "#777777",
        "truth": "#000000",
        "recoloured content": "#5B2C83",
        "colour transfer": "#B3404A",
        "perfect reader": "#1B4F8A",
        "best caption": "#56B4E9",
        "caption, plain noise": "#8C6D1F",
        "free vector": "#CC79A7",
        "free vector, matched rate": "#E69F00",
        "at a glance": "#882255",
        "style injection": "#44AA99",
    }
)
"""The colour of each method and reference, the same in every figure of the book."""


def picture_grid(
    rows: Sequence[Sequence[Image.Image | None]],
    *,
    row_titles: Sequence[str] = (),
    column_titles: Sequence[str] = (),
    title: str = "",
    cell: float = CELL_INCHES,
) -> Figure:
    """Rows of pictures with titles; None leaves a cell empty, and rows may differ in length.

    cell: the side of a picture with its margin, in inches; a page of the book is 7.8 wide.
    Enlarged by Lanczos, or below 64 px by nearest pixel, so that latents show their pixels.
    Raises ValueError when there is no picture, or when the number of titles given does not
    match the rows or columns.
    """
    columns = max((len(row) for row in rows), default=0)
    _check_grid(len(rows), columns, row_titles, column_titles)
    with matplotlib.style.context(STYLE_FILE):
        figure = _figure(columns * cell, len(rows) * cell + 0.35 * bool(title))
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for i, row in enumerate(rows):
            for j in range(columns):
                _draw_cell(axes[i, j], row[j] if j < len(row) else None)
        for axis, text in zip(axes[0], column_titles, strict=False):
            axis.set_title(text)
        for axis, text in zip(axes[:, 0], row_titles, strict=False):
            axis.set_ylabel(text)
        if title:
            figure.suptitle(title)
    return figure


def titled_pictures(pictures: Mapping[str, Image.Image], *, columns: int = 3) -> Figure:
    """Large pictures in rows of `columns`, each below its title.

    Enlarged as `picture_grid` does. Raises ValueError when there is no picture.
    """
    if not pictures:
        raise ValueError("at least one picture is needed, got none")
    rows = math.ceil(len(pictures) / columns)
    titles = [*pictures, *[""] * (rows * columns - len(pictures))]
    with matplotlib.style.context(STYLE_FILE):
        figure = _figure(columns * LARGE_INCHES, rows * (LARGE_INCHES + TITLE_INCHES))
        axes = figure.subplots(rows, columns, squeeze=False).flat
        for axis, title in zip(axes, titles, strict=True):
            _draw_cell(axis, pictures.get(title))
            axis.set_title(title)
    return figure


def _check_grid(
    rows: int, columns: int, row_titles: Sequence[str], column_titles: Sequence[str]
) -> None:
    if not rows or not columns:
        raise ValueError("a grid needs at least one picture, got none")
    if row_titles and len(row_titles) != rows:
        raise ValueError(f"row_titles must be {counted(rows, 'title')}, got {len(row_titles)}")
    if column_titles and len(column_titles) != columns:
        wanted = counted(columns, "title")
        raise ValueError(f"column_titles must be {wanted}, got {len(column_titles)}")


def _draw_cell(axis: Axes, picture: Image.Image | None) -> None:
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if picture is not None:
        smoothing = "lanczos" if min(picture.size) >= 64 else "nearest"
        axis.imshow(np.asarray(picture.convert("RGB")), interpolation=smoothing)


def curves(
    runs: Mapping[str, ArrayLike],
    *,
    x: ArrayLike | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Figure:
    """One line for each name. Values are (points,), or (runs, points) for mean and spread.

    A name of `COLOURS` has its colour from there. The shaded band is the mean plus and minus one
    standard error over the runs. Points that are not finite are left out of the line. Raises
    ValueError for other shapes.
    """
    with matplotlib.style.context(STYLE_FILE):
        figure = _figure()
        axis = figure.subplots()
        for name, values in runs.items():
            _draw_curve(axis, name, _array(values), None if x is None else _array(x))
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        axis.legend()
    return figure


def _array(values: ArrayLike) -> np.ndarray:
    """Numbers as an array; a tensor may be on any device."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values, dtype=float)


def _draw_curve(axis: Axes, name: str, values: np.ndarray, x: np.ndarray | None) -> None:
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"{name}: values must be (points,) or (runs, points), got shape {values.shape}"
        )
    table = np.atleast_2d(values)  # (points,) -> (1, points)
    positions = np.arange(table.shape[1]) if x is None else x
    if positions.shape != table.shape[1:]:
        raise ValueError(f"{name}: {table.shape[1]} points, but x has shape {positions.shape}")
    mean = table.mean(axis=0)
    (line,) = axis.plot(positions, mean, label=name, color=COLOURS.get(name))
    if len(table) > 1:
        error = table.std(axis=0, ddof=1) / np.sqrt(len(table))
        axis.fill_between(
            positions, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0
        )


def _figure(width: float | None = None, height: float | None = None) -> Figure:
    figure = Figure(figsize=(width, height) if width and height else None)
    FigureCanvasAgg(figure)
    return figure


def to_picture(figure: Figure) -> Image.Image:
    """The figure as an RGB picture, at the style's resolution."""
    with matplotlib.style.context(STYLE_FILE):
        figure.set_dpi(matplotlib.rcParams["savefig.dpi"])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write the figure atomically as .webp or .png; the same figure gives the same bytes."""
    return save_picture(to_picture(figure), path)
