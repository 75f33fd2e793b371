"""How good are transfers: how near to the truth, by what they are compared with, how surely?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inst_tutorial.metrics import (
    edge_distance,
    gram_distance,
    palette_distance,
    structure_distance,
    texture_distance,
    truth_parts,
)
from inst_tutorial.studies.statistics import Measurement, mean, share
from inst_tutorial.studies.transfers import TrialResults

Picture = Image.Image
Distance = Callable[[Picture, Picture], float]
Distances = NDArray[np.float64]

#: Whose results are compared with the truth, and how the rows call them. Two of them are
#: references: the recoloured content has the true colours and no technique, and a method must beat
#: it; the walk from the truth is given the answer, and shows what noising and denoising cost.
COMPARED = {
    "stochastic": "with the learned word",
    "caption": "with the best caption",
    "walk": "of the walk from the truth",
    "recoloured": "of the recoloured content",
    "content": "of the content",
}

#: Than what the learned word must be nearer to the truth, and in how many percent of the pairs.
RIVALS = {
    "caption": ("best caption", 90),
    "content": ("content", 97),
    "recoloured": ("recoloured content", 70),
}

WORD_BARS = {"truth": 15, "detail": 3.2, "texture": 5}  # distances with the learned word
INVERSION_BAR = 85  # percent of the pairs


def transfer_rows(results: Sequence[TrialResults]) -> list[Measurement]:
    """What the learned word and stochastic inversion are worth, pair by pair.

    Pairs of one style share their word, so the true intervals are somewhat wider.
    """
    distances = {method: truth_distances(results, method) for method in COMPARED}
    return [
        *_nearer_rows({method: table[:, :2].sum(axis=1) for method, table in distances.items()}),
        *(row for method, table in distances.items() for row in _distance_rows(method, table)),
        *_inversion_rows(results),
    ]


def truth_distances(results: Sequence[TrialResults], method: str) -> Distances:
    """(pairs, 3) colour and detail, whose sum is the truth distance, and texture."""
    pairs = _pooled(results, method, "truth")
    return np.array([(*truth_parts(*pair), texture_distance(*pair)) for pair in pairs])


def _nearer_rows(distances: Mapping[str, Distances]) -> list[Measurement]:
    """In how many pairs the learned word is nearer to the truth than something else."""
    return [
        share(
            f"Nearer to the truth: learned word than {rival}",
            distances["stochastic"] < distances[method],
            bar,
        )
        for method, (rival, bar) in RIVALS.items()
    ]


def _distance_rows(method: str, distances: Distances) -> list[Measurement]:
    """The mean truth distance (pairs, 3) of a method, its two parts, and the texture distance."""
    called, bars = COMPARED[method], WORD_BARS if method == "stochastic" else {}
    colour, detail, texture = distances.T  # (pairs,) each
    of_truth = f"of the truth distance {called}"
    return [
        mean(f"Truth distance {called}", colour + detail, "CIELAB", bars.get("truth"), "<="),
        mean(f"Colour part {of_truth}", colour, "CIELAB"),
        mean(f"Detail part {of_truth}", detail, "CIELAB", bars.get("detail"), "<="),
        mean(f"Texture distance {called}", texture, "dB", bars.get("texture"), "<="),
    ]


def _inversion_rows(results: Sequence[TrialResults]) -> list[Measurement]:
    """Does stochastic inversion keep more content than noise, and take more style than DDIM?"""
    gram = partial(gram_distance, results[0].trial.painter)
    comparisons: list[tuple[str, Distance, str, str]] = [
        ("Content kept (edges): stochastic than noise", edge_distance, "content", "noise"),
        ("Content kept (structure): stochastic than noise", structure_distance, "content", "noise"),
        ("Style taken (Gram): stochastic than DDIM", gram, "style", "ddim"),
        ("Style taken (palette): stochastic than DDIM", palette_distance, "style", "ddim"),
    ]
    rows = []
    for name, distance, to, rival in comparisons:
        ours, others = (_measured(results, m, distance, to) for m in ("stochastic", rival))
        rows.append(share(name, ours < others, INVERSION_BAR))
    return rows


def _measured(
    results: Sequence[TrialResults], method: str, distance: Distance, to: str
) -> Distances:
    """(pairs,) distances of a method's results."""
    return np.array([distance(*pair) for pair in _pooled(results, method, to)])


def _pooled(results: Sequence[TrialResults], method: str, to: str) -> list[tuple[Picture, Picture]]:
    """The pairs of one method in all trials."""
    return [pair for one in results for pair in one.pairs(method, to)]
