"""The GPU benchmark runs through on a toy, and says so where nothing was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bench import gpu

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UNCOMPILED = {"eager": None}  # compiling takes minutes


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "gpu.json"
    stages = [stage for stage in gpu.STAGES if stage != "savers"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "MODES", UNCOMPILED)
        gpu.main(out=out, stages=",".join(stages), tiny=True, layouts="sd15", diffusers=None)
    return json.loads(out.read_text())


def test_every_stage_measures(tiny) -> None:
    found = tiny["layouts"]["tiny"]
    assert found["matmul_tflops"] > 0
    assert found["savers"] == gpu.NOT_YET  # not asked for
    assert [row["mode"] for row in found["modes"]] == list(UNCOMPILED)
    for stage in ("batches", "together", "precisions", "modes"):
        for row in found[stage]:
            assert "failed" not in row, row
            assert row["tflop"] >= 0 and {"median", "least", "most"} == row["ms"].keys()
            assert row["peak_gb"] is None or torch.cuda.is_available()
    assert [row["batch"] for row in found["batches"]] == [1, 2]
    assert found["repainting"]["ratio"] > 0
    assert found["diffusers script"].startswith(gpu.NOT_YET)


def test_goals_name_what_is_not_measured() -> None:
    for row in gpu.goals(gpu.nothing({"sd15": {}})):
        assert row["found"] == row["verdict"] == gpu.NOT_YET
    rows = [
        {"batch": 8, "share_of_matmul": 0.4, "seconds_for_500_steps": 20.1},
        {"batch": 1, "failed": "out of memory"},
    ]
    result = {"layouts": {"sd15": {"batches": rows, "repainting": {"ratio": 0.6}}}}
    found = [(row["found"], row["verdict"]) for row in gpu.goals(result)]
    assert found == [(0.4, "met"), (20.1, "missed"), (gpu.NOT_YET,) * 2, (0.6, "met")]


def test_operations_grow_with_the_batch(tiny) -> None:
    one, two = (row["tflop"] for row in tiny["layouts"]["tiny"]["batches"])
    assert one <= two
    ones = tiny["layouts"]["tiny"]["together"]
    assert ones[0]["tflop"] <= ones[1]["tflop"] <= ones[3]["tflop"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_invented(tmp_path, capsys) -> None:
    out = tmp_path / "gpu.json"
    options = {"stages": "batches", "diffusers": None, "tiny": False}
    gpu.main(out=out, layouts="sd15,sd21", **options)
    assert capsys.readouterr().out.count("not yet measured (not yet measured)") == 4
    result = json.loads(out.read_text())
    assert result["machine"] == gpu.NOT_YET
    for layout in result["layouts"].values():
        assert set(layout.values()) == {gpu.NOT_YET}
    measured = json.dumps({"goals": [gpu.goal("time", 3.0, most=4)]})
    out.write_text(measured)
    gpu.main(out=out, layouts="sd15", **options)
    assert out.read_text() == measured
    assert "time, at most 4: 3.0 (met)" in capsys.readouterr().out


def test_the_committed_table_is_one_of_this_program() -> None:
    result = json.loads((ROOT / "inst_tutorial/data/bench_gpu.json").read_text())
    assert {"sd15", "sd21"} <= result["layouts"].keys()
    assert result["goals"] == gpu.goals(result)


def test_random_weights_have_the_true_size() -> None:
    painter = gpu.random_painter(gpu.TINY, gpu.Plan({}, "cpu", torch.float32))
    assert len(painter.tokenizer) == 49_408 == painter.text_encoder.config.vocab_size
    assert painter.tokenizer.eos_token_id == 49_407
    assert painter.picture_size == 16


def test_savers_are_measured_one_by_one() -> None:
    plan = gpu.Plan({}, "cpu", torch.float32, steps=1, runs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "SAVERS", {"none": [], "all three": gpu.SAVERS["all three"]})
        rows = gpu.savers(gpu.TINY, plan, peak=1.0)
    assert [row["saver"] for row in rows] == ["none", "all three"]
    assert rows[1]["tflop"] > rows[0]["tflop"]  # checkpointing computes twice


def test_a_failure_is_a_row() -> None:
    def full():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    def silent():
        raise AssertionError

    assert gpu.tried(full)["failed"].startswith("out of memory: CUDA")
    assert gpu.tried(silent) == {"failed": "AssertionError: "}
    assert gpu.tried(lambda: {"ms": 1}) == {"ms": 1}


def test_a_stage_that_fails_leaves_the_others(tmp_path, monkeypatch) -> None:
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(gpu, "STAGES", {"batches": full, "repainting": lambda *args: {"ratio": 1}})
    plan = gpu.Plan({"sd15": gpu.TINY}, "cpu", torch.float32, matmul=8)
    found = gpu.measure(plan, ["batches", "repainting"], tmp_path / "gpu.json")["layouts"]["sd15"]
    assert found["batches"]["failed"].startswith("out of memory")
    assert found["repainting"] == {"ratio": 1}


def test_operations_are_counted_before_compiling(monkeypatch) -> None:
    modes: list[str] = []
    painter = gpu.random_painter(gpu.TINY, gpu.Plan({}, "cpu", torch.float32))
    monkeypatch.setattr(painter.unet, "compile", lambda mode: modes.append(mode))
    plan = gpu.Plan({}, "cpu", torch.float32, steps=1, runs=1)
    monkeypatch.setattr(gpu, "step_tflop", lambda *args: modes.append("counted") or 1.0)
    gpu.learning_step(painter, plan, 1, 1.0, mode="default")
    assert modes == ["counted", "default"]


def test_a_wrong_checkout_is_refused_before_measuring(tmp_path, monkeypatch) -> None:
    from typer import BadParameter

    monkeypatch.setattr(gpu, "measure", lambda *args: pytest.fail("measured"))
    with pytest.raises(BadParameter, match=r"is no checkout of diffusers: it lacks examples"):
        gpu.main(diffusers=tmp_path, tiny=True, out=tmp_path / "gpu.json")
    assert not (tmp_path / "gpu.json").exists()
