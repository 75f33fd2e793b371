"""A file of measurements that grows row by row, and says of the goals what its rows say.

A row is written as soon as it is measured: whatever ends the program, all rows before it are
there, and the next run goes on after them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inst_tutorial.files import atomic_path

Row = dict[str, Any]
Key = tuple[str, str, str]


class ResultsError(RuntimeError):
    """Results that cannot be added to; the text says why and the way out."""


@dataclass
class Results:
    """Rows in a JSON file: each has "layout", "stage" and "name", and what was measured.

    `operations`: 10^12 operations of a learning step, by layout: "per_pair" and "per_word".
    `machine` is None until something was measured.
    """

    path: Path
    machine: Mapping[str, Any] | None = None
    operations: dict[str, dict[str, float]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Results:
        """What the file holds; a file that is not there holds nothing."""
        if not path.exists():
            return cls(path)
        held = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, held["machine"], held["operations"], held["rows"])

    def measured_on(self, machine: Mapping[str, Any]) -> None:
        """Rows that are added from now on come from this machine. Raises ResultsError."""
        if self.machine not in (None, machine) and self.rows:
            raise ResultsError(
                f"{self.path} was measured on {dict(self.machine or {})}, this is {dict(machine)}: "
                f"rows of two machines do not compare. Name another file with --out, or delete it"
            )
        self.machine = machine

    def find(self, layout: str, stage: str, name: str) -> Row | None:
        """The row with these names, or None."""
        for row in self.rows:
            if key(row) == (layout, stage, name):
                return row
        return None

    def add(self, row: Row) -> None:
        """Put a row in, in place of one with its names, and write the file."""
        self.rows = [one for one in self.rows if key(one) != key(row)] + [row]
        self.write()

    def write(self) -> None:
        """Write all rows and the goals; the file is always whole."""
        held = {
            "machine": self.machine,
            "operations": self.operations,
            "rows": self.rows,
            "goals": goals(self),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path) as beside:
            beside.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


def key(row: Row) -> Key:
    """What a row is found by."""
    return row["layout"], row["stage"], row["name"]


# ----------------------------------------------------------------------------------- goals


@dataclass(frozen=True)
class Goal:
    """A bound on one number of one row of Stable Diffusion 1.5."""

    text: str
    stage: str
    name: str
    value: str
    least: float | None = None
    most: float | None = None

    def verdict(self, results: Results) -> Row:
        """The goal, what was found, and "met", "missed" or None (not measured)."""
        bound = f"at least {self.least}" if self.least is not None else f"at most {self.most}"
        row = results.find("sd15", self.stage, self.name) or {}
        found = row.get(self.value)
        return {"goal": f"{self.text}, {bound}", "found": found, "verdict": self._met(found)}

    def _met(self, found: float | None) -> str | None:
        if found is None:
            return None
        low = self.least is not None and found < self.least
        high = self.most is not None and found > self.most
        return "missed" if low or high else "met"


GOALS: Sequence[Goal] = (
    Goal(
        "share of the GPU's matrix product at batch 8",
        "learning",
        "batch 8",
        "share_of_matmul",
        least=0.4,
    ),
    Goal(
        "seconds for 500 learning steps at batch 8",
        "learning",
        "batch 8",
        "seconds_for_500_steps",
        most=20,
    ),
    Goal("peak memory at batch 1, GB", "learning", "batch 1", "peak_gb", most=8),
    Goal("repainting, share of diffusers' time", "repainting", "50 steps", "ratio", most=0.7),
)
"""What was hoped for at Stable Diffusion 1.5's size, on an H100 or H200."""


def goals(results: Results) -> list[Row]:
    """Each goal with what the results say of it."""
    return [goal.verdict(results) for goal in GOALS]


def missed(results: Results, stage: str) -> bool:
    """Whether a goal of this stage was measured and missed."""
    return any(g.stage == stage and g.verdict(results)["verdict"] == "missed" for g in GOALS)
