"""The metric beside the eye: pairs at even ranks, each picture under its own distance."""

import torch

from inst_tutorial.studies.distance_check import COMPARED, comparison, evenly_ranked, sheet
from inst_tutorial.words import Word


def own_word(style):
    return Word(torch.zeros(1, 32))


def measured(style, subject, **distances):
    return {"style": style, "subject": subject, **dict.fromkeys(COMPARED, 9.0), **distances}


def shown(axis):
    return axis.images[0].get_array()


def test_pairs_are_at_even_ranks_with_both_ends():
    pairs = [measured("jade", "cat", word=float(word)) for word in (5, 1, 3, 2, 4)]
    assert [pair["word"] for pair in evenly_ranked(pairs, 3)] == [1, 3, 5]
    assert [pair["word"] for pair in evenly_ranked(pairs, 2)] == [1, 5]
    assert [pair["word"] for pair in evenly_ranked(pairs, 5)] == [1, 2, 3, 4, 5]


def test_the_sheet_has_each_result_under_its_distance_and_above_its_truth(sd1_painter):
    pairs = [measured("jade", "cat", word=float(i)) for i in range(5)]
    figure = sheet(sd1_painter, [*pairs, *pairs], own_word)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:5] == [f"jade\n{i}" for i in range(5)] and titles[5:10] == [""] * 5
    assert titles[10:15] == titles[:5] and len(titles) == 20
    result, truth = (shown(figure.axes[i]) for i in (0, 5))
    assert (result == shown(figure.axes[10])).all() and (truth == shown(figure.axes[15])).all()
    assert (result != truth).any()


def test_a_comparison_has_a_row_for_each_pair_and_names_on_top(sd1_painter):
    pairs = [measured("jade", "cat", word=2.4), measured("neon", "owl", recoloured=60.0)]
    figure = comparison(sd1_painter, pairs, own_word)
    first, second = figure.axes[:5], figure.axes[5:]
    assert [axis.get_title().split("\n")[0] for axis in first] == ["truth", *COMPARED]
    assert first[1 + COMPARED.index("word")].get_title() == "word\n2"
    assert second[1 + COMPARED.index("recoloured")].get_title() == "60"
    assert [row[0].get_ylabel() for row in (first, second)] == ["jade", "neon"]
    assert len({shown(axis).tobytes() for axis in figure.axes}) == 10
