"""The evaluation: statistics against numbers by hand, measures against painters that cheat."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tiny import tiny_image_encoder, tiny_reader
from typer.testing import CliRunner

from inst_tutorial import cli
from inst_tutorial.learning import LearningSettings
from inst_tutorial.metrics import texture_distance, truth_parts
from inst_tutorial.painter import Painter
from inst_tutorial.pretraining.settings import Recipe
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.stages.table import STAGES, pretrain
from inst_tutorial.studies import evaluation, paintings
from inst_tutorial.studies.evaluation import evaluate
from inst_tutorial.studies.judge import WORDINGS, EvaluationError, Judge, top1
from inst_tutorial.studies.painter_quality import (
    autoencoder_rows,
    increase,
    subject_rows,
    wrong_word_rows,
)
from inst_tutorial.studies.report import table, write
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.statistics import Measurement, mean, share
from inst_tutorial.studies.transfer_quality import TrialResults, transfer_rows
from inst_tutorial.studies.trial import Trial
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.world import (
    HELD_OUT,
    SUBJECTS,
    Scene,
    full_caption,
    style_words,
)
from inst_tutorial.world.seeds import EVALUATION

pytestmark = pytest.mark.slow

TINY = EvaluationSettings(
    scenes=2,
    styles=2,
    captions=4,
    choices=2,
    samples=3,
    pictures=3,
    pairs=2,
    learning=LearningSettings(steps=1, batch=1, evaluate_every=1, pairs=2),
    transfer=TransferSettings(steps=2),
)


# ----------------------------------------------------------------------- statistics


def test_a_share_has_wilsons_interval():
    row = share("x", [True] * 8 + [False] * 2, 75)
    z, p, n = 1.959964, 0.8, 10
    middle, half = p + z**2 / 2 / n, z * math.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    expected = [100 * (middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]
    assert (row.value, row.count, row.unit) == (80, 10, "%")
    assert [row.low, row.high] == pytest.approx(expected, abs=1e-3)
    assert share("all", [True] * 5).low < 100 == share("all", [True] * 5).value


def test_a_mean_has_students_interval():
    row = mean("x", [1.0, 2.0, 3.0], "dB")
    half = 4.302653 / math.sqrt(3)
    assert (row.value, row.count) == (2.0, 3)
    assert (row.low, row.high) == pytest.approx((2 - half, 2 + half))
    with pytest.raises(ValueError, match="two values"):
        mean("x", [1.0], "dB")


@pytest.mark.parametrize(
    ("sense", "bar", "met"),
    [
        (">=", 10, True),
        (">=", 10.5, False),
        ("<=", 10, True),
        ("<=", 9.5, False),
        ("clearly >", 8.5, True),
        ("clearly >", 9.5, False),
        (">=", None, None),
    ],
)
def test_when_a_bar_is_met(sense, bar, met):
    assert Measurement("x", 10, 4, 9, 11, bar, "", sense).met is met


def test_the_table_says_what_is_met_and_what_is_missed(tmp_path):
    rows = [
        Measurement("short", 30.0, 4, 29.0, 31.0, 27, "dB"),
        Measurement("a longer name", 5.0, 1000, 4.0, 6.0, 80, "%"),
        Measurement("only reported", 3.0, 7, 3.0, 3.0),
    ]
    lines = table(rows).splitlines()
    assert (
        len({line.index(word) for line, word in zip(lines[1:3], ("met", "MISSED"), strict=True)})
        == 1
    )
    assert "29.0 .. 31.0" in lines[1] and ">= 27" in lines[1] and "1000" in lines[2]
    assert lines[3].endswith(" 7") and ".." not in lines[3]
    read = json.loads(write(rows, tmp_path / "rows.json", unet="abc").read_text(encoding="utf-8"))
    assert [row["met"] for row in read["rows"]] == [True, False, None] and read["unet"] == "abc"


def test_an_increase_is_in_percent_of_the_loss_and_paired():
    rng = np.random.default_rng(0)
    right = rng.uniform(0.1, 1.0, 40)
    wrong = right + 0.02 * right.mean() + rng.normal(0, 1e-4, 40)
    row = increase("x", right, wrong, bar=1.9)
    assert row.value == pytest.approx(2, abs=0.05) and row.high - row.low < 0.05 and row.met
    assert not increase("x", right, wrong, bar=2.1).met
    assert increase("x", right, right[::-1], bar=0).value == pytest.approx(0)


# ------------------------------------------------------------------------- examples


def test_captions_differ_and_no_style_is_held_out():
    distinct = paintings.distinct_captions(60, EVALUATION[0])
    assert len({full_caption(*one) for one in distinct}) == 60
    assert all(style not in HELD_OUT.values() for _, style in distinct)


def test_a_caption_comes_once(monkeypatch):
    one, two, three = paintings.paintings_of(3, 5)
    monkeypatch.setattr(paintings, "paintings", lambda seed: iter([one, two, one, three]))
    assert paintings.distinct_captions(3, 5) == [one, two, three]


def test_wrong_words_are_wrong():
    rng = np.random.default_rng(0)
    examples = paintings.paintings_of(10, 5)
    for scene, style in examples:
        other = paintings.wrong_subject(scene, rng)
        assert other.subject != scene.subject
        assert replace(other, subject=scene.subject) == scene
        assert style_words(paintings.wrong_style(style, rng)) != style_words(style)


def test_another_style_of_the_same_words_is_not_wrong(monkeypatch):
    starry, neon = HELD_OUT["starry"], HELD_OUT["neon"]
    drawn = iter([replace(starry, relief=0.8), neon])
    monkeypatch.setattr(paintings, "sample_style", lambda rng: next(drawn))
    assert paintings.wrong_style(starry, np.random.default_rng(0)) is neon


@pytest.mark.parametrize("wrong", [{"samples": 1}, {"captions": 250}, {"styles": 15}])
def test_counts_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvaluationSettings(**wrong)


# ---------------------------------------------------------------------------- CLIP


def test_top1_counts_the_nearest_within_each_group():
    seen = torch.eye(4)
    assert top1(seen, seen, 2) == [True] * 4
    assert top1(seen, seen[[1, 0, 2, 3]], 2) == [False, False, True, True]
    assert top1(seen, seen[[2, 1, 0, 3]], 4) == [False, True, False, True]
    nearer = seen[[0, 1, 0, 1]] * torch.tensor([1, 1, 2, 2])[:, None]
    assert top1(seen[[0, 1, 0, 1]], nearer, 2) == [True] * 4
    assert top1(seen[[0, 1, 0, 1]], nearer, 4) == [False, False, True, True]


class Knowing:
    """Stands for a painter whose CLIP knows the subject by the picture's first byte."""

    device = torch.device("cpu")

    def image_features(self, picture_pm1):
        index = ((picture_pm1[:, 0, 0, 0] + 1) * 127.5).round().long()
        return SimpleNamespace(pooled=torch.eye(len(SUBJECTS))[index])

    def tokenize(self, texts):
        rows = [[i for i, name in enumerate(SUBJECTS) if name in text.split()] for text in texts]
        return SimpleNamespace(ids=torch.tensor(rows))

    def text_encoder(self, ids):
        return SimpleNamespace(pooler_output=torch.eye(len(SUBJECTS))[ids[:, 0]])


