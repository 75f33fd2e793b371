"""What the file of the experiments says about two methods, as a number for each style.

Every answer is averaged over contents and seeds, so that only independent values are left: the
styles (`statistics.interval`). Differences are taken between the same styles, contents and seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inst_tutorial.studies.methods import COPIES, SAMPLING, SWEEP
from inst_tutorial.studies.results import Results, Row

Array = NDArray[np.float64]
CLOCK_POINTS = 50  # of a learning curve over seconds


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Questions to the results of one run of the experiments.

    Losses are given as the percentage that a prompt saves of the loss of the empty prompt, on the
    style picture ("loss") or on other content in the same style ("others").
    """

    results: Results

    # -------------------------------------------------------------------- repainting

    def at(self, metric: str, method: str, strength: float = SAMPLING.strength) -> Array:
        """(styles,) the mean distance of a method; a copy has no strength."""
        strength = 0.0 if method in COPIES else strength
        return self.results.by_style(metric, method=method, strength=strength)

    def gain(self, metric: str, a: str, b: str) -> Array:
        """(styles,) how much smaller the distance of a is than that of b: above 0, a is better."""
        return self.at(metric, b) - self.at(metric, a)

    def best_strength(self, metric: str, method: str) -> float:
        """The strength of SWEEP at which a method has its smallest mean distance."""
        return min(SWEEP, key=lambda strength: self.at(metric, method, strength).mean())

    def gain_at_best(self, metric: str, a: str, b: str) -> Array:
        """(styles,) the gain of a over b, each at its own best strength."""
        ours, others = (self.at(metric, m, self.best_strength(metric, m)) for m in (a, b))
        return others - ours

    def drawn(self, metric: str, method: str) -> Array:
        """(styles,) of what was drawn from noise: the distance to the true painting, in percent of
        the mean distance of the photograph, which has no style at all."""
        far = self.results.by_style(metric, "drawings", method="photograph").mean()
        return 100 * self.results.by_style(metric, "drawings", method=method) / far

    # ---------------------------------------------------------------------- learning

    @property
    def steps(self) -> list[int]:
        """Where learning curves have their points."""
        steps: list[int] = self.results.tables["curves"][0]["curve"]["step"]
        return steps

    def saved(self, learner: str, to: str = "loss") -> Array:
        """(styles, points) what the word of a learner saves in the course of its learning."""
        empty = {_case(row): row[to]["empty"] for row in self.results.rows("references")}
        rows = self.results.rows("curves", learner=learner)
        return self._by_style(
            rows, [1 - np.array(row["curve"][to]) / empty[_case(row)] for row in rows]
        )

    def saved_by(self, prompt: str, to: str = "loss") -> Array:
        """(styles,) what a prompt saves: "caption", or "full caption" with the content's words."""
        rows = self.results.rows("references")
        return self._by_style(rows, [1 - row[to][prompt] / row[to]["empty"] for row in rows])

    def _by_style(self, rows: list[Row], shares: list[Array]) -> Array:
        """The mean over the seeds of each style, in percent."""
        styles = dict.fromkeys(row["style"] for row in rows)
        of_style: dict[str, list[Array]] = {name: [] for name in styles}
        for row, share in zip(rows, shares, strict=True):
            of_style[row["style"]].append(100 * share)
        return np.array([np.mean(values, axis=0) for values in of_style.values()])

    # -------------------------------------------------------------------------- races

    def lead(self, a: str, b: str, to: str = "loss") -> Array:
        """(styles,) how much more a saves than b, averaged over the evaluations after step 0."""
        return (self.saved(a, to) - self.saved(b, to))[:, 1:].mean(1)

    def at_the_end(self, a: str, b: str, to: str = "loss") -> Array:
        """(styles,) how much more a saves than b after the last step."""
        return (self.saved(a, to) - self.saved(b, to))[:, -1]

    def early(self, a: str, b: str, share: float = 0.2, to: str = "loss") -> Array:
        """(styles,) how much more a saves after this share of its steps than b after all of its."""
        after = self.steps.index(round(share * self.steps[-1]))
        return self.saved(a, to)[:, after] - self.saved(b, to)[:, -1]

    def clock(self) -> Array:
        """(times,) seconds from the start of the learning to the end of the slowest learner."""
        return np.linspace(0, max(self._seconds(name)[-1] for name in self._timed), CLOCK_POINTS)

    def by_clock(self, learner: str, to: str = "loss") -> Array:
        """(styles, times) what a word saves after so many seconds of one core; NaN before the
        first step and after the last."""
        seconds, clock = self._seconds(learner), self.clock()
        rows = self.saved(learner, to)
        return np.array([np.interp(clock, seconds, row, np.nan, np.nan) for row in rows])

    def lead_in_seconds(self, a: str, b: str, to: str = "loss") -> Array:
        """(styles,) how much more a saves than b, averaged over the seconds that both have."""
        return np.asarray(np.nanmean(self.by_clock(a, to) - self.by_clock(b, to), axis=1))

    @property
    def _timed(self) -> dict[str, dict[str, float]]:
        timed: dict[str, dict[str, float]] = self.results.about["seconds"]
        return timed

    def _seconds(self, learner: str) -> Array:
        """(points,) when the points of a curve are reached. Learners that only differ in their
        settings take the time of their kind."""
        kind = "free vector" if learner.startswith("free vector") else "InST"
        taken = self._timed[kind]
        return taken["start"] + np.array(self.steps) * taken["step"]


def _case(row: Row) -> tuple[str, int]:
    return row["style"], row["seed"]
