"""How long a network is trained, and its learning rate on the way.

The rate rises, stays, and falls to zero in a line (Hägele et al., "Scaling Laws and Compute-Optimal
Training Beyond Fixed Training Durations", 2024). While it stays nothing depends on the end, so the
end may be moved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from inst_tutorial.pretraining.settings import TrainingError, TrainSettings


@dataclass(frozen=True)
class Budget:
    """The budget of one stage: steps, or minutes, or a time of day.

    Attributes:
        fit: the settings, with steps or minutes.
        moved: a file that may appear and change while the stage runs. It holds the time at which
            the training is to be over, in seconds since 1970 (`date +%s`), and overrides minutes.
    """

    fit: TrainSettings
    moved: Path

    def share(self, step: int, seconds: float) -> float:
        """How much is spent after so many steps and seconds, 0..1."""
        if self.fit.steps is not None:
            return min(1.0, step / self.fit.steps)
        end = self._moved_end()
        if end is None:
            return min(1.0, seconds / (60 * self.fit.minutes))
        left = end - time.time()
        return 1.0 if left <= 0 else seconds / (seconds + left)

    def rate(self, share: float) -> float:
        """The learning rate when `share` is spent."""
        rising = (share + 1e-4) / (self.fit.warmup + 1e-4)
        return self.fit.learning_rate * min(1.0, rising, (1 - share) / self.fit.fall)

    def _moved_end(self) -> float | None:
        if not self.moved.exists():
            return None
        text = self.moved.read_text(encoding="utf-8").strip()
        try:
            return float(text) if text else None
        except ValueError as error:
            raise TrainingError(
                f"{self.moved} holds {text!r}: write seconds since 1970, as `date +%s` prints"
            ) from error
