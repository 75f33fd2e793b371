"""What was hoped for at Stable Diffusion 1.5's size, and what the rows say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.gpu.rows import Row, find


@dataclass(frozen=True)
class Goal:
    """A bound on one number of one row of Stable Diffusion 1.5."""

    text: str
    stage: str
    name: str
    value: str
    least: float | None = None
    most: float | None = None

    def verdict(self, rows: Sequence[Row]) -> Row:
        """The goal, what was found, and "met", "missed" or None (not measured)."""
        bound = f"at least {self.least}" if self.least is not None else f"at most {self.most}"
        row = find(rows, "sd15", self.stage, self.name) or {}
        found = row.get(self.value)
        return {"goal": f"{self.text}, {bound}", "found": found, "verdict": self._met(found)}

    def _met(self, found: float | None) -> str | None:
        if found is None:
            return None
        low = self.least is not None and found < self.least
        high = self.most is not None and found > self.most
        return "missed" if low or high else "met"


GOALS: Sequence[Goal] = (
    Goal(
        "share of the GPU's matrix product at batch 8",
        "learning",
        "batch 8",
        "share_of_matmul",
        least=0.4,
    ),
    Goal(
        "seconds for 500 learning steps at batch 8",
        "learning",
        "batch 8",
        "seconds_for_500_steps",
        most=20,
    ),
    Goal("peak memory at batch 1, GB", "learning", "batch 1", "peak_gb", most=8),
    Goal("repainting, share of diffusers' time", "repainting", "50 steps", "ratio", most=0.7),
)
"""On an H100 or H200."""


def verdicts(rows: Sequence[Row]) -> list[Row]:
    """Each goal with what the rows say of it."""
    return [goal.verdict(rows) for goal in GOALS]


def missed(rows: Sequence[Row], stage: str) -> bool:
    """Whether a goal of this stage was measured and missed."""
    return any(g.stage == stage and g.verdict(rows)["verdict"] == "missed" for g in GOALS)
