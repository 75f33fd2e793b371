"""Measured numbers as a table, as a file, as text, and as dots with intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from inst_tutorial.figures import COLOURS, STYLE_FILE
from inst_tutorial.files import atomic_path
from inst_tutorial.studies.statistics import Measurement, Values, interval


def table(rows: Sequence[Measurement]) -> str:
    """The rows in aligned columns; which bars are met and which are missed."""
    texts = [("what", "value", "95 % interval", "n", "bar", ""), *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for cell in texts:
        numbers = [text.rjust(width) for text, width in zip(cell[1:4], widths[1:4], strict=True)]
        columns = [cell[0].ljust(widths[0]), *numbers, cell[4].ljust(widths[4]), cell[5]]
        lines.append("  ".join(columns).rstrip())
    return "\n".join(lines)


def cells(row: Measurement) -> tuple[str, ...]:
    """A row as text: its name, value, interval, count, bar, and whether the bar is met."""
    interval = f"{_short(row.low)} .. {_short(row.high)}" if row.low < row.high else ""
    bar = "" if row.bar is None else f"{row.sense} {row.bar:g}"
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    return row.name, f"{_short(row.value)} {row.unit}", interval, str(row.count), bar, verdict


def _short(number: float) -> str:
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def write(rows: Sequence[Measurement], path: Path, **about: Mapping[str, Any] | str) -> Path:
    """The rows as JSON, and `about`: what was measured and how."""
    listed = [{**asdict(row), "met": row.met} for row in rows]
    with atomic_path(path) as temporary:
        text = json.dumps({**about, "rows": listed}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def read(path: Path) -> list[Measurement]:
    """The rows that `write` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Measurement(**{name: row[name] for name in row if name != "met"}) for row in rows]


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of text as a table in Markdown; each has as many cells as there are columns."""
    lines = [columns, ["---"] * len(columns)]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(columns)} columns, but the row has {len(row)} cells: {row}")
        lines.append(row)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def mean_text(values: Values) -> str:
    """The mean of independent values (n,) and the half width of its 95 % interval: "17.8 ± 1.2"."""
    middle, half = interval(values)
    digits = 1 if abs(middle) >= 10 else 2
    return f"{middle:.{digits}f} ± {half:.{digits}f}"


def gain_text(gains: Values) -> str:
    """The mean of independent gains (n,) and the ends of its interval: "+1.3 (-0.2 to +2.8)"."""
    middle, half = interval(gains)
    mean, low, high = (_signed(value) for value in (middle, middle - half, middle + half))
    return f"{mean} ({low} to {high})"


def _signed(number: float) -> str:
    return f"{number:+.0f}" if abs(number) >= 10 else f"{number:+.2g}"


def dots(
    rows: Mapping[str, Sequence[float] | np.ndarray],
    xlabel: str = "",
    *,
    line: float | None = None,
) -> Figure:
    """A dot and its 95 % interval for the independent values (n,) of each row, the first on top.

    A row that is called like a method has its colour (`COLOURS`). An interval that does
    not exist (n = 1) is left out. `line`: where to draw a dashed upright line.
    """
    with matplotlib.style.context(STYLE_FILE):
        figure = Figure(figsize=(7.5, 0.6 + 0.3 * len(rows)))
        axis = figure.subplots()
        for place, (name, values) in zip(range(len(rows))[::-1], rows.items(), strict=True):
            mean, half = interval(values)
            error = half if np.isfinite(half) else 0.0
            colour = COLOURS.get(name, "#444444")
            axis.errorbar(mean, place, xerr=error, fmt="o", capsize=3, linewidth=1.5, color=colour)
        if line is not None:
            axis.axvline(line, color="#444444", linewidth=1, linestyle="--")
        axis.set_yticks(range(len(rows))[::-1], list(rows))
        axis.set_xlabel(xlabel)
    return figure
