"""The words that come with Paintbox: there for every held-out style, and of these very weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from inst_tutorial.cli import app
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import WORDS, shipped_names, shipped_word, word_series
from inst_tutorial.studies.learn_shipped_words import (
    ShippedSettings,
    is_made,
    learn_missing,
    provenance,
)
from inst_tutorial.words import Word, WordError
from inst_tutorial.world import HELD_OUT

TINY = LearningSettings(steps=1, batch=1, pairs=1, evaluate_every=1)


def test_every_held_out_style_has_a_small_word() -> None:
    assert set(shipped_names()) == set(HELD_OUT)
    for name in HELD_OUT:
        assert shipped_word(name).vectors.shape == (1, 192)
        assert (WORDS / f"{name}.safetensors").stat().st_size < 5_000


def test_the_words_were_learned_with_the_weights_that_are_shipped() -> None:
    """New weights: `python -m inst_tutorial.studies.learn_shipped_words` learns the words anew."""
    painter, settings = Painter.load("paintbox", device="cpu"), ShippedSettings()
    expected = {name: provenance(painter, name, settings.learning) for name in HELD_OUT}
    for name, about in expected.items():
        assert about.items() <= shipped_word(name).info.items(), name


def test_the_series_is_one_vector_on_its_way() -> None:
    settings = ShippedSettings()
    words = word_series(settings.series_style)
    assert tuple(words) == tuple(settings.series_steps)
    last = words[max(words)].info["curve"]
    for step, word in words.items():
        assert word.info["steps"] == step == word.info["curve"][-1]["step"]
        assert word.info["curve"] == last[: len(word.info["curve"])]
    assert words[max(words)].info["curve"][-1]["loss"] < words[0].info["curve"][0]["loss"]


def test_a_name_that_is_none_is_answered_with_the_list() -> None:
    with pytest.raises(WordError, match=r"no word 'lagon' .* blossom, .*lagoon, .*\.safetensors"):
        shipped_word("lagon")
    with pytest.raises(WordError, match=r"'neon' at several steps. There are those of: lagoon"):
        word_series("neon")


def test_the_command_line_takes_a_name_where_it_takes_a_file(tmp_path, monkeypatch) -> None:
    run = CliRunner().invoke
    assert "learned words" not in run(app, ["info", "--word", "lagoon"]).output
    assert "fingerprint" in run(app, ["info", "--word", "lagoon"]).stdout
    refused = run(app, ["info", "--word", "lagon"])
    assert refused.exit_code and "lagoon" in refused.stderr
    monkeypatch.chdir(tmp_path)
    Word(torch.ones(1, 5)).save(Path("mine.safetensors")).rename("lagoon")  # a file goes first
    assert "1 x 5" in run(app, ["info", "--word", "lagoon"]).stdout


@pytest.mark.slow
def test_only_what_is_missing_is_learned(tmp_path) -> None:
    painter = Painter.load("paintbox", device="cpu")
    settings = ShippedSettings(("neon", "ember"), TINY, "ember", (0, 2), replace(TINY, kind="free"))
    first = learn_missing(painter, tmp_path, settings)
    assert [str(path.relative_to(tmp_path)) for path in first] == [
        "ember/0000.safetensors",
        "ember/0002.safetensors",
        "neon.safetensors",
        "ember.safetensors",
    ]
    assert shipped_names(tmp_path) == ("ember", "neon")
    assert learn_missing(painter, tmp_path, settings) == []
    first[2].unlink()
    assert learn_missing(painter, tmp_path, settings) == first[2:3]
    assert not is_made(first[2], painter, "neon", replace(TINY, seed=1))
    start, end = word_series("ember", tmp_path).values()
    assert not torch.equal(start.vectors, end.vectors)
    assert [point["step"] for point in end.info["curve"]] == [0, 1, 2]
