"""How every program of this folder writes what it has measured."""

from __future__ import annotations

import json
from pathlib import Path

from inst_tutorial.files import atomic_path


def write_json(path: Path, value: object, indent: int = 1) -> None:
    """Write a file that is always whole; missing folders are made. Raises OutputError."""
    text = json.dumps(value, indent=indent) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
