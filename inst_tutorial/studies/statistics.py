"""Numbers with their uncertainty, and with the bars that they must reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Sense = Literal[">=", "<=", "clearly >"]
Values = Sequence[float] | NDArray[np.float64]
Verdict = Literal["yes", "no", "undecided"]


@dataclass(frozen=True)
class Measurement:
    """One measured number.

    Attributes:
        value: the number, in `unit`.
        low: where its 95 % interval begins.
        high: where it ends.
        count: how many pictures or pairs it rests on.
        bar: what it must reach; None for a number that is only reported.
        sense: on which side of the bar it must be; "clearly >" wants the whole interval there.
    """

    name: str
    value: float
    count: int
    low: float
    high: float
    bar: float | None = None
    unit: str = ""
    sense: Sense = ">="

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar."""
        if self.bar is None:
            return None
        if self.sense == "<=":
            return self.value <= self.bar
        return self.low > self.bar if self.sense == "clearly >" else self.value >= self.bar


def interval(values: Values) -> tuple[float, float]:
    """Mean of independent values (n,) and the half width of its 95 % interval (Student's t).

    Results of one style share its style picture and its word: average them first
    (`Results.by_style`), for only styles are independent. One value has an infinite interval.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("inf")
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return float(values.mean()), float(half)


def verdict(gains: Values) -> Verdict:
    """Whether independent gains (n,) speak for a claim.

    "yes" when their whole 95 % interval lies above zero, "no" when it lies below, "undecided" when
    zero is inside. Where there is no true difference, about one verdict in twenty is decided.
    """
    middle, half = interval(gains)
    if middle - half > 0:
        return "yes"
    return "no" if middle + half < 0 else "undecided"


def mean(
    name: str, values: Values, unit: str, bar: float | None = None, sense: Sense = ">="
) -> Measurement:
    """The mean of two values or more, with Student's interval."""
    if len(values) < 2:
        raise ValueError(f"{name}: an interval needs two values or more, got {len(values)}")
    middle, half = interval(values)
    return Measurement(name, middle, len(values), middle - half, middle + half, bar, unit, sense)


def share(
    name: str, events: Sequence[bool] | NDArray[np.bool_], bar: float | None = None
) -> Measurement:
    """How often something was so, in percent, with Wilson's interval (1927)."""
    count, happened = len(events), sum(map(bool, events))
    wilson = stats.binomtest(happened, count).proportion_ci(method="wilson")
    value, low, high = (100 * float(x) for x in (happened / count, wilson.low, wilson.high))
    return Measurement(name, value, count, low, high, bar, "%")
