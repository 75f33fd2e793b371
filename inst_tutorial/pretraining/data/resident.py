"""Examples in the memory of the training device, so that a step never waits for the disk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Generator, Tensor

from inst_tutorial.pretraining.data.growing_array import GrowingArray


class Resident:
    """Copies of growing arrays on a device. Row i of each belongs to example i.

    Memory for `capacity` examples is taken at once, so that the tensors stay where they are; on a
    CPU the system gives it only when it is used.

    Attributes:
        rows: a tensor `(capacity, *shape)` for each array, of its dtype. Rows from `len` on are
            zero.
        count: how many examples there are, as a scalar on the device; 1 if there are none.
    """

    def __init__(
        self, files: Mapping[str, GrowingArray], capacity: int, device: torch.device | str
    ) -> None:
        self._files, self._capacity, self._filled = files, capacity, 0
        self.count = torch.ones((), device=device)
        self.rows = {
            name: torch.zeros(capacity, *file.shape, dtype=_dtype(file), device=device)
            for name, file in files.items()
        }

    def __len__(self) -> int:
        """Number of examples."""
        return self._filled

    def grow(self) -> int:
        """Copy what the arrays have gained, up to `capacity`; how many examples there are."""
        end = min(self._capacity, *map(len, self._files.values()))
        if end > self._filled:
            new = slice(self._filled, end)
            for name, file in self._files.items():
                self.rows[name][new] = torch.from_numpy(np.array(file.view()[new])).to(
                    self.count.device
                )
            self._filled = end
            self.count.fill_(float(end))
        return self._filled

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Places of `count` examples, drawn evenly: (count,) int64."""
        places = torch.rand(count, generator=generator, device=self.count.device) * self.count
        return places.long().clamp(max=self._capacity - 1)


def _dtype(file: GrowingArray) -> torch.dtype:
    return torch.from_numpy(np.empty(0, file.dtype)).dtype
