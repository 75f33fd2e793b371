"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix) that becomes `path` on success.

    On an error, or when nothing was written, `path` stays as it was and nothing is left behind.
    Missing folders are made.

        with atomic_path("word.safetensors") as temporary:
            save_file(tensors, temporary)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        usual = Path(folder) / "usual"  # safetensors writes files that only their owner may read
        usual.touch()
        temporary.chmod(usual.stat().st_mode)
        os.replace(temporary, path)
