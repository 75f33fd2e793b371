"""The file of the experiments: tables of rows, and what was measured with which weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from inst_tutorial.files import atomic_path
from inst_tutorial.painter import Painter

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass(frozen=True, eq=False)
class Results:
    """What the command wrote: `about` (plan, fingerprint, seconds) and tables of rows."""

    about: Row
    tables: Tables

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read the file of the command."""
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        tables = {
            name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
            for name, table in stored.pop("tables").items()
        }
        return cls(stored, tables)

    def save(self, path: str | Path) -> Path:
        """Write the file atomically, a row a line, numbers with five digits."""
        tables = ",\n".join(f'"{name}": {_table_text(rows)}' for name, rows in self.tables.items())
        about = json.dumps(_rounded(self.about), indent=1)
        with atomic_path(path) as temporary:
            text = f'{about.removesuffix("}").rstrip()},\n"tables": {{{tables}}}\n}}\n'
            temporary.write_text(text, encoding="utf-8")
        return Path(path)

    def belongs_to(self, painter: Painter) -> bool:
        """Whether these numbers were measured with the very weights of this painter."""
        return self.about["fingerprint"] == painter.fingerprint()

    def require(self, painter: Painter) -> None:
        """Raises ValueError if these numbers were measured with other weights."""
        if not self.belongs_to(painter):
            raise ValueError(
                f"these results were measured with the weights {self.about['fingerprint']}, and "
                f"{painter.source} has {painter.fingerprint()}: measure everything anew"
            )

    def with_rows(self, table: str, rows: Sequence[Row]) -> Results:
        """The same results, in which these rows replace all rows of their methods in a table. They
        come first among the rows of their style and seed."""
        replaced = {row["method"] for row in rows}
        kept = [row for row in self.tables[table] if row["method"] not in replaced]
        groups = dict.fromkeys(_group(row) for row in self.tables[table])
        merged = [row for group in groups for row in (*rows, *kept) if _group(row) == group]
        return replace(self, tables={**self.tables, table: merged})

    @property
    def methods(self) -> list[str]:
        """Whatever made results of the contents: the copies, then the methods."""
        return list(dict.fromkeys(row["method"] for row in self.tables["transfers"]))

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """The rows of a table in which the columns have the wanted values."""
        found = [
            row
            for row in self.tables[table]
            if all(row[name] == value for name, value in wanted.items())
        ]
        if not found:
            raise KeyError(f"{table} has no row with {wanted}")
        return found

    def by_style(self, metric: str, table: str = "transfers", **wanted: Any) -> np.ndarray:
        """(styles,) the mean over contents and seeds of a metric, a number for each style."""
        rows = self.rows(table, **wanted)
        names = dict.fromkeys(row["style"] for row in self.tables[table])
        return np.array([np.mean([r[metric] for r in rows if r["style"] == n]) for n in names])


def _group(row: Row) -> tuple[str, int]:
    """The style and the seed of a row; a study with one seed does not write it down."""
    return row["style"], row.get("seed", 0)


def _table_text(rows: Sequence[Row]) -> str:
    columns = list(rows[0])
    lines = ",\n".join(json.dumps(_rounded([row[name] for name in columns])) for row in rows)
    return f'{{"columns": {json.dumps(columns)}, "rows": [\n{lines}]}}'


def _rounded(value: Any) -> Any:
    """The same, with five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value
