"""How a program learned: its words and its seconds, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Course:
    """What a program did in its steps.

    Attributes:
        words: the word (k, d) before the first step and after each.
        seconds: of each step but the first, which warms up.
        parts: where the time of a step goes, {label: median seconds}.
    """

    words: list[Tensor]
    seconds: list[float]
    parts: dict[str, float]
