"""Measured numbers as a table, as a file, and as dots with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from inst_tutorial.figures import STYLE_FILE
from inst_tutorial.files import atomic_path
from inst_tutorial.studies.statistics import Measurement, interval


def table(rows: Sequence[Measurement]) -> str:
    """The rows in aligned columns; which bars are met and which are missed."""
    cells = [("what", "value", "95 % interval", "n", "bar", ""), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for cell in cells:
        numbers = [text.rjust(width) for text, width in zip(cell[1:4], widths[1:4], strict=True)]
        columns = [cell[0].ljust(widths[0]), *numbers, cell[4].ljust(widths[4]), cell[5]]
        lines.append("  ".join(columns).rstrip())
    return "\n".join(lines)


def _cells(row: Measurement) -> tuple[str, ...]:
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


def dots(rows: Mapping[str, Sequence[float] | np.ndarray], xlabel: str = "") -> Figure:
    """A dot and its 95 % interval for the independent values (n,) of each row, the first on top.

    An interval that does not exist (n = 1) is left out.
    """
    means, halves = np.array([interval(values) for values in rows.values()]).T  # (rows,) each
    places = np.arange(len(rows))[::-1]
    with matplotlib.style.context(STYLE_FILE):
        figure = Figure(figsize=(7.5, 0.6 + 0.3 * len(rows)))
        axis = figure.subplots()
        halves = np.where(np.isfinite(halves), halves, 0)
        axis.errorbar(means, places, xerr=halves, fmt="o", capsize=3, linewidth=1.5)
        axis.set_yticks(places, list(rows))
        axis.set_xlabel(xlabel)
    return figure
