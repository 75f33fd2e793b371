"""What the model card says is what was measured, counted and logged."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.notebook import data_file
from inst_tutorial.painter import Painter
from inst_tutorial.studies.model_card import (
    BEGIN,
    DISTANCES,
    END,
    app,
    evaluation_table,
    with_table,
)
from inst_tutorial.studies.report import read, write
from inst_tutorial.studies.results import Results
from inst_tutorial.studies.statistics import Measurement
from inst_tutorial.world import GAP, HELD_OUT, LIGHTS, SETTINGS, SUBJECTS, artists

CARD = (PAINTBOX / "README.md").read_text(encoding="utf-8")
ROWS = [
    Measurement("a share", 62.5, 96, 50.0, 75.0, 60, "%"),
    Measurement("a count", 3.0, 7, 3.0, 3.0),
]


def test_a_table_has_the_value_the_interval_and_the_count_of_each_row():
    lines = evaluation_table(ROWS).splitlines()
    assert lines[2:] == ["| a share | 62.5 % | 50.0 .. 75.0 | 96 |", "| a count | 3.00  |  | 7 |"]


def test_what_has_all_four_distances_is_in_a_second_table():
    rows = [Measurement(kind + "of a cat", 5.0, 8, 4.0, 6.0) for kind in DISTANCES.values()]
    lonely = Measurement("Truth distance of a dog", 7.0, 8, 6.0, 8.0)
    first, second = evaluation_table([*ROWS, *rows, lonely]).split("\n\n")
    assert [line.split(" | ")[0] for line in first.splitlines()[2:]] == [
        "| a share",
        "| a count",
        "| Truth distance of a dog",
    ]
    assert second.splitlines()[2:] == ["| of a cat" + " | 5.00  (4.00 .. 6.00)" * 4 + " |"]


def test_only_what_is_between_the_marks_changes():
    card = f"before\n{BEGIN}old\n{END}after\n"
    assert with_table(card, "new\n") == f"before\n{BEGIN}new\n{END}after\n"


@pytest.mark.parametrize("card", ["", BEGIN, END, END + BEGIN])
def test_a_card_without_both_marks_is_refused(card):
    with pytest.raises(ValueError, match="two lines between"):
        with_table(card, "new\n")


def test_the_command_writes_the_table_beside_the_painter(tmp_path):
    write(ROWS, tmp_path / "evaluation.json")
    (tmp_path / "README.md").write_text(f"# A\n{BEGIN}{END}", encoding="utf-8")
    result = CliRunner().invoke(app, ["--painter", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "README.md").read_text(
        encoding="utf-8"
    ) == f"# A\n{BEGIN}{evaluation_table(ROWS)}{END}"


def test_rows_are_read_as_they_were_written(tmp_path):
    assert read(write(ROWS, tmp_path / "rows.json")) == ROWS


# --------------------------------------------------------------------------- Paintbox's


def test_the_table_is_the_evaluation_beside_it():
    """New weights: `python -m inst_tutorial.studies.model_card` writes the table anew."""
    assert with_table(CARD, evaluation_table(read(PAINTBOX / "evaluation.json"))) == CARD


def test_its_head_is_one_that_the_hub_reads():
    head = ModelCard(CARD).data
    assert (head.license, head.library_name, head.pipeline_tag) == (
        "mit",
        "diffusers",
        "text-to-image",
    )


def test_it_is_one_page():
    assert len(CARD.split()) < 1300


def test_its_training_is_that_of_the_log():
    samples: Counter[str] = Counter()
    last = {}
    for line in (PAINTBOX / "training.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        last[record["stage"]] = record["samples"]
    for stage, count in last.items():
        samples[stage.split("-")[0]] += count
    samples["clip"] -= last["clip-first"]  # with the text tower that was given up
    assert f"| {round(samples['unet'] / 1e6, 2)} million pictures |" in CARD
    assert f"| {round(samples['clip'] / 1e3)} thousand pictures |" in CARD
    assert f"| {round(samples['text'] / 1e3)} thousand captions |" in CARD


def test_its_sizes_are_those_of_the_networks():
    painter = Painter.load("paintbox", device="cpu")
    networks = {
        "vae": painter.vae,
        "text_encoder": painter.text_encoder,
        "image_encoder": painter.image_encoder,
        "unet": painter.unet,
    }
    lines = {line.split("`")[1].rstrip("/"): line for line in CARD.splitlines() if "/` |" in line}
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        assert lines[name].endswith(f"| {count / 1e6:.1f} M |")


def test_its_counts_are_those_of_the_world():
    assert f"{len(SUBJECTS)} subjects, {len(SETTINGS)} settings and {len(LIGHTS)} lights" in CARD
    assert f"{len(artists())} invented artists" in CARD
    assert f"nearer than {GAP} to\none of the {len(HELD_OUT)} held-out styles" in CARD


def test_what_it_says_of_the_truth_distance_was_measured():
    pairs = Results.load(data_file("held_out_pairs.json")).tables["pairs"]
    blurred, recoloured = (
        sum(pair[name] < pair["word"] for pair in pairs) for name in ("blurred truth", "recoloured")
    )
    said = " ".join(CARD.split())
    assert f"Over {len(pairs)} pairs of held-out style and content" in said
    assert f"result of a word in {blurred} of them" in said
    assert f"without any stroke in {recoloured}." in said
