"""Held-out styles on photographs: every pair is measured, and a rule chooses three."""

import pytest
import torch

from inst_tutorial.metrics import truth_distance, truth_parts
from inst_tutorial.studies import demo
from inst_tutorial.studies.held_out_pairs import (
    SCENES,
    PairSettings,
    chosen,
    pair_trial,
    pictures_of,
    references,
    run,
    share_of_the_way,
)
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, paint

SETTINGS = PairSettings(
    styles=("jade", "neon"), scenes=SCENES[:2], transfer=TransferSettings(steps=2)
)


def own_word(style):
    """A word that depends on the style."""
    return Word(torch.full((1, 32), len(style) / 10))


def pairs(*distances):
    names = ("content", "word")
    return [dict(zip(names, pair, strict=True)) for pair in distances]


def test_the_share_of_the_way_is_one_at_the_truth_and_nothing_at_the_content():
    shares = [share_of_the_way(pair) for pair in pairs((40, 0), (40, 40), (40, 10), (40, 50))]
    assert shares == pytest.approx([1, 0, 0.75, -0.25])
    assert share_of_the_way({"content": 20, "word": 3, "caption": 15}, "caption") == 0.25


def test_the_best_the_middle_and_the_worst_are_chosen_by_that_share():
    rows = pairs((40, 30), (10, 9), (80, 20), (50, 60), (40, 20))
    assert chosen(rows) == {"best": rows[2], "middle": rows[0], "worst": rows[3]}


def test_every_pair_is_measured_against_its_own_truth(sd1_painter):
    rows = run(sd1_painter, SETTINGS, own_word, progress=False).tables["pairs"]
    expected = [(style, scene.subject) for style in SETTINGS.styles for scene in SETTINGS.scenes]
    assert [(row["style"], row["subject"]) for row in rows] == expected
    truth = paint(SCENES[1], HELD_OUT["neon"], size=32)
    content = paint(SCENES[1], size=32)
    repainted = transfer(sd1_painter, content, own_word("neon"), SETTINGS.transfer)
    assert rows[-1]["content"] == truth_distance(content, truth)
    assert rows[-1]["word"] == pytest.approx(truth_distance(repainted, truth), abs=0.1)


def test_references_are_measured_like_results(sd1_painter):
    row = run(sd1_painter, SETTINGS, own_word, progress=False).tables["pairs"][1]
    trial = pair_trial(sd1_painter, row["style"], SCENES[1:2])
    for name, (picture,) in references(trial).items():
        assert row[name] == truth_distance(picture, trial.truths[0])


def test_a_blurred_truth_keeps_its_colours_and_loses_its_detail(sd1_painter):
    trial = pair_trial(sd1_painter, "banknote", SCENES[:1])
    (hand,), (blurred,), _ = references(trial).values()
    colour, detail = truth_parts(blurred, trial.truths[0])
    assert colour < detail
    assert truth_parts(hand, trial.truths[0])[1] < detail and hand != trial.truths[0]


def test_the_pictures_of_a_pair_are_those_that_were_measured(sd1_painter):
    row = run(sd1_painter, SETTINGS, own_word, progress=False).tables["pairs"][1]
    pictures = pictures_of(sd1_painter, row, SETTINGS.transfer, own_word)
    assert list(pictures) == ["style picture", "photograph", "best caption", "new word", "truth"]
    assert pictures["style picture"] == paint(demo.STYLE_SCENE, HELD_OUT["jade"], size=32)
    measured = {"content": "photograph", "caption": "best caption", "word": "new word"}
    for column, name in measured.items():
        distance = truth_distance(pictures[name], pictures["truth"])
        assert distance == pytest.approx(row[column], abs=0.1)
