"""The benchmark of this machine: its stopwatch, and its measurements run through."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from bench import machine, timing
from bench.cpu import __main__ as command
from bench.cpu import memory
from bench.cpu.learning import learning
from bench.cpu.loss_curves import race
from bench.cpu.plan import PLAN
from bench.cpu.starting import loading
from bench.cpu.variants import variant_painters
from bench.cpu.workload import NOT_MEASURED, CpuWorkload, paintbox
from bench.diffusers_script import SCRIPT, Script
from bench.stopwatch import Stopwatch
from bench.timing import Timer, ratio, summary

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


def run_command(*options: str):
    program = Typer()
    program.command()(command.main)
    return CliRunner().invoke(program, options, env={"COLUMNS": "1000"})


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
    painter, backward = paintbox(), torch.Tensor.backward
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
    diffusers = checkout(tmp_path, LEARNS.replace("64", str(paintbox().text_width)))
    workload = CpuWorkload(paintbox(), Timer(), runs=1, steps=6, diffusers=diffusers)
    result = learning(workload)
    recorded = json.loads(CPU_JSON.read_text(encoding="utf-8"))["learn"]
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


@pytest.mark.parametrize(("platform", "expected"), [("darwin", 3), ("freebsd14", 3 * 1024)])
def test_peak_memory_where_getrusage_is_asked(monkeypatch, platform, expected) -> None:
    usage = SimpleNamespace(ru_maxrss=3 * 2**20)  # bytes on macOS, KiB elsewhere
    asked = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setitem(sys.modules, "resource", asked)
    monkeypatch.setattr(memory, "STATUS", Path("no/such/file"))
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.peak() == expected


def test_peak_memory_on_windows(monkeypatch) -> None:
    used = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=5 * 2**20))
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: used))
    monkeypatch.setattr(memory, "STATUS", Path("no/such/file"))
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory.peak() == 5


def test_where_processor_time_cannot_be_counted_wall_time_is(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    monkeypatch.delattr("os.getloadavg")
    for module in (timing, memory):
        importlib.reload(module)
    monkeypatch.setattr(timing, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(command, "processor_time", timing.processor_time)
    assert timing.Timer().seconds(lambda: None) >= 0
    assert machine.cpu_machine("cpu")["load average"] is None
    monkeypatch.setattr(command, "PLAN", {"first": lambda workload: pytest.fail("measured")})
    result = run_command("--cpu-time", "--out", str(tmp_path / "cpu.json"))
    assert result.exit_code == 2 and "wall time is measured" in result.output


def test_everything_is_measured_on_the_cpu(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        "inst_tutorial.painter.best_device", lambda: pytest.fail("asked for the best device")
    )
    painters = variant_painters(paintbox())
    assert {str(one.device) for one in painters.values()} == {"cpu"}
    assert loading(CpuWorkload(painters["float32"], Timer(), runs=1, steps=1))["runs"] == 1
    memory.learn_ours()
    monkeypatch.setattr(command, "PLAN", {"first": lambda workload: str(workload.painter.device)})
    command.main(out=tmp_path / "cpu.json", runs=1)
    assert json.loads((tmp_path / "cpu.json").read_text(encoding="utf-8"))["first"] == "cpu"


def test_the_script_computes_on_the_cpu_when_told_so(tmp_path, monkeypatch) -> None:
    from accelerate.state import AcceleratorState, PartialState

    monkeypatch.setattr(PartialState, "default_device", torch.device("meta"))  # a GPU, as it were
    says = "from accelerate import Accelerator\nraise ValueError(Accelerator().device)"
    folder = checkout(tmp_path, says)
    try:
        for only_cpu, device in ((True, "cpu"), (False, "meta")):
            AcceleratorState._reset_state(reset_partial_state=True)
            with (
                Script(folder, [], only_cpu=only_cpu) as script,
                pytest.raises(RuntimeError, match=f"stopped: {device}"),
            ):
                script.step()
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_every_work_has_its_row_in_the_recorded_memory() -> None:
    recorded = json.loads(CPU_JSON.read_text(encoding="utf-8"))["peak memory in MiB"]
    assert list(recorded) == [*memory.WORKS, "learning, script"]


def test_the_recorded_groups_are_those_of_the_plan() -> None:
    assert list(json.loads(CPU_JSON.read_text(encoding="utf-8"))) == ["machine", "note", *PLAN]


def test_a_group_is_written_before_it_is_said(tmp_path, monkeypatch) -> None:
    out = tmp_path / "new/cpu.json"

    def stopped(workload: CpuWorkload) -> None:
        raise KeyboardInterrupt

    def said(*text: object, **options: object) -> None:
        assert json.loads(out.read_text(encoding="utf-8"))["first"] == {"runs": 3}

    plan = {"first": lambda workload: {"runs": workload.runs}, "second": stopped}
    monkeypatch.setattr(command, "PLAN", plan)
    monkeypatch.setattr("builtins.print", said)
    with pytest.raises(KeyboardInterrupt):
        command.main(out=out, runs=3)
    held = json.loads(out.read_text(encoding="utf-8"))
    assert list(held) == ["machine", "note", "first"] and held["machine"]["clock"] == "wall time"
    assert (
        held["machine"].keys() == json.loads(CPU_JSON.read_text(encoding="utf-8"))["machine"].keys()
    )


def test_a_wrong_checkout_is_refused_before_measuring(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "PLAN", {"first": lambda workload: pytest.fail("measured")})
    result = run_command("--diffusers", str(tmp_path), "--out", str(tmp_path / "cpu.json"))
    assert result.exit_code == 2 and "is no checkout of diffusers: it lacks" in result.output
