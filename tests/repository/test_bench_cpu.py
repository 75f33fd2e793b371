"""The benchmark of this machine: its stopwatch, and its measurements run through."""

from __future__ import annotations

import pytest

from bench import cpu
from bench.timing import Timer, ratio, summary
from inst_tutorial.painter import Painter


def ticking(*ticks: float):
    return iter(ticks).__next__


def test_compared_works_take_turns() -> None:
    calls: list[str] = []
    timer = Timer(ticking(0, 1, 10, 14, 20, 23, 30, 38))
    works = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = timer.alternate(works, runs=2)
    assert calls == ["a", "b"] * 3  # once to warm up
    assert times["a"] == {"median_s": 2, "least_s": 1, "most_s": 3, "runs": 2}
    assert ratio(times["a"], times["b"]) == pytest.approx(2 / 6, abs=1e-3)


def test_a_new_process_is_timed_less_its_start() -> None:
    timer = Timer(ticking(0, 1, 0, 5, 0, 2))  # a first one, the code, nothing
    assert timer.in_new_process("pass", runs=1) == summary([3])


def test_learning_is_timed_step_by_step() -> None:
    painter = Painter.load("paintbox")
    result = cpu.learning(painter, Timer(), diffusers=None, steps=2)
    assert result["ours"]["runs"] == 1 and result["script"] == cpu.NOT_MEASURED
    parts = result["where the time goes, ours"]
    assert {"unet", "backward", "text encoder", "rest"} == parts.keys()
    assert set(result["until the final loss"]["loss after steps"]["ours"]) == {0}
    assert "predict_noise" not in vars(painter)  # the stopwatch is gone


def test_peak_memory_is_that_of_a_process_of_its_own() -> None:
    assert 100 < cpu.peak_of("pass") < 100_000
