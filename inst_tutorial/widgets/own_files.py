"""The reader's own files: those that come in by an upload, and names for those that are written."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import ipywidgets


def uploaded(upload: ipywidgets.FileUpload) -> io.BytesIO | None:
    """The file that was uploaded last, with its name; None before the first upload."""
    if not upload.value:
        return None
    file = io.BytesIO(bytes(upload.value[0]["content"]))
    file.name = upload.value[0]["name"]
    return file


def free_path(name: str, suffix: str) -> Path:
    """name.suffix in this folder, or name-2.suffix and so on: nothing is written over."""
    stem = name.replace(" ", "-")
    paths = (Path(f"{stem}-{n}{suffix}" if n > 1 else stem + suffix) for n in itertools.count(1))
    return next(path for path in paths if not path.exists())
