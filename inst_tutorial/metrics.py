"""How near is a picture to its content, to its style, and to the truth?

Every metric is a distance: 0 for identical pictures, symmetric in its two pictures, larger
for pictures further apart. Pictures are PIL pictures of one size. The metrics of content and
of truth and two of the four style metrics use no network, so the painter does not judge its
own work. CLIP and Gram use the painter's networks, and take the painter as first argument.

====================  =======================================  ===================
distance              question                                 range
====================  =======================================  ===================
`edge_distance`       are the same things in the same place?   0..2
`structure_distance`  the same                                 0..2
`clip_distance`       is it the same style?                    0..2
`gram_distance`       the same                                 0..1
`palette_distance`    the same, in colour                      0.. CIELAB units
`texture_distance`    the same, in strokes                     0.. dB
`truth_distance`      is it the picture we hoped for?          0.. CIELAB units
`truth_parts`         the same, colour and detail apart        0.. CIELAB units
====================  =======================================  ===================

A copy of the content has content distance 0 and a copy of the style picture has style
distance 0, so no single one of these numbers measures a good transfer. Plot the copies beside
the results (`baselines`), or use the truth: both copies are far from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

from inst_tutorial.pictures import to_tensor
from inst_tutorial.style_transfer import TransferSettings, transfer

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

Picture = Image.Image
Array = NDArray[np.float64]


def to_lab(picture: Picture) -> Array:
    """(H, W, 3) CIELAB: lightness 0..100, a and b about -100..100; D65 white."""
    return np.asarray(rgb2lab(np.asarray(picture.convert("RGB"))), dtype=np.float64)


def _lab_pair(a: Picture, b: Picture) -> tuple[Array, Array]:
    if a.size != b.size:
        raise ValueError(
            f"pictures of one size are needed, got {a.size} and {b.size}: "
            "resize one of them, or open both with open_picture(path, size)"
        )
    return to_lab(a), to_lab(b)


# ---------------------------------------------------------------- content


def edge_distance(a: Picture, b: Picture) -> float:
    """1 - Pearson correlation of the Sobel gradient magnitudes of lightness: 0..2.

    1 means unrelated edges. A picture without any edge has distance 1 from pictures with edges,
    and 0 from another without edges. Lightness is blurred by 1/64 of the width first, so that the
    edges of shapes count much more than those of strokes and grain.
    """
    edges = [_edges(lab[..., 0]) for lab in _lab_pair(a, b)]
    flat = [float(np.ptp(edge)) < 1e-6 for edge in edges]
    if any(flat):
        return 0.0 if all(flat) else 1.0
    correlation = np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1]
    return float(np.clip(1 - correlation, 0, 2))


def _edges(lightness: Array) -> Array:
    smooth = ndimage.gaussian_filter(lightness, lightness.shape[1] / 64)
    return np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))


def structure_distance(a: Picture, b: Picture, cells: int = 16) -> float:
    """Are the same regions alike in both pictures? 0..2, whatever the new palette.

    The self-similarity of STROTSS (Kolkin et al. 2019, content loss): each of cells x cells
    regions has its distances to all others, normalised to sum to 1; the result is the mean L1
    distance of these rows. The distance of two regions is that of their mean lightness, so no
    network is needed. Lighter, darker, flatter and inverted pictures keep their structure.
    """
    rows = [_self_similarity(lab[..., 0], cells) for lab in _lab_pair(a, b)]
    return float(np.abs(rows[0] - rows[1]).sum(axis=1).mean())


def _self_similarity(lightness: Array, cells: int) -> Array:
    """(cells², cells²) differences between regions, each row summing to 1."""
    height, width = lightness.shape
    smooth = ndimage.gaussian_filter(lightness, (height / cells / 2, width / cells / 2))
    centres = [((np.arange(cells) + 0.5) * side / cells).astype(int) for side in (height, width)]
    regions = smooth[np.ix_(*centres)].ravel()  # (cells, cells) -> (cells²,)
    distances = np.abs(regions[:, None] - regions) + 1e-3 * (1 - np.eye(cells**2))
    return np.asarray(distances / distances.sum(axis=1, keepdims=True))


# ---------------------------------------------------------------- style


def clip_distance(painter: Painter, a: Picture, b: Picture) -> float:
    """1 - cosine of the two CLIP picture embeddings of the painter's vision tower: 0..2.

    It depends on content as well as style (Radford et al. 2021): two scenes in one style differ.
    """
    pooled = painter.image_features(_batch(painter, a, b)).pooled.cpu().double()  # (2, d_v)
    cosine = torch.nn.functional.cosine_similarity(pooled[:1], pooled[1:]).item()
    return float(np.clip(1 - cosine, 0, 2))


def gram_distance(painter: Painter, a: Picture, b: Picture) -> float:
    """Distance of the Gram matrices of the autoencoder's features: 0..1.

    Gatys et al. 2016, eq. 3, on the outputs of the painter's own encoder blocks instead of
    VGG; each layer counts ||Ga - Gb|| / (||Ga|| + ||Gb||) so that no layer outweighs others.
    """
    layers = []
    for feature in encoder_features(painter, a, b):
        flat = feature.cpu().double().flatten(2)  # (2, channels, h, w) -> (2, channels, h*w)
        gram = flat @ flat.mT / flat.shape[2]  # (2, channels, channels)
        norms = torch.linalg.matrix_norm(gram).sum().clamp_min(1e-12)
        layers.append((torch.linalg.matrix_norm(gram[0] - gram[1]) / norms).item())
    return float(np.mean(layers))


def encoder_features(painter: Painter, *pictures: Picture) -> list[torch.Tensor]:
    """The outputs of the encoder's blocks, fine to coarse: each (pictures, channels, h, w)."""
    encoder = painter.vae.encoder
    with _outputs([encoder.conv_in, *encoder.down_blocks]) as outputs:
        painter.encode(_batch(painter, *pictures))
    return [torch.cat(of_block) for of_block in outputs.values()]


