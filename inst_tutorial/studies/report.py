"""Numbers with their uncertainty, beside the bars that they must reach."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats

from inst_tutorial.files import atomic_path

Sense = Literal[">=", "<=", "clearly >"]


@dataclass(frozen=True)
class Measurement:
    """One measured number.

    Attributes:
        value: the number, in `unit`.
        low: where its 95 % interval begins.
        high: where it ends.
        count: how many pictures or pairs it rests on.
        bar: what it must reach; None for a number that is only reported.
        sense: on which side of the bar it must be; "clearly >" wants the whole interval there.
    """

    name: str
    value: float
    count: int
    low: float
    high: float
    bar: float | None = None
    unit: str = ""
    sense: Sense = ">="

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        if self.bar is None:
            return None
        if self.sense == "<=":
            return self.value <= self.bar
        return self.low > self.bar if self.sense == "clearly >" else self.value >= self.bar


def share(name: str, hits: Sequence[bool], bar: float | None = None) -> Measurement:
    """How often something was so, in percent, with Wilson's interval (1927)."""
    count, happened = len(hits), sum(map(bool, hits))
    interval = stats.binomtest(happened, count).proportion_ci(method="wilson")
    value, low, high = (100 * float(x) for x in (happened / count, interval.low, interval.high))
    return Measurement(name, value, count, low, high, bar, "%")


def mean(
    name: str, values: Sequence[float], unit: str, bar: float | None = None, sense: Sense = ">="
) -> Measurement:
    """The mean of two values or more, with Student's interval."""
    if len(values) < 2:
        raise ValueError(f"{name}: an interval needs two values or more, got {len(values)}")
    middle, spread = float(np.mean(values)), float(stats.sem(values))
    half = spread * float(stats.t.ppf(0.975, len(values) - 1))
    return Measurement(name, middle, len(values), middle - half, middle + half, bar, unit, sense)


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
