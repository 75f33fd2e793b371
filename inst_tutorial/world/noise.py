"""Soft random hills, from which techniques take their unevenness."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

from inst_tutorial.world.canvas import SIZE


def smooth_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Soft random hills, (128, 128) float32, mean about 0 and deviation about 0.5.

    A quadratic spline through `cells` by `cells` random heights. On a regular grid the weights of
    rows and columns are known beforehand, so it is summed up from nine shifted tables, in the
    order of `scipy.ndimage.map_coordinates`, which gives the same numbers several times faster.
    """
    heights = rng.normal(0, 1, (cells + 3, cells + 3)).astype(np.float32)
    coefficients = ndimage.spline_filter(heights, order=2, output=np.float64, mode="reflect")
    first, weights = _spline(cells)  # (128,), (3, 128)
    columns = [coefficients[:, first + j] for j in range(3)]  # (cells + 3, 128) each
    total = np.zeros((SIZE, SIZE))
    for i, row_weight in enumerate(weights[:, :, None]):
        for column, weight in zip(columns, weights, strict=True):
            part = column[first + i]  # (128, 128)
            part *= row_weight
            part *= weight
            total += part
    return total.astype(np.float32)


@cache
def _spline(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of a row: the first of three coefficients, and their weights."""
    at = (np.arange(SIZE, dtype=np.float32) * (cells / SIZE) + 1).astype(np.float64)
    middle = np.floor(at + 0.5)
    off = at - middle
    left, centre = 0.5 * (0.5 - off) ** 2, 0.75 - off * off
    return middle.astype(int) - 1, np.stack([left, centre, 1.0 - left - centre])