def test_the_judge_says_the_nearest_subject():
    judge = Judge(Knowing(), torch.eye(len(SUBJECTS)))
    pictures = [Image.new("RGB", (4, 4), (i, 0, 0)) for i in (7, 0, 11)]
    assert judge.subjects(pictures) == [list(SUBJECTS)[i] for i in (7, 0, 11)]
    assert all("{}" in wording for wording in WORDINGS)


# ----------------------------------------------------------------------- transfers


def test_rows_of_transfers_compare_each_pair(sd1_painter):
    scenes, style_scene = [Scene("cat", "snow", seed=3)], Scene("house", "sea", seed=4)
    trial = Trial(sd1_painter, HELD_OUT["starry"], style_scene, scenes)
    good = {
        "content": trial.contents,
        "stochastic": trial.truths,
        "noise": [trial.style_picture],
        "ddim": trial.contents,
        "caption": trial.contents,
        "walk": trial.truths,
        "recoloured": trial.recoloured,
    }
    swapped = {"stochastic": "ddim", "ddim": "noise", "noise": "stochastic"}
    bad = {**good, **{name: good[other] for name, other in swapped.items()}}
    results = [TrialResults(trial, pictures) for pictures in (good, good, bad)]
    rows = {row.name: row for row in transfer_rows(results)}
    shares = {name: row.value for name, row in rows.items() if row.unit == "%"}
    assert shares.pop("Content kept (edges): stochastic than noise") == 100
    assert shares.pop("Content kept (structure): stochastic than noise") == 100
    assert list(shares.values()) == [pytest.approx(200 / 3)] * 5
    assert rows["Truth distance with the best caption"].value > 5
    copy = rows["Truth distance of the content"].value
    assert rows["Truth distance with the learned word"].value == pytest.approx(copy / 3)
    walk = {name: row.value for name, row in rows.items() if name.endswith("walk from the truth")}
    assert list(walk.values()) == [0, 0, 0, 0]


