"""Rivals without a network: a colour transfer from the style picture, and the perfect reader."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inst_tutorial.metrics import palette_distance, structure_distance, to_lab
from inst_tutorial.studies.colour_transfer import colour_transfer
from inst_tutorial.studies.perfect_reader import read, shaken
from inst_tutorial.world import HELD_OUT, RANGES, Scene, paint, style_words

CHAPTER = Path(__file__).parents[2] / "book" / "01_beyond_words.ipynb"
CONTENT = paint(Scene("cat", "meadow", seed=901))


def soft(picture):
    """With half of its contrast, so that a transfer between two of these stays inside sRGB."""
    return picture.point(lambda value: 64 + value // 2)


@pytest.fixture
def style_picture():
    return paint(Scene("house", "sea", seed=902), HELD_OUT["jade"])


def test_a_transfer_has_the_mean_and_the_deviation_of_the_style_picture(style_picture):
    content, style = soft(CONTENT), soft(style_picture)
    result = to_lab(colour_transfer(content, style))
    assert np.allclose(result.mean((0, 1)), to_lab(style).mean((0, 1)), atol=1.5)
    assert np.allclose(result.std((0, 1)), to_lab(style).std((0, 1)), atol=1.5)


def test_a_transfer_is_nearer_in_colour_and_moves_nothing(style_picture):
    result = colour_transfer(CONTENT, style_picture)
    before = palette_distance(CONTENT, style_picture)
    assert palette_distance(result, style_picture) < 0.7 * before
    assert structure_distance(result, CONTENT) < 0.2


def test_a_transfer_from_itself_changes_nothing():
    again = np.asarray(colour_transfer(CONTENT, CONTENT), dtype=int)
    assert np.abs(again - np.asarray(CONTENT, dtype=int)).max() <= 1


def test_a_transfer_takes_pictures_of_other_sizes_and_of_one_colour(style_picture):
    grey = Image.new("RGB", (40, 24), (120, 120, 120))
    result = colour_transfer(grey, style_picture)
    assert result.size == (40, 24) and result.mode == "RGB"
    assert len(np.unique(np.asarray(result).reshape(-1, 3), axis=0)) == 1  # still one colour


def test_colours_outside_srgb_are_clipped_without_a_warning(recwarn):
    bright = Image.fromarray(np.indices((8, 8)).sum(0).astype(np.uint8) % 2 * 255).convert("RGB")
    vivid = Image.new("RGB", (8, 8), "blue")
    vivid.paste("yellow", (0, 0, 4, 8))
    colour_transfer(bright, vivid)
    colour_transfer(vivid, bright)
    assert not recwarn.list


@pytest.mark.parametrize("name", ["starry", "byzantine", "lagoon"])
def test_a_reading_has_the_same_caption_and_is_another_style(name):
    style = HELD_OUT[name]
    reading = read(style, np.random.default_rng(0))
    assert style_words(reading) == style_words(style)
    assert reading != style and reading.recolour == style.recolour
    off = [habit for habit in RANGES if getattr(style, habit) == 0]
    assert off and all(getattr(reading, habit) == 0 for habit in off)


def test_readings_depend_on_the_generator_alone():
    style = HELD_OUT["starry"]
    first, second, other = (read(style, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == second != other


def test_the_reader_is_the_one_of_the_first_chapter():
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    chapter: dict = {}
    exec("from dataclasses import replace\nfrom inst_tutorial.world import *", chapter)
    for start in ("import numpy as np\n\n\ndef shaken", "def read("):
        exec(next(source for source in sources if source.startswith(start)), chapter)
    for name in ("starry", "orchard", "neon"):
        style = HELD_OUT[name]
        for ours, theirs in ((shaken, chapter["shaken"]), (read, chapter["read"])):
            pair = [reader(style, np.random.default_rng(3)) for reader in (ours, theirs)]
            assert pair[0] == pair[1], name
