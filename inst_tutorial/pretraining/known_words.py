"""The map from pictures to words (`glance`), fitted to paintings whose words are known."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from inst_tutorial.folders import folder_of
from inst_tutorial.glance import GLANCE, Glance, fit_glance, glance_features
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.pretraining.assembly import ARTIST_EMBEDDER
from inst_tutorial.pretraining.data.style_numbers import style_numbers
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.world import paint, sample_example, seeds

BATCH = 50  # pictures that the vision tower sees at a time

Painting = tuple[Image.Image, NDArray[np.float32]]
"""A picture, and the numbers of its style (NUMBERS,)."""


def fit_to_known_words(
    painter: Painter, count: int, *, workers: int = 1, progress: bool = True
) -> Glance:
    """Fit the map to `count` new paintings of training styles, and keep it beside the CLIP.

    The word of a painting is the name that the artist embedder makes of its style's true
    parameters: supervision that only a made world has. Held-out styles are never painted.
    `painter` is one of `inst_tutorial.pretraining`, loaded from its folder.
    """
    folder = folder_of(painter.source)
    embedder = ArtistEmbedder.load(folder / ARTIST_EMBEDDER).eval()
    features, numbers = _seen(painter, count, workers, progress)
    with torch.no_grad():
        fitted = fit_glance(features, embedder(numbers))
    fitted.save(folder / GLANCE)
    return fitted


def _seen(painter: Painter, count: int, workers: int, progress: bool) -> tuple[Tensor, Tensor]:
    """What CLIP sees of the paintings (n, f), and their styles' numbers (n, NUMBERS)."""
    features, numbers = [], []
    for batch in tqdm(_batches(count, workers), total=-(-count // BATCH), disable=not progress):
        seen = painter.image_features(to_tensor([picture for picture, _ in batch]))
        features.append(glance_features(seen))
        numbers += [torch.from_numpy(known) for _, known in batch]
    return torch.cat(features), torch.stack(numbers)


def _batches(count: int, workers: int) -> Iterator[list[Painting]]:
    """`count` paintings, made by `workers` processes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        paintings: list[Painting] = []
        for painting in executor.map(_painting, _painted_seeds(count), chunksize=16):
            paintings.append(painting)
            if len(paintings) == BATCH:
                yield paintings
                paintings = []
    if paintings:
        yield paintings


def _painted_seeds(count: int) -> list[int]:
    """The first `count` seeds whose example is a painting, and not a photograph."""
    painted = (seed for seed in seeds.GLANCE if sample_example(seed)[1] is not None)
    return [next(painted) for _ in range(count)]


def _painting(seed: int) -> Painting:
    scene, style, _ = sample_example(seed)
    assert style is not None
    return paint(scene, style), style_numbers(style)