def test_the_truth_distance_is_its_two_parts_in_the_rows(sd1_painter):
    scenes = [Scene("cat", "snow", seed=3), Scene("owl", "sea", seed=5)]
    trial = Trial(sd1_painter, HELD_OUT["starry"], Scene("house", "sea", seed=4), scenes)
    methods = ("stochastic", "noise", "ddim", "caption", "walk", "recoloured", "content")
    results = TrialResults(trial, dict.fromkeys(methods, trial.contents))
    rows = {row.name: row.value for row in transfer_rows([results])}
    pairs = list(zip(trial.contents, trial.truths, strict=True))
    colour, detail = np.mean([truth_parts(*pair) for pair in pairs], axis=0)
    assert rows["Colour part of the truth distance with the learned word"] == pytest.approx(colour)
    assert rows["Detail part of the truth distance with the learned word"] == pytest.approx(detail)
    assert rows["Truth distance with the learned word"] == pytest.approx(colour + detail)
    texture = np.mean([texture_distance(*pair) for pair in pairs])
    assert rows["Texture distance with the learned word"] == pytest.approx(texture)


# --------------------------------------------------------------------- the painter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random painter that reads the world's captions, with CLIP's text projection."""
    folder = tmp_path_factory.mktemp("tiny-paintbox")
    tiny_reader().save_pretrained(folder)
    width = tiny_image_encoder().config.projection_dim
    projection = torch.randn(width, 32, generator=torch.Generator().manual_seed(3))
    (folder / "clip").mkdir()
    save_file({"text_projection": projection}, folder / "clip/projection.safetensors")
    return folder


@pytest.fixture(scope="module")
def painter(folder):
    return Painter.load(folder, device="cpu")


@pytest.fixture(scope="module")
def rows(painter):
    return evaluate(painter, TINY, progress=False)


def test_every_bar_of_the_model_card_is_measured(rows):
    counts = {row.name: row.count for row in rows}
    assert len(counts) == len(rows)
    bars = [27, 60, 92, 1.3, 8, 90, 97, 70, 15, 3.2, 5, *[85] * 4, 64]
    assert [row.bar for row in rows if row.bar is not None] == bars
    at_most = [row.bar for row in rows if row.bar is not None and row.sense == "<="]
    assert at_most == [15, 3.2, 5, 64]
    assert list(counts.values())[:7] == [28, 28, 4, 3, 3, 3, 3]
    assert set(list(counts.values())[7:-1]) == {4}
    assert all(row.low <= row.value <= row.high for row in rows)
    assert all(math.isfinite(row.value) for row in rows)


def test_the_size_is_that_of_all_files(rows, folder):
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert rows[-1].value == total / 1e6 and rows[-1].met


def test_it_repeats_to_the_bit(painter, rows):
    assert wrong_word_rows(painter, TINY, progress=False) == rows[5:7]
    assert subject_rows(Judge.load(painter), TINY, progress=False) == rows[3:5]


def test_the_loss_does_not_rise_where_words_are_not_read(painter, monkeypatch):
    embed = painter.embed
    monkeypatch.setattr(painter, "embed", lambda texts: embed("a house").expand(len(texts), -1, -1))
    assert all(row.value == 0 for row in wrong_word_rows(painter, TINY, progress=False))


def test_a_perfect_autoencoder_is_perfect(painter, monkeypatch):
    monkeypatch.setattr(painter, "encode", lambda picture_pm1: picture_pm1)
    monkeypatch.setattr(painter, "decode", lambda latent: latent + 2 / 255)
    ratio, distance = autoencoder_rows(painter, TINY, progress=False)
    assert ratio.value == pytest.approx(20 * math.log10(255), abs=0.2)  # one grey level off
    assert distance.value < 1


def test_a_painter_without_a_text_projection_is_refused(sd1_painter):
    with pytest.raises(EvaluationError, match="only Paintbox"):
        evaluate(sd1_painter, TINY)


def test_info_evaluates_quickly_or_in_full(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        evaluation,
        "evaluate",
        lambda painter, settings: (
            seen.append(settings) or [Measurement("a measure", 5, 4, 3, 6, 4)]
        ),
    )
    for option in ("--evaluate", "--full"):
        result = CliRunner().invoke(cli.app, ["info", option, "--painter", str(folder)])
        assert result.exit_code == 0 and "a measure" in result.stdout, result.output
    assert seen == [EvaluationSettings.quick(), EvaluationSettings()]


def test_the_last_stage_writes_what_was_measured_beside_the_painter(folder, monkeypatch, tmp_path):
    row = Measurement("a measure", 5, 4, 3, 6, 4)
    monkeypatch.setattr(evaluation, "evaluate", lambda painter, settings, progress: [row])
    short = replace(EvaluationSettings(), learning=TINY.learning)  # all counts, words of one step
    monkeypatch.setattr(
        "inst_tutorial.pretraining.stages.painter.EvaluationSettings", lambda: short
    )
    pretrain(PretrainingRun(tmp_path, folder, Recipe(), progress=False), ("evaluate",))
    read = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    (folder / "evaluation.json").unlink()
    assert (folder / "samples.webp").exists() and (folder / "transfer.webp").exists()
    assert list(STAGES)[-1] == "evaluate"
    assert read["rows"][0]["name"] == "a measure" and read["rows"][0]["met"] is True
    assert (
        read["settings"]["samples"] == 200
        and read["fingerprint"] == Painter.load(folder).fingerprint()
    )
