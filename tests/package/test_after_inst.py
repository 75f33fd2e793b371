"""The study of what came after InST: every method is measured, on every content, and timed."""

from dataclasses import replace

import pytest
import torch

from inst_tutorial.glance import glance
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter
from inst_tutorial.studies.after_inst import (
    GLANCE,
    LAYERS,
    LEARNERS,
    LOOKS,
    AfterSettings,
    learned,
    run,
    with_references,
)
from inst_tutorial.studies.results import Results
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.transfers import evaluation_trials

pytestmark = pytest.mark.slow
SHORT = LearningSettings(steps=2, batch=1, pairs=1, evaluate_every=1)
UNTIMED = {"content", "recoloured content", "perfect reader"}
REFERENCES = {*UNTIMED, "colour transfer"}


@pytest.fixture(scope="module")
def paintbox():
    return Painter.load("paintbox", device="cpu")


@pytest.fixture(scope="module")
def results(paintbox):
    """Two steps of learning a word: enough to see that everything is there."""
    learners = {"InST": SHORT, GLANCE: replace(SHORT, kind="free")}
    return run(paintbox, AfterSettings.quick(), learners, progress=False)


def test_every_method_is_measured_on_every_content(results):
    rows = results.tables["distances"]
    measured = {(row["method"], row["steps"]) for row in rows}
    alone = {(name, 0) for name in (*REFERENCES, "best caption", "style injection")}
    assert measured == alone | {("InST", 2), (GLANCE, 0), (GLANCE, 2)}
    assert len(rows) == 2 * 2 * len(measured)
    assert all(row["truth"] > 0 for row in rows)
    assert all(row["structure"] == 0 for row in rows if row["method"] == "content")


def test_learning_costs_time_for_a_style_and_repainting_for_a_picture(results):
    for row in results.tables["seconds"]:
        assert (row["a style"] > 0) == (row["method"] in ("InST", GLANCE))
        assert (row["a picture"] > 0) == (row["method"] not in UNTIMED)


def test_more_steps_take_longer(results):
    for style in {row["style"] for row in results.tables["seconds"]}:
        rows = results.rows("seconds", method=GLANCE, style=style)
        assert [row["steps"] for row in rows] == [0, 2]
        assert rows[0]["a style"] < rows[1]["a style"]


def test_every_group_of_layers_is_measured_in_every_style(results):
    rows = results.tables["layers"]
    assert [row["layers"] for row in rows] == [*LAYERS] * 2
    injected = {(r["style"], r["layers"]): r["truth"] for r in rows}
    for style in {row["style"] for row in rows}:
        values = results.rows("distances", style=style, method="style injection")
        mean = sum(row["truth"] for row in values) / len(values)
        assert injected[style, "decoder, 16 x 16"] == pytest.approx(mean)


def test_the_numbers_come_back_from_their_file(results, tmp_path, paintbox):
    stored = Results.load(results.save(tmp_path / "after.json"))
    assert len(stored.tables["distances"]) == len(results.tables["distances"])
    assert stored.belongs_to(paintbox)


def test_the_references_can_be_measured_alone(results, paintbox):
    """References that were added later come to their places, and all other numbers stay."""
    wanted = results.tables["distances"]
    kept = [row for row in wanted if row["method"] not in ("colour transfer", "perfect reader")]
    seconds = [row for row in results.tables["seconds"] if row["method"] != "perfect reader"]
    about = {**results.about, "settings": {"styles": 2, "contents": 2}}
    old = Results(about, {**results.tables, "distances": kept, "seconds": seconds})
    again = with_references(old, paintbox, progress=False)
    assert again.tables["distances"] == wanted
    timed = [(row["style"], row["method"], row["steps"]) for row in again.tables["seconds"]]
    rows = results.tables["seconds"]
    assert timed == [(row["style"], row["method"], row["steps"]) for row in rows]


def test_learning_goes_on_from_the_word_at_a_glance(paintbox):
    trial, *_ = evaluation_trials(paintbox, EvaluationSettings(styles=2, scenes=2))
    words = [word for _, word, _ in learned(trial, GLANCE, replace(SHORT, kind="free"))]
    start = glance(paintbox, trial.style_picture)
    assert torch.equal(words[0].vectors, start.vectors)
    assert not torch.equal(words[1].vectors, start.vectors)


def test_learners_are_looked_at_after_the_same_steps():
    for settings in LEARNERS.values():
        assert max(LOOKS) == settings.steps
        assert not any(steps % settings.evaluate_every for steps in LOOKS)
