"""Dark pages: pictures of a grid keep their colours there, and the paper round them is dark."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("jupyter_book")
sys.path.append(str(Path(__file__).parents[2] / "book/_ext"))

from inst_dark import _is_chart, on_dark_paper, picture_cells

from inst_tutorial.figures import curves, picture_grid, to_picture
from inst_tutorial.widgets import view
from inst_tutorial.world import STYLES, Scene, paint

PAINTINGS = [paint(Scene("castle", "sea"), STYLES[name]) for name in ("mosaic", "woodcut")]


def grid(*rows):
    titles = ["one", "another"]
    return to_picture(picture_grid(rows, row_titles=[*"ab"][: len(rows)], column_titles=titles))


def chart():
    return to_picture(curves({"a": [[1, 2], [9, 8]], "b": [4, 1]}, title="A band and a line"))


def test_the_pictures_of_a_grid_are_found():
    whole, with_a_gap = grid(PAINTINGS, PAINTINGS), grid(PAINTINGS, PAINTINGS[:1])
    assert len(picture_cells(whole)) == 4 and len(picture_cells(with_a_gap)) == 3
    sides = {side.stop - side.start for cell in picture_cells(whole) for side in cell}
    assert min(sides) > 150 and max(sides) - min(sides) <= 2


def test_a_chart_has_none_even_with_a_wide_band():
    assert picture_cells(chart()) == []
    band = to_picture(curves({"a": [[0, 0, 0], [9, 9, 9]]}))
    assert picture_cells(band) == []


def test_the_paper_is_dark_and_the_pictures_are_as_they_were():
    light = grid(PAINTINGS)
    cells = picture_cells(light)
    before, after = np.asarray(light), np.asarray(on_dark_paper(light, cells))
    assert all((after[cell] == before[cell]).all() for cell in cells)
    paper = np.ones(light.size[::-1], dtype=bool)
    for cell in cells:
        paper[cell] = False
    assert before[paper].mean() > 225 and after[paper].mean() < 50
    assert after[paper].max() > 200  # the titles


def test_a_viewer_of_charts_is_told_from_one_of_pictures():
    def viewer(picture):
        return view(lambda n: picture, n=[1, 2], alt="{n}").to_html()

    assert _is_chart(viewer(chart()))
    assert not _is_chart(viewer(PAINTINGS[0]))
    assert not _is_chart(viewer(Image.new("RGB", (128, 128), "navy")))
