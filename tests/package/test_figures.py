"""Figures: what is drawn, and that the same figure gives the same bytes."""

import matplotlib
import numpy as np
import pytest
from PIL import Image
from tiny import toy_picture

from inst_tutorial.figures import (
    COLOURS,
    curves,
    picture_grid,
    save_figure,
    titled_pictures,
    to_picture,
)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        figure = picture_grid([[toy_picture(1), toy_picture(2)]], column_titles=["one", "two"])
        assert save_figure(figure, file) == file
    assert files[0].read_bytes() == files[1].read_bytes()
    assert Image.open(files[0]).size[0] > 300


def test_a_grid_shows_every_picture_in_its_place_and_leaves_gaps():
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    pixels = np.asarray(to_picture(picture_grid([[red, blue], [None, red]])))
    height, width, _ = pixels.shape
    centre = [pixels[int(height * y), int(width * x)] for y in (0.25, 0.75) for x in (0.25, 0.75)]
    expected = [(255, 0, 0), (0, 0, 255), (255, 255, 255), (255, 0, 0)]
    assert [tuple(int(v) for v in pixel) for pixel in centre] == expected


def test_rows_of_different_length_are_filled_with_gaps():
    figure = picture_grid([[toy_picture(1)], [toy_picture(1), toy_picture(2)]])
    assert [len(axis.images) for axis in figure.axes] == [1, 0, 1, 1]


def test_titles_stand_where_they_belong():
    figure = picture_grid(
        [[toy_picture(1)], [toy_picture(2)]],
        row_titles=["cat", "house"],
        column_titles=["content"],
        title="All",
    )
    assert [axis.get_ylabel() for axis in figure.axes] == ["cat", "house"]
    assert figure.axes[0].get_title() == "content" and figure.get_suptitle() == "All"


def test_titled_pictures_have_their_titles_above_them_in_every_row():
    figure = titled_pictures({name: toy_picture(i) for i, name in enumerate("abcd")}, columns=3)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", "d", "", ""]
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_titled_pictures_are_as_large_as_the_book_asks(columns):
    figure = titled_pictures({str(i): toy_picture(i) for i in range(4)}, columns=columns)
    to_picture(figure)
    on_page = figure.axes[0].get_window_extent().width / figure.dpi * 96  # CSS pixels
    assert on_page >= 160


def test_a_grid_has_cells_of_the_size_that_is_asked_for():
    widths = [to_picture(picture_grid([[toy_picture(1)] * 4], cell=c)).width for c in (1.5, 1.8)]
    assert widths == [864, 1036]


def test_no_titled_pictures_are_an_error():
    with pytest.raises(ValueError, match="at least one picture"):
        titled_pictures({})


def test_small_pictures_keep_their_pixels_and_large_ones_are_smoothed():
    figure = picture_grid([[toy_picture(1, 16), toy_picture(1, 128)]])
    assert [axis.images[0].get_interpolation() for axis in figure.axes] == ["nearest", "lanczos"]


@pytest.mark.parametrize(
    ("rows", "titles", "message"),
    [
        ([], {}, "at least one picture"),
        ([[]], {}, "at least one picture"),
        ([[None]], {"row_titles": ["a", "b"]}, "row_titles must be 1 title, got 2"),
        ([[None]], {"column_titles": ["a", "b"]}, "column_titles must be 1 title, got 2"),
    ],
)
def test_grids_that_make_no_sense_are_refused(rows, titles, message):
    with pytest.raises(ValueError, match=message):
        picture_grid(rows, **titles)


def test_a_curve_of_several_runs_is_their_mean_with_its_standard_error():
    runs = np.array([[1.0, 2.0], [3.0, 6.0]])
    axis = curves({"free": runs, "one": [5.0, 4.0]}, x=[10, 20], xlabel="step").axes[0]
    assert axis.lines[0].get_xydata().tolist() == [[10, 2], [20, 4]]
    (band,) = axis.collections  # the single run has none
    heights = {tuple(point) for point in band.get_paths()[0].vertices.round(6)}
    assert {(10, 1.0), (10, 3.0), (20, 2.0), (20, 6.0)} <= heights
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["free", "one"]


def test_a_method_has_its_colour_whatever_stands_beside_it():
    method = "stochastic inversion"
    lines = curves({"one": [1, 2], method: [2, 3], "two": [3, 4]}).axes[0].lines
    assert lines[1].get_color() == COLOURS[method]
    assert [line.get_color() for line in lines[::2]] == ["#0072B2", "#D55E00"]  # in their order


@pytest.mark.parametrize("values", [np.zeros((2, 2, 2)), [], 3.0])
def test_curves_of_other_shapes_are_refused(values):
    with pytest.raises(ValueError, match=r"name.*shape"):
        curves({"name": values})


def test_curves_that_do_not_fit_x_are_refused():
    with pytest.raises(ValueError, match="3 points, but x has shape"):
        curves({"name": [1, 2, 3]}, x=[1, 2])


def test_figures_leave_the_global_style_alone():
    before = dict(matplotlib.rcParams)
    to_picture(curves({"a": [1, 2]}))
    assert dict(matplotlib.rcParams) == before
