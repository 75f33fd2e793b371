"""The sweeps of the method's settings: training-side styles, and one row for each choice."""

import json
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from bench import sweep
from inst_tutorial.world import HELD_OUT, artists, seeds


def test_no_held_out_style_and_no_style_picture_among_the_contents(sd1_painter):
    trials = sweep.make_trials(sd1_painter, sweep.continuum(3), contents=7)
    assert not [trial for trial in trials if trial.style in HELD_OUT.values()]
    assert {trial.style_scene.subject for trial in trials} == {"house"}
    assert len({trial.style_scene for trial in trials}) == 3
    assert [scene.subject for scene in trials[0].scenes] == [*sweep.SUBJECTS, sweep.SUBJECTS[0]]
    assert trials[0].scenes == trials[2].scenes


def test_the_seeds_are_the_sweeps(monkeypatch, sd1_painter):
    drawn = []
    sample = sweep.Scene.sample
    monkeypatch.setattr(
        sweep.Scene, "sample", lambda seed, **fixed: drawn.append(seed) or sample(seed, **fixed)
    )
    sweep.make_trials(sd1_painter, sweep.continuum(2), contents=2)
    assert drawn == [
        *seeds.SWEEP[:2],
        seeds.SWEEP_STYLE_PICTURES[-1],
        seeds.SWEEP_STYLE_PICTURES[-2],
    ]


def test_wins_are_counted_pair_by_pair():
    assert sweep.wins([1, 2, 3, 4], [2, 2, 4, 5]) == 75


@pytest.mark.slow
def test_names_are_compared_artist_by_artist(sd1_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "RESULTS", tmp_path)
    options = ["names", "--count", 2, "--contents", 1, "--steps", 1, "--painter", sd1_folder]
    result = CliRunner().invoke(sweep.app, list(map(str, options)))
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "sweep-names.json").read_text(encoding="utf-8"))
    assert [row["artist"] for row in rows] == [*list(artists())[-2:], "mean"]
    for column in ("name", "caption", "word", "content"):
        two = [row[column] for row in rows[:2]]
        assert rows[2][column] == pytest.approx(sum(two) / 2, abs=0.01)


def test_the_appendix_quotes_the_recorded_sweep():
    root = Path(__file__).parents[2]
    recorded = json.loads((root / "bench/sweep-transfer.json").read_text(encoding="utf-8"))
    found = {(r["strength"], r["guidance"], r["steps"], r["eta"]): r for r in recorded[:-1]}
    one, two, lower = (found[key] for key in ((0.8, 1, 20, 0), (0.8, 2, 20, 0), (0.6, 2, 20, 0)))
    cells = nbformat.read(root / "book/a_training.ipynb", as_version=4).cells
    text = " ".join(" ".join(cell.source for cell in cells).split())
    assert f"{one['distance']:.1f} with guidance 1 and to {two['distance']:.1f} with" in text
    assert f"{one['texture']:.1f} dB with guidance 1, and {two['texture']:.1f} dB with" in text
    assert f"a little smaller, {lower['distance']:.1f} and {lower['texture']:.1f} dB" in text