@contextmanager
def _outputs(
    modules: list[torch.nn.Module],
) -> Iterator[dict[torch.nn.Module, list[torch.Tensor]]]:
    """The outputs of each module, one a call: with "slicing" each picture is a call of its own."""
    outputs: dict[torch.nn.Module, list[torch.Tensor]] = {module: [] for module in modules}
    hooks = [m.register_forward_hook(lambda m, i, out: outputs[m].append(out)) for m in modules]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _batch(painter: Painter, *pictures: Picture) -> torch.Tensor:
    size = (painter.picture_size, painter.picture_size)
    resized = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    return to_tensor(resized, device=painter.device, dtype=painter.dtype)


def palette_distance(a: Picture, b: Picture, directions: int = 64) -> float:
    """Sliced Wasserstein-2 distance of the colours in CIELAB, wherever they are: 0.. .

    Rabin et al. 2011: project both clouds of colours on many directions, sort, compare.
    Scaled by sqrt(3), so that a shift of all colours by x CIELAB units counts x. Both
    pictures have the same number of pixels.
    """
    axes = _sphere(directions)  # (3, directions)
    clouds = [np.sort(lab.reshape(-1, 3) @ axes, axis=0) for lab in _lab_pair(a, b)]
    return float(np.sqrt(3 * np.mean((clouds[0] - clouds[1]) ** 2)))


