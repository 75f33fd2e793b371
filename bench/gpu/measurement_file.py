"""How results are written: a file of measurements that grows row by row.

A row is written as soon as it is measured: whatever ends the program, all rows before it are
there, and the next run goes on after them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.gpu.goals import verdicts
from bench.gpu.rows import Row, names
from bench.json_files import write_json


class OtherMachineError(RuntimeError):
    """The file's rows come from another machine; the text says from which, and the way out."""


@dataclass
class MeasurementFile:
    """Rows in a JSON file: each has "layout", "stage" and "name", and what was measured.

    `operations`: 10^12 operations of a learning step, by layout: "per_pair" and "per_word".
    `machine` is None until something was measured.
    """

    path: Path
    machine: Mapping[str, Any] | None = None
    operations: dict[str, dict[str, float]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> MeasurementFile:
        """What the file holds; a file that is not there holds nothing."""
        if not path.exists():
            return cls(path)
        held = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, held["machine"], held["operations"], held["rows"])

    def measured_on(self, machine: Mapping[str, Any]) -> None:
        """Rows that are added from now on come from this machine. Raises OtherMachineError."""
        if self.machine not in (None, machine) and self.rows:
            raise OtherMachineError(
                f"{self.path} was measured on {dict(self.machine or {})}, this is {dict(machine)}: "
                f"rows of two machines do not compare. Name another file with --out, or delete it"
            )
        self.machine = machine

    def add(self, row: Row) -> None:
        """Put a row in, in place of one with its names, and write the file."""
        self.rows = [one for one in self.rows if names(one) != names(row)] + [row]
        self.write()

    def write(self) -> None:
        """Write all rows and what they say of the goals."""
        held = {
            "machine": self.machine,
            "operations": self.operations,
            "rows": self.rows,
            "goals": verdicts(self.rows),
        }
        write_json(self.path, held)
