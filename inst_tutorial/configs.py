"""The JSON files that describe the parts of a painter, and the error of a painter that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Config = dict[str, Any]


class PainterError(RuntimeError):
    """A painter that cannot be loaded; the message says what is wrong and what to do."""


def read_config(path: Path) -> Config:
    """The settings in a JSON file. Raises PainterError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PainterError(f"cannot read {path}: {error}") from error
