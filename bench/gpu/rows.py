"""A row: the three names that it is found by, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Measured = dict[str, Any]
Row = dict[str, Any]  # Measured, with "layout", "stage" and "name"


def names(row: Row) -> tuple[str, str, str]:
    """What a row is found by."""
    return row["layout"], row["stage"], row["name"]


def find(rows: Sequence[Row], layout: str, stage: str, name: str) -> Row | None:
    """The row with these names, or None."""
    return next((row for row in rows if names(row) == (layout, stage, name)), None)
