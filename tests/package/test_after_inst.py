"""The study of what came after InST: every method is measured, on every content, and timed."""

import pytest
import torch
from tiny import toy_picture

from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter
from inst_tutorial.studies.after_inst import WORDS, AfterSettings, learned, run
from inst_tutorial.studies.results import Results

pytestmark = pytest.mark.slow
SHORT = LearningSettings(steps=1, batch=1, pairs=1, evaluate_every=1)


@pytest.fixture(scope="module")
def results():
    """One step of learning a word: enough to see that everything is there."""
    words = {"InST": lambda painter, picture: learned(painter, picture, SHORT)}
    words |= {"at a glance": WORDS["at a glance"]}
    painter = Painter.load("paintbox", device="cpu")
    return run(painter, AfterSettings.quick(), words, progress=False)


def test_every_method_is_measured_on_every_content(results):
    rows = results.tables["distances"]
    named = {row["method"] for row in rows}
    assert named == {
        "content",
        "recoloured content",
        "best caption",
        "style injection",
        "InST",
        "at a glance",
    }
    assert len(rows) == 2 * 2 * len(named)
    assert all(row["truth"] > 0 for row in rows)
    assert all(row["structure"] == 0 for row in rows if row["method"] == "content")


def test_learning_costs_time_for_a_style_and_injection_for_a_picture(results):
    rows = {(row["style"], row["method"]): row for row in results.tables["seconds"]}
    for (_, method), row in rows.items():
        assert (row["a style"] > 0) == (method in ("InST", "at a glance"))
        assert (row["a picture"] > 0) == (method not in ("content", "recoloured content"))


def test_the_numbers_come_back_from_their_file(results, tmp_path):
    stored = Results.load(results.save(tmp_path / "after.json"))
    assert len(stored.tables["distances"]) == len(results.tables["distances"])
    assert stored.belongs_to(Painter.load("paintbox", device="cpu"))


def test_a_word_is_that_after_the_last_step(sd1_painter):
    settings = LearningSettings(kind="free", steps=3, batch=2, pairs=1, evaluate_every=3)
    one, two = (learned(sd1_painter, toy_picture(), settings) for _ in range(2))
    assert torch.equal(one.vectors, two.vectors)
