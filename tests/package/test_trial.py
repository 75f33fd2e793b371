"""A trial: the world's pictures, repainted by word or caption, and measured against the truth."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from inst_tutorial.learning import LearningSettings, learn, learn_many
from inst_tutorial.metrics import truth_distance
from inst_tutorial.studies import trial as trial_module
from inst_tutorial.studies.demo import SCENES, run_demo
from inst_tutorial.studies.trial import Trial, batches, learn_words
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.world import HELD_OUT, Scene, colours_only, paint, style_words

LEARNING = LearningSettings(steps=2, batch=1, evaluate_every=1, pairs=2, kind="free")
SETTINGS = TransferSettings(steps=2)


@pytest.fixture
def trial(sd1_painter):
    scenes = [Scene("cat", "snow", seed=3), Scene("owl", "sea", seed=4)]
    return Trial(sd1_painter, HELD_OUT["starry"], Scene("house", "city", seed=5), scenes)


def test_its_pictures_are_the_worlds_at_the_painters_size(trial):
    style = HELD_OUT["starry"]
    assert trial.style_picture == paint(Scene("house", "city", seed=5), style, size=32)
    assert trial.contents == [paint(scene, size=32) for scene in trial.scenes]
    assert trial.truths == [paint(scene, style, size=32) for scene in trial.scenes]
    only_colours = colours_only(style)
    assert trial.recoloured == [paint(scene, only_colours, size=32) for scene in trial.scenes]
    other = trial.paint(trial.scenes[0], style, stroke_seed=1)
    assert other.size == (32, 32) and other != trial.truths[0]


def test_words_learned_together_come_from_each_style_picture(trial):
    other = replace(trial, style=HELD_OUT["neon"])
    words = learn_words([trial, other], LEARNING, progress=False)
    groups = [[trial.style_picture], [other.style_picture]]
    expected = learn_many(trial.painter, groups, LEARNING, progress=False)
    assert all(torch.equal(*pair) for pair in zip(vectors(words), vectors(expected), strict=True))
    assert words[0].info["curve"][-1]["others"] is None


def test_truths_are_watched_and_never_learned_from(trial):
    (word,) = learn_words([trial], LEARNING, watched=1, progress=False)
    others = trial.truths[:1]
    expected = learn(trial.painter, trial.style_picture, LEARNING, others=others, progress=False)
    assert word.info["curve"] == expected.info["curve"]
    assert word.info["curve"][-1]["others"] > 0


def test_repainting_is_the_transfer_of_all_contents(trial, sd1_painter):
    (word,) = learn_words([trial], LEARNING, progress=False)
    by_hand = transfer(sd1_painter, trial.contents, word, SETTINGS)
    assert trial.repaint(word, SETTINGS) == by_hand
    adain = replace(SETTINGS, adain=True)
    by_hand = transfer(sd1_painter, trial.contents, word, adain, trial.style_picture)
    assert trial.repaint(word, adain) == by_hand


def test_a_walk_may_start_from_the_truths(trial, sd1_painter):
    (word,) = learn_words([trial], LEARNING, progress=False)
    by_hand = transfer(sd1_painter, trial.truths, word, SETTINGS)
    assert trial.repaint_truths(word, SETTINGS) == by_hand != trial.repaint(word, SETTINGS)


def test_a_caption_takes_the_place_of_the_word(trial, monkeypatch):
    asked = []

    def remember(painter, contents, word, settings, style):
        asked.append((word, settings.prompt))
        return list(contents)

    monkeypatch.setattr(trial_module, "transfer", remember)
    assert trial.repaint_by_caption(SETTINGS) == trial.contents
    assert asked == [(None, style_words(HELD_OUT["starry"]))]


def test_each_result_is_measured_against_its_own_truth(trial):
    expected = [truth_distance(*pair) for pair in zip(trial.contents, trial.truths, strict=True)]
    assert trial.truth_distances(trial.contents) == expected
    assert trial.truth_distances(trial.truths) == [0, 0]
    with pytest.raises(ValueError, match="argument"):
        trial.truth_distances(trial.truths[:1])


def test_batches_hold_all_items_in_order():
    assert [list(batch) for batch in batches(range(10))] == [list(range(8)), [8, 9]]
    assert list(batches([])) == []


def test_the_demo_is_one_trial(sd1_painter):
    demo = run_demo(sd1_painter, "neon", strengths=(0.5,), learning=LEARNING, settings=SETTINGS)
    assert list(demo.distances) == ["content", "word, 0.5", "caption, 0.8"]
    contents = [paint(scene, size=32) for scene in SCENES]
    truths = [paint(scene, HELD_OUT["neon"], size=32) for scene in SCENES]
    distances = [truth_distance(*pair) for pair in zip(contents, truths, strict=True)]
    assert demo.distances["content"] == pytest.approx(sum(distances) / 3)
    assert demo.pictures["cat-truth"] == truths[1]
    assert {name for name in demo.pictures if name.startswith("castle")} == {
        "castle-content",
        "castle-word-0.5",
        "castle-caption-0.8",
        "castle-truth",
    }


def vectors(words):
    return [word.vectors for word in words]