def _sphere(count: int) -> Array:
    """(3, count) unit vectors, spread evenly by a Fibonacci spiral, without random numbers."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    turn = np.pi * (1 + math.sqrt(5)) * index
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z])


def texture_distance(a: Picture, b: Picture) -> float:
    """RMS difference of the oriented power spectra of lightness, in decibels: 0.. .

    Field 1987: mean power in octaves from 8 cycles a picture up to the finest, times six
    orientations of 30 degrees: stroke size and direction count; composition and place do not.
    """
    bands = [_band_powers(lab[..., 0]) for lab in _lab_pair(a, b)]
    return float(np.sqrt(np.mean((bands[0] - bands[1]) ** 2)))


def _band_powers(lightness: Array, orientations: int = 6) -> Array:
    """(bands,) mean power in dB, above a floor of 0.1 lightness units."""
    height, width = lightness.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    signal = (lightness - lightness.mean()) * window
    power = np.abs(np.fft.fft2(signal)) ** 2 / (window**2).sum()
    fy, fx = np.meshgrid(
        np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width, indexing="ij"
    )
    # A frequency and its mirror image are one wave: angles are taken modulo a half turn.
    turn = np.arctan2(fy, fx) / np.pi * orientations
    angle = np.round(turn) % orientations
    octave = np.floor(np.log2(np.maximum(np.hypot(fx, fy), 1e-9)))
    finest = int(math.log2(min(height, width) / 2))
    coarsest = min(3, finest - 1)
    names = np.where((octave >= coarsest) & (octave < finest), octave * orientations + angle, -1)
    bands = range(coarsest * orientations, finest * orientations)
    return np.asarray(10 * np.log10(ndimage.mean(power, names, list(bands)) + 0.01))


# ---------------------------------------------------------------- truth


def truth_distance(a: Picture, b: Picture) -> float:
    """How far a picture is from the true rendering, in CIELAB units: 0.. .

    Strokes are placed at random: an artist paints one scene twice, and no pixel is the same.
    So two pictures are near when every NEIGHBOURHOOD (a Gaussian window of 1/16 of the width)
    has the same mean colour and the same amount of detail at each scale and direction: the
    pooled texture statistics of Freeman & Simoncelli 2011. The distance is the mean
    difference of colour plus the mean difference of detail (`truth_parts`).
    """
    colour, detail = truth_parts(a, b)
    return colour + detail


def truth_parts(a: Picture, b: Picture) -> tuple[float, float]:
    """The two parts of `truth_distance`, in CIELAB units: 0.. each.

    They are the mean differences of colour (`local_colour`) and of detail (`local_detail`).
    Right colours alone make the sum small; whether the strokes are there is in the second part.
    """
    pair = _lab_pair(a, b)
    colour = [local_colour(lab) for lab in pair]
    detail = [local_detail(lab) for lab in pair]
    colour_distance = np.linalg.norm(colour[0] - colour[1], axis=-1).mean()
    return float(colour_distance), float(np.abs(detail[0] - detail[1]).mean())


def local_colour(lab: Array) -> Array:
    """(H, W, 3) mean CIELAB colour of each neighbourhood."""
    pool = lab.shape[1] / 16
    return np.asarray(ndimage.gaussian_filter(lab, (pool, pool, 0)))


def local_detail(lab: Array) -> Array:
    """(H, W, 12) mean contrast of each neighbourhood: three scales times four directions.

    In CIELAB units: an edge of contrast x gives x at its place, in its own direction.
    """
    maps = [m for scale in (1, 2, 4) for m in _contrasts(lab, scale * lab.shape[1] / 128)]
    pool = lab.shape[1] / 16
    return np.stack([ndimage.gaussian_filter(m, pool) for m in maps], axis=-1)


def _contrasts(lab: Array, scale: float) -> Iterator[Array]:
    smoothing = (scale, scale, 0)
    dy = ndimage.gaussian_filter(lab, smoothing, order=(1, 0, 0))
    dx = ndimage.gaussian_filter(lab, smoothing, order=(0, 1, 0))
    for angle in np.arange(4) * np.pi / 4:
        slope = np.cos(angle) * dx + np.sin(angle) * dy
        yield np.linalg.norm(slope, axis=-1) * scale * math.sqrt(2 * math.pi)


# ---------------------------------------------------------------- tables


def distances(
    painter: Painter,
    picture: Picture,
    *,
    content: Picture,
    style: Picture,
    truth: Picture | None = None,
) -> dict[str, float]:
    """Every metric of one result, by name: one row of a table."""
    row = {
        "edges": edge_distance(picture, content),
        "structure": structure_distance(picture, content),
        "CLIP": clip_distance(painter, picture, style),
        "Gram": gram_distance(painter, picture, style),
        "palette": palette_distance(picture, style),
        "texture": texture_distance(picture, style),
    }
    return row if truth is None else {**row, "truth": truth_distance(picture, truth)}


def baselines(
    painter: Painter,
    content: Picture,
    style: Picture,
    caption: str,
    settings: TransferSettings,
) -> dict[str, Picture]:
    """Results that a learned word must beat, by name: two copies, the best caption, img2img.

    `caption` describes the style in words. Both painted baselines use it with the given settings;
    img2img (SDEdit, Meng et al. 2022) uses random noise instead of an inversion.
    """
    with_caption = replace(settings, prompt=caption)
    img2img = replace(with_caption, inversion="noise")
    reference = style if settings.adain else None
    return {
        "copy of the content": content,
        "copy of the style picture": style,
        "best caption": transfer(painter, content, None, with_caption, reference),
        "img2img": transfer(painter, content, None, img2img, reference),
    }
