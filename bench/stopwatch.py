"""Where the time of a step goes: seconds spent in named functions."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import patch

import torch

from bench.timing import Clock


class Stopwatch:
    """Times functions in the thread that made it, until the end of its `with` block.

    `laps` is a list of {label: seconds}, one for each step.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self.laps: list[dict[str, float]] = []
        self.now: dict[str, float] = defaultdict(float)
        self.thread = threading.current_thread()
        self.replaced = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.replaced.close()

    def watch(self, owner: Any, name: str, label: str) -> None:
        """From now on, time `owner.name` in this watch's thread."""
        original = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            start = self.clock()
            try:
                return original(*args, **options)
            finally:
                if threading.current_thread() is self.thread:
                    self.now[label] += self.clock() - start

        self.replaced.enter_context(patch.object(owner, name, timed))

    def lap(self, whole: float) -> None:
        """A step that took `whole` seconds is over."""
        self.laps.append({**self.now, "rest": whole - sum(self.now.values())})
        self.now.clear()

    def medians(self) -> dict[str, float]:
        """Median seconds of each label in a step; the first step only warms up."""
        laps = self.laps[1:]
        labels = sorted({label for lap in laps for label in lap})
        table = torch.tensor([[lap.get(label, 0.0) for label in labels] for lap in laps])
        medians = table.median(0).values.tolist()
        return {label: round(value, 4) for label, value in zip(labels, medians, strict=True)}
