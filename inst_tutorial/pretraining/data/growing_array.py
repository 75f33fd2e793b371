"""Arrays on disk that grow while they are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GrowingArray:
    """A file of rows of one shape and dtype, without a header: its size says how many.

    A row that was cut short by a kill does not count, and the next `append` drops it.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: str

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def __len__(self) -> int:
        """Number of whole rows."""
        return self.path.stat().st_size // self.row_bytes if self.path.exists() else 0

    def append(self, rows: NDArray[np.generic]) -> None:
        """Add rows (n, *shape) at the end."""
        self.truncate(len(self))
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())

    def truncate(self, count: int) -> None:
        """Keep the first `count` rows."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > count * self.row_bytes:
            os.truncate(self.path, count * self.row_bytes)

    def view(self) -> NDArray[Any]:
        """The rows as they are now: (n, *shape), read from disk when touched."""
        count = len(self)
        if count == 0:
            return np.empty((0, *self.shape), dtype=self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(count, *self.shape))
