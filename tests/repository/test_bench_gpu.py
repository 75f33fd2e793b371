"""The GPU benchmark runs through on a toy, goes on where it stopped, and invents nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from typer import BadParameter, Typer
from typer.testing import CliRunner

from bench.diffusers_script import SCRIPT
from bench.gpu import __main__ as command
from bench.gpu.goals import GOALS, missed, verdicts
from bench.gpu.graphed_gradient import GraphedGradient
from bench.gpu.measure import measure, tried
from bench.gpu.measurement_file import MeasurementFile, OtherMachineError
from bench.gpu.plan import Planned, plan
from bench.gpu.random_painters import TINY, pictures, random_painter, save_random_painter
from bench.gpu.rows import find
from bench.gpu.script import diffusers_script
from bench.gpu.workload import toy
from bench.steps import StepwiseLearning
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter, fingerprint

ROOT = Path(__file__).parents[2]
GPU_JSON = ROOT / "inst_tutorial/data/bench_gpu.json"
NO_CARD = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "gpu.json"
    command.main(out=out, layouts="sd15", diffusers=None, budget=10_000, tiny=True)
    return json.loads(out.read_text(encoding="utf-8"))


def rows(found, stage: str):
    return {row["name"]: row for row in found["rows"] if row["stage"] == stage}


@pytest.mark.slow
def test_every_row_is_measured(tiny) -> None:
    assert not [row for row in tiny["rows"] if "failed" in row]
    planned = {(row.stage, row.name) for row in plan(toy("cpu"))}
    measured = {(row["stage"], row["name"]) for row in tiny["rows"]}
    for stage, name in planned - measured:  # these need a GPU, or a goal that was missed
        assert (stage, name) in {
            ("ways", "CUDA graph"),
            ("ways", "compiled blocks"),
            ("ways", "compiled UNet"),
            ("profile", "learning, batch 8"),
            ("profile", "repainting"),
        }
    assert set(rows(tiny, "learning")) == {f"batch {b}" for b in (1, 2, 4, 8, 16)}
    for row in tiny["rows"]:
        assert row["matmul_tflops"] > 0
        if row["stage"] != "repainting":
            assert {"median_s", "least_s", "most_s", "share_of_matmul", "peak_gb"} < row.keys()
    repainted = rows(tiny, "repainting")["50 steps"]
    assert repainted["ratio"] > 0 and repainted["ours"]["runs"] == 1


@pytest.mark.slow
def test_operations_grow_with_pairs_and_words(tiny) -> None:
    learned, together = rows(tiny, "learning"), rows(tiny, "together")
    assert learned["batch 1"]["tflop"] < learned["batch 8"]["tflop"]
    assert learned["batch 8"]["tflop"] < together["2 words"]["tflop"]
    assert together["2 words"]["tflop"] < together["4 words"]["tflop"]


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path) -> None:
    measured: list[str] = []

    def fake(name: str) -> dict[str, str]:
        measured.append(name)
        if name == "third" and measured.count("third") == 1:
            raise KeyboardInterrupt
        if name == "second" and measured.count("second") == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return {"value": name}

    names = ("first", "second", "third")
    planned = [Planned("tiny", "learning", name, 1, partial(fake, name)) for name in names]
    out = tmp_path / "gpu.json"
    with pytest.raises(KeyboardInterrupt):
        measure(toy("cpu"), planned, MeasurementFile.read(out), budget=60)
    held = MeasurementFile.read(out)
    assert find(held.rows, "tiny", "learning", "first")["value"] == "first"
    failed = find(held.rows, "tiny", "learning", "second")["failed"]
    assert failed.startswith("out of memory: CUDA")
    measure(toy("cpu"), planned, held, budget=60)
    assert measured == ["first", "second", "third", "second", "third"]  # what failed, again
    assert [row["value"] for row in MeasurementFile.read(out).rows] == ["first", "second", "third"]


def test_a_row_that_would_not_end_in_time_is_left_out(tmp_path, capsys) -> None:
    planned = [
        Planned("tiny", "ways", "long", 10_000, lambda: pytest.fail("measured")),
        Planned("tiny", "ways", "short", 1, lambda: {"value": 1}),
    ]
    file = MeasurementFile.read(tmp_path / "gpu.json")
    measure(toy("cpu"), planned, file, budget=5_000)  # far more than a busy machine takes
    assert [row["name"] for row in file.rows] == ["short"]
    assert "tiny: ways, long: no time left, it takes about 10000 s" in capsys.readouterr().out


def test_rows_of_two_machines_are_not_mixed(tmp_path) -> None:
    file = MeasurementFile(tmp_path / "gpu.json")
    file.measured_on({"device": "one"})
    file.add({"layout": "sd15", "stage": "learning", "name": "batch 1"})
    again = MeasurementFile.read(file.path)
    again.measured_on({"device": "one"})
    with pytest.raises(OtherMachineError, match=r"was measured on \{'device': 'one'\}.*--out"):
        again.measured_on({"device": "another"})


def test_goals_say_what_is_met_missed_or_not_measured(tmp_path) -> None:
    file = MeasurementFile(tmp_path / "gpu.json")
    assert {row["verdict"] for row in verdicts(file.rows)} == {None}
    names = {"layout": "sd15", "stage": "learning"}
    slow = {"share_of_matmul": 0.4, "seconds_for_500_steps": 20.1}
    file.add({**names, "name": "batch 8", **slow})
    file.add({**names, "name": "batch 1", "failed": "out of memory"})
    file.add({"layout": "sd15", "stage": "repainting", "name": "50 steps", "ratio": 0.6})
    found = [
        (row["found"], row["verdict"])
        for row in json.loads(file.path.read_text(encoding="utf-8"))["goals"]
    ]
    assert found == [(0.4, "met"), (20.1, "missed"), (None, None), (0.6, "met")]
    assert missed(file.rows, "learning") and not missed(file.rows, "repainting")


def test_a_missed_goal_is_profiled_in_the_same_run() -> None:
    workload = replace(toy("cpu"), layouts={"sd15": TINY})
    profiles = [row for row in plan(workload) if row.stage == "profile"]
    assert not any(row.needed([]) for row in profiles)
    slow = {"layout": "sd15", "stage": "repainting", "name": "50 steps", "ratio": 0.9}
    (needed,) = [row for row in profiles if row.needed([slow])]
    assert needed.name == "repainting"
    table = needed.measure()["table"]
    assert any("convolution" in line for line in table)


def test_what_readers_ask_first_is_measured_first() -> None:
    sizes = dict.fromkeys(("sd15", "sd21"), TINY)
    rows = plan(replace(toy("cuda"), layouts=sizes, diffusers=Path("diffusers")))
    stages = list(dict.fromkeys((row.layout, row.stage) for row in rows))
    assert stages == [
        ("sd15", "learning"),
        ("sd15", "repainting"),
        ("sd15", "profile"),
        ("sd15", "ways"),
        ("sd15", "diffusers script"),
        ("sd15", "precisions"),
        ("sd15", "savers"),
        ("sd15", "together"),
        ("sd21", "learning"),
        ("sd21", "repainting"),
    ]
    ordinary = [row.seconds for row in rows if row.name != "compiled UNet"]
    assert sum(ordinary) <= 240


@NO_CARD
def test_without_a_gpu_nothing_is_invented(tmp_path, monkeypatch, capsys) -> None:
    counted = {"per_pair": 1.0, "per_word": 0.1}
    monkeypatch.setattr("bench.gpu.measure.operations", lambda layout: counted)
    out = tmp_path / "gpu.json"
    command.main(out=out, layouts="sd15,sd21", diffusers=None, budget=240, tiny=False)
    said = capsys.readouterr().out
    assert "No CUDA device: nothing is measured" in said
    assert said.count("None (not measured)") == len(GOALS)
    held = json.loads(out.read_text(encoding="utf-8"))
    assert held["machine"] is None and held["rows"] == []
    file = MeasurementFile.read(out)
    file.measured_on({"device": "a GPU"})
    file.add({"layout": "sd15", "stage": "repainting", "name": "50 steps", "ratio": 0.5})
    command.main(out=out, layouts="sd15", diffusers=None, budget=240, tiny=False)
    assert "diffusers' time, at most 0.7: 0.5 (met)" in capsys.readouterr().out
    assert MeasurementFile.read(out).rows == file.rows


def test_the_committed_file_is_one_of_this_program(tmp_path) -> None:
    file = MeasurementFile.read(GPU_JSON)
    assert file.operations.keys() == {"sd15", "sd21"}
    assert file.operations["sd15"]["per_pair"] == pytest.approx(0.80 + 0.87, abs=0.01)
    replace(file, path=tmp_path / "new/gpu.json").write()
    assert (tmp_path / "new/gpu.json").read_bytes() == GPU_JSON.read_bytes()


def test_random_painters_have_the_true_layout() -> None:
    painter = random_painter(TINY, torch.float32, "cpu")
    assert len(painter.tokenizer) == 49_408 == painter.text_encoder.config.vocab_size
    assert painter.tokenizer.eos_token_id == 49_407
    assert painter.picture_size == 16


def test_a_random_painter_that_was_saved_is_the_one_in_memory(tmp_path) -> None:
    save_random_painter(TINY, torch.float32, "cpu", tmp_path / "model")
    saved = Painter.load(tmp_path / "model", device="cpu")
    made = random_painter(TINY, torch.float32, "cpu")
    marks = [fingerprint(one.unet, one.vae, one.text_encoder) for one in (saved, made)]
    assert marks[0] == marks[1]


def test_a_graph_is_recorded_once_and_gives_the_same_words() -> None:
    """The recorder of this test runs the work again, as a replayed graph does."""
    recorded = []

    def recorder(work):
        recorded.append(work)
        return work

    painter, settings = (
        random_painter(TINY, torch.float32, "cpu"),
        LearningSettings(kind="free", start="a"),
    )
    (picture,) = pictures(1, painter.picture_size)
    plain = StepwiseLearning(painter, [picture], settings)
    graphed = StepwiseLearning(painter, [picture], settings, GraphedGradient(recorder))
    for _ in range(3):
        plain.step()
        graphed.step()
    assert torch.equal(plain.vector(), graphed.vector()) and len(recorded) == 1


def test_the_script_is_timed_step_by_step_and_stopped(tmp_path) -> None:
    """A script of the same shape stands for diffusers': it learns a table's last row by AdamW."""
    script = tmp_path / SCRIPT
    script.parent.mkdir(parents=True)
    script.write_text(
        "import sys, pathlib, torch\n"
        "options = dict(a[2:].split('=') for a in sys.argv[1:])\n"
        "assert (pathlib.Path(options['pretrained_model_name_or_path']) / 'unet').is_dir()\n"
        "assert options['train_batch_size'] == '8' and options['mixed_precision'] == 'no'\n"
        "table = torch.nn.Parameter(torch.zeros(3, 2))\n"
        "optimizer = torch.optim.AdamW([table])\n"
        "for _ in range(int(options['max_train_steps'])):\n"
        "    table.sum().backward()\n"
        "    optimizer.step()\n"
        f"pathlib.Path({str(tmp_path)!r}, 'ended').touch()\n"
    )
    row = diffusers_script(replace(toy("cpu", diffusers=tmp_path), steps=4), "tiny")
    assert row["runs"] == 4 and row["batch"] == 8
    assert not (tmp_path / "ended").exists()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), AssertionError()])
def test_a_failure_is_a_row(error: Exception) -> None:
    def fail():
        raise error

    kind = "out of memory" if str(error) else "AssertionError"
    assert tried(fail)["failed"] == f"{kind}: {error}"
    assert tried(lambda: {"ms": 1}) == {"ms": 1}


def test_a_wrong_checkout_is_refused_before_measuring(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command, "measure", lambda *args: pytest.fail("measured"))
    program = Typer()
    program.command()(command.main)
    out = tmp_path / "gpu.json"
    options = ["--diffusers", str(tmp_path), "--tiny", "--out", str(out)]
    result = CliRunner().invoke(program, options, env={"COLUMNS": "1000"})
    assert result.exit_code == 2 and "is no checkout of diffusers: it lacks" in result.output
    assert not out.exists()


def test_an_unknown_layout_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BadParameter, match="there is no layout 'sd3', only sd15, sd21-base, sd21"):
        command.chosen("sd15,sd3", "cpu", None)
