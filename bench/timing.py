"""How seconds are counted, for every program of this folder.

A figure is the median of several runs, with the least and the most beside it. Works that are
compared take turns in one process, so that a busy moment disturbs all of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

import torch

Clock = Callable[[], float]
Work = Callable[[], object]


class Summary(TypedDict):
    """Seconds of several runs of one work."""

    median_s: float
    least_s: float
    most_s: float
    runs: int


def summary(seconds: list[float]) -> Summary:
    """Median and spread, to a tenth of a millisecond."""
    return {
        "median_s": round(statistics.median(seconds), 4),
        "least_s": round(min(seconds), 4),
        "most_s": round(max(seconds), 4),
        "runs": len(seconds),
    }


def processor_time() -> float:
    """Seconds of processor time of this process and of those that it has waited for.

    Raises OSError on Windows, where Python cannot ask for the time of the latter.
    """
    if sys.platform == "win32":
        raise OSError("Windows does not count the processor time of processes that have ended")
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def wait_for_device() -> None:
    """Return when a CUDA device has done all that it was given; without one, at once."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Timer:
    """Times works by a clock: wall time, or `processor_time` on a machine that is busy."""

    clock: Clock = time.perf_counter

    def seconds(self, work: Work) -> float:
        """Seconds of one call, the device's queue included."""
        wait_for_device()
        start = self.clock()
        work()
        wait_for_device()
        return self.clock() - start

    def alternate(self, works: Mapping[str, Work], runs: int) -> dict[str, Summary]:
        """Each work once to warm up, then `runs` times in turn."""
        for work in works.values():
            work()
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(runs):
            for name, work in works.items():
                times[name].append(self.seconds(work))
        return {name: summary(values) for name, values in times.items()}

    def one(self, work: Work, runs: int) -> Summary:
        """The summary of a single work, after one call to warm up."""
        return self.alternate({"it": work}, runs)["it"]

    def in_new_process(self, code: str, runs: int) -> Summary:
        """What a new Python takes for `code`, less what it takes for nothing."""

        def run(text: str) -> float:
            return self.seconds(lambda: subprocess.run([sys.executable, "-c", text], check=True))

        run(code)
        return summary([max(run(code) - run("pass"), 0.0) for _ in range(runs)])


def ratio(ours: Summary, theirs: Summary) -> float:
    """Our median seconds in theirs."""
    return round(ours["median_s"] / theirs["median_s"], 3)
