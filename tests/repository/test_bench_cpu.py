"""The benchmark of this machine: its stopwatch, and its measurements run through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from bench.cpu import __main__ as command
from bench.cpu import memory
from bench.cpu.learning import learning
from bench.cpu.loss_curves import race
from bench.cpu.plan import PLAN
from bench.cpu.workload import NOT_MEASURED, CpuWorkload
from bench.diffusers_script import SCRIPT, Script
from bench.stopwatch import Stopwatch
from bench.timing import Timer, ratio, summary
from inst_tutorial.painter import Painter

ROOT = Path(__file__).parents[2]
CPU_JSON = ROOT / "inst_tutorial/data/bench_cpu.json"

# A script of the same shape as diffusers': it learns a table's last row by AdamW.
LEARNS = """
import torch
table = torch.nn.Parameter(torch.zeros(2, 64))
optimizer = torch.optim.AdamW([table])
while True:
    table.sum().backward()
    optimizer.step()
"""


def ticking(*ticks: float):
    return iter(ticks).__next__


def checkout(folder: Path, text: str) -> Path:
    """A checkout of diffusers whose script is `text`."""
    (folder / SCRIPT).parent.mkdir(parents=True)
    (folder / SCRIPT).write_text(text)
    return folder


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


def test_a_stopwatch_times_functions_and_then_leaves_them_as_they_were() -> None:
    class Owner:
        def work(self) -> str:
            return "done"

    owner, original = Owner(), Owner.work
    with Stopwatch(ticking(0, 9, 0, 1, 0, 2)) as watch:
        watch.watch(owner, "work", "one")
        watch.watch(Owner, "work", "all")
        for whole in (20, 5, 6):
            assert owner.work() == "done"
            watch.lap(whole)
    assert watch.medians() == {"one": 1, "rest": 4}  # the lower of two; the first lap warms up
    assert Owner.work is original and not vars(owner)


def test_learning_is_timed_step_by_step() -> None:
    painter, backward = Painter.load("paintbox"), torch.Tensor.backward
    result = learning(CpuWorkload(painter, Timer(), runs=1, steps=2))
    assert result["ours"]["runs"] == 1 and result["script"] == NOT_MEASURED
    parts = result["where the time goes, ours"]
    assert {"unet", "backward", "text encoder", "rest"} == parts.keys()
    assert set(result["until the final loss"]["loss after steps"]["ours"]) == {0}
    assert "predict_noise" not in vars(painter)  # the stopwatch is gone
    assert torch.Tensor.backward is backward


@pytest.mark.slow
def test_the_script_learns_by_turns_with_us(tmp_path) -> None:
    step = torch.optim.AdamW.step
    diffusers = checkout(tmp_path, LEARNS.replace("64", str(Painter.load("paintbox").text_width)))
    workload = CpuWorkload(Painter.load("paintbox"), Timer(), runs=1, steps=6, diffusers=diffusers)
    result = learning(workload)
    recorded = json.loads(CPU_JSON.read_text())["learn"]
    assert list(result) == list(recorded)
    assert result["script"]["runs"] == result["ours"]["runs"] == 5
    curves = result["until the final loss"]["loss after steps"]
    assert set(curves["ours"]) == set(curves["script"]) == {0, 5}
    assert curves["ours"][0] == curves["script"][0]  # both start from the same word
    assert torch.optim.AdamW.step is step  # the script was stopped


def test_a_script_may_be_stopped_before_its_first_step(tmp_path) -> None:
    with Script(checkout(tmp_path, "raise AssertionError('it ran')"), []) as script:
        pass
    assert not script.is_alive() and script.error is None


def test_a_script_that_fails_says_so(tmp_path) -> None:
    with (
        Script(checkout(tmp_path, "raise ValueError('no such option')"), []) as script,
        pytest.raises(RuntimeError, match="stopped: no such option"),
    ):
        script.step()
    assert not script.is_alive()


def test_the_race_ends_at_the_scripts_least_loss() -> None:
    ours, theirs = {0: 0.3, 5: 0.21, 10: 0.2}, {0: 0.3, 5: 0.22, 10: 0.21}
    assert race(ours, theirs, our_seconds=0.5, their_seconds=1.0) == {
        "target": 0.21,
        "script": {"steps": 10, "seconds": 10},
        "ours": {"steps": 5, "seconds": 2.5},
        "times sooner": 4,
    }
    slow = race({0: 0.3, 5: 0.25}, theirs, our_seconds=0.5, their_seconds=1.0)
    assert slow.keys() == {"target", "script"}


def test_peak_memory_is_that_of_a_process_of_its_own() -> None:
    assert 100 < memory.peak_of(memory.nothing) < 100_000


def test_every_work_has_its_row_in_the_recorded_memory() -> None:
    recorded = json.loads(CPU_JSON.read_text())["peak memory in MiB"]
    assert list(recorded) == [*memory.WORKS, "learning, script"]


def test_the_recorded_groups_are_those_of_the_plan() -> None:
    assert list(json.loads(CPU_JSON.read_text())) == ["machine", "note", *PLAN]


def test_a_group_is_written_before_it_is_said(tmp_path, monkeypatch) -> None:
    out = tmp_path / "new/cpu.json"

    def stopped(workload: CpuWorkload) -> None:
        raise KeyboardInterrupt

    def said(*text: object, **options: object) -> None:
        assert json.loads(out.read_text())["first"] == {"runs": 3}

    plan = {"first": lambda workload: {"runs": workload.runs}, "second": stopped}
    monkeypatch.setattr(command, "PLAN", plan)
    monkeypatch.setattr("builtins.print", said)
    with pytest.raises(KeyboardInterrupt):
        command.main(out=out, runs=3)
    held = json.loads(out.read_text())
    assert list(held) == ["machine", "note", "first"] and held["machine"]["clock"] == "wall time"
    assert held["machine"].keys() == json.loads(CPU_JSON.read_text())["machine"].keys()


def test_a_wrong_checkout_is_refused_before_measuring(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "PLAN", {"first": lambda workload: pytest.fail("measured")})
    program = Typer()
    program.command()(command.main)
    options = ["--diffusers", str(tmp_path), "--out", str(tmp_path / "cpu.json")]
    result = CliRunner().invoke(program, options, env={"COLUMNS": "1000"})
    assert result.exit_code == 2 and "is no checkout of diffusers: it lacks" in result.output
