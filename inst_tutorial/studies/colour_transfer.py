"""Colour transfer: a content with the colour statistics of the style picture, and no network.

Source: Reinhard, Ashikhmin, Gooch and Shirley 2001, "Color transfer between images". They work in
the decorrelated space l-alpha-beta; here it is CIELAB, which has the same three axes, of lightness,
of red and green, and of blue and yellow. Book: chapter "The experiments".
"""

from __future__ import annotations

import warnings

import numpy as np
from PIL import Image
from skimage.color import lab2rgb

from inst_tutorial.metrics import Array, to_lab

Picture = Image.Image


def colour_transfer(content: Picture, style_picture: Picture) -> Picture:
    """The content, with the mean and the deviation of each CIELAB channel of the style picture.

    Both are RGB pictures of any size; the result has the content's. Nothing moves: a place gets
    another colour, whatever the style picture has there. What lies outside sRGB is clipped.
    """
    lab, style = to_lab(content), to_lab(style_picture)  # (H, W, 3)
    places = (0, 1)
    spread = np.maximum(lab.std(places), 1e-6)  # a channel of one value stays one value
    moved = (lab - lab.mean(places)) / spread * style.std(places) + style.mean(places)
    return _to_picture(moved)


def _to_picture(lab: Array) -> Picture:
    """(H, W, 3) CIELAB -> RGB picture; colours that a screen does not have become the nearest
    corner of sRGB, channel by channel."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Conversion from CIE-LAB")  # it says that it clips
        rgb = lab2rgb(lab)
    return Image.fromarray(np.round(255 * rgb.clip(0, 1)).astype(np.uint8))
