"""The techniques of painting, one a function: (picture, ...) -> picture.

Pictures are float32 (128, 128, 3) in 0..1. Randomness comes from the generator
that is passed in, so the same generator state paints the same picture.
The layers of strokes follow Hertzmann (1998), painterly rendering with curved
brush strokes; the tiles are Voronoi cells as in Hausner (2001).
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from inst_tutorial.world.canvas import SIZE, XS, YS, Drawing
from inst_tutorial.world.colours import luminance, opponent, rgb
from inst_tutorial.world.noise import smooth_noise
from inst_tutorial.world.scene import outline_of
from inst_tutorial.world.style import Style

ZOOM = 2  # strokes and dots are drawn this much larger, then averaged down


def recolour(picture: np.ndarray, style: Style) -> np.ndarray:
    """Move colours to the style's palette, keeping their order of light and dark.

    Every pixel becomes a blend of palette colours, weighted by how near their
    brightness (stretched over the whole range) and hue are to its own.
    """
    light = luminance(picture)
    tones = np.clip(0.5 + (light - 0.5) * style.contrast, 0, 1)[..., None]
    toned = np.clip(picture * (tones + 0.02) / (light[..., None] + 0.02), 0, 1)
    if style.recolour == 0:
        return toned
    mapped = _blend_of(toned, style.palette)
    return (toned + style.recolour * (mapped - toned)).astype(np.float32)


def _blend_of(picture: np.ndarray, palette: tuple[str, ...]) -> np.ndarray:
    """Each pixel as a blend of the palette's colours: (128, 128, 3) float64."""
    colours = np.array([rgb(c) for c in palette], dtype=np.float32)  # (p, 3)
    anchors = opponent(colours)
    low, high = anchors[:, 0].min(), anchors[:, 0].max()
    anchors[:, 0] = (anchors[:, 0] - low) / max(high - low, 0.05)
    channels = np.moveaxis(opponent(picture), -1, 0).copy()  # (3, h, w)
    far = np.zeros((len(colours), SIZE, SIZE))  # squared distance to each colour
    for k, share in enumerate((1.0, 0.8, 0.8)):  # brightness; red to green; yellow to blue
        gap = (channels[k] - anchors[:, k, None, None]).astype(np.float64)  # (p, h, w)
        gap *= share
        gap *= gap
        far += gap
    weight = np.exp((far.min(0) - far) / 0.03)
    weight /= weight.sum(0)
    return np.moveaxis(weight, 0, -1).copy() @ colours  # (h, w, p) @ (p, 3) -> (h, w, 3)


def flatten(picture: np.ndarray, amount: float) -> np.ndarray:
    """Pull brightness to three flat tones: a poster."""
    soft = ndimage.gaussian_filter(picture, (1.2, 1.2, 0))
    light = luminance(soft)
    flat = (np.floor(np.clip(light, 0, 0.999) * 3) + 0.5) / 3
    poster = np.clip(soft * ((flat + 0.02) / (light + 0.02))[..., None], 0, 1)
    return picture + amount * (poster - picture)


def wash(
    picture: np.ndarray, drawing: Drawing, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Wet paint: edges wobble, colours pool, pigment gathers where it dried last."""
    wobble = 3.5 * style.wash
    where = [YS + wobble * smooth_noise(rng, 9), XS + wobble * smooth_noise(rng, 9)]
    soft = ndimage.gaussian_filter(picture, (1.0, 1.0, 0))
    wet = np.stack(
        [
            ndimage.map_coordinates(c, where, order=1, mode="nearest")
            for c in np.moveaxis(soft, -1, 0)
        ],
        -1,
    )
    rim = ndimage.map_coordinates(
        ndimage.gaussian_filter(outline_of(drawing.parts).astype(np.float32), 1.3),
        where,
        order=1,
        mode="nearest",
    )
    pools = 0.16 * smooth_noise(rng, 5) + 0.08 * smooth_noise(rng, 14)
    water = np.clip(0.28 + pools - 0.7 * rim, 0, 0.75) * style.wash  # how much paper shines through
    thin = wet + water[..., None] * (np.array(rgb(style.paper)) - wet)
    depth = 1 - 0.55 * style.wash * np.clip(rim, 0, 1)
    return (thin * depth[..., None]).astype(np.float32)


def cells(
    picture: np.ndarray, drawing: Drawing, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Tiles of one colour each with joints between them; smaller ones on the subject."""
    seeds = _scatter(rng, style.cells, 0.36)
    fine = _scatter(rng, min(max(5.5, 0.7 * style.cells), 7.0), 0.36)
    keep = drawing.subject[fine[:, 1].astype(int), fine[:, 0].astype(int)]
    off = ~drawing.subject[seeds[:, 1].astype(int), seeds[:, 0].astype(int)]
    centres = np.concatenate([seeds[off], fine[keep]])
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    near, tile = cKDTree(centres).query(np.stack([xs.ravel(), ys.ravel()], -1), k=2)
    colours = _mean_by(picture.reshape(-1, 3), tile[:, 0], len(centres))  # (tiles, 3)
    colours += rng.normal(0, style.jitter, (len(centres), 1)) * np.array([1, 1, 1])
    colours += rng.normal(0, style.jitter * 0.4, colours.shape)
    joint = np.clip((near[:, 1] - near[:, 0]) / 1.6, 0, 1)[:, None]
    tiled = np.array(rgb(style.paper)) * (1 - joint) + colours[tile[:, 0]] * joint
    return np.clip(tiled.reshape(SIZE, SIZE, 3), 0, 1).astype(np.float32)  # (h * w, 3) -> (h, w, 3)


def dots(
    picture: np.ndarray, drawing: Drawing, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Round touches on the paper, in two passes; the second, on the subject, is finer."""
    canvas = Image.new("RGB", (SIZE * ZOOM, SIZE * ZOOM), _bytes(np.array(rgb(style.paper))))
    pen = ImageDraw.Draw(canvas)
    soft = ndimage.gaussian_filter(picture, (1.0, 1.0, 0))
    for size, on_subject in (
        (style.dots, False),
        (style.dots * 0.9, False),
        (style.dots * 0.7, True),
    ):
        points = _scatter(rng, size, 0.3)
        inside = drawing.subject[points[:, 1].astype(int), points[:, 0].astype(int)]
        points = points[inside] if on_subject else points
        r = size * 0.5 * ZOOM
        boxes = np.concatenate([points * ZOOM - r, points * ZOOM + r], -1).tolist()
        inks = _packed(_inks(soft, points, style.jitter, rng))
        for box, ink in zip(boxes, inks, strict=True):
            pen.ellipse(box, fill=ink)
    return np.asarray(canvas.reduce(ZOOM), dtype=np.float32) / 255


def directions(
    picture: np.ndarray, subject: np.ndarray, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """The direction of strokes at each pixel, radians, (128, 128).

    Directions have no sign, so they are averaged as double angles. On the subject
    strokes follow its shapes a little more, as a painter's would.
    """
    light = ndimage.gaussian_filter(luminance(picture), 1.5)
    down, right = np.gradient(light)
    tensor = np.stack([right**2 - down**2, 2 * right * down])  # double angle of the gradient
    along = -ndimage.gaussian_filter(tensor, (0, 3, 3))
    along /= np.linalg.norm(along, axis=0) + 1e-4
    turn = 2 * np.pi * smooth_noise(rng, 3)
    swirl = np.stack([np.cos(turn), np.sin(turn)])
    fixed = np.array([np.cos(2 * np.deg2rad(style.angle)), -np.sin(2 * np.deg2rad(style.angle))])
    rest = max(1 - style.follow - style.swirl, 0) + 0.05
    field = style.follow * along + style.swirl * swirl + rest * fixed[:, None, None]
    field = field + 0.5 * along * subject
    return np.arctan2(field[1], field[0]) / 2


def strokes(
    picture: np.ndarray,
    ground: np.ndarray,
    drawing: Drawing,
    style: Style,
    rng: np.random.Generator,
) -> np.ndarray:
    """Brush strokes over a ground, broad ones first, finer ones on the subject last."""
    field = directions(picture, drawing.subject, style, rng)
    base = Image.fromarray((np.clip(ground, 0, 1) * 255).astype(np.uint8))
    canvas = base.resize((SIZE * ZOOM, SIZE * ZOOM), Image.Resampling.BILINEAR)
    heights = Image.new("L", (SIZE, SIZE), 110)
    soft = ndimage.gaussian_filter(picture, (0.8, 0.8, 0))
    for scale, cover, on_subject in ((1.0, 1.0, False), (0.75, 0.4, False), (0.62, 0.9, True)):
        length = min(style.length * scale, 13.0) if on_subject else style.length * scale
        width = max(min(style.width * scale, 3.6) if on_subject else style.width * scale, 2.6)
        points = _scatter(rng, max(np.sqrt(width * length / (style.strokes * cover)), 3.0), 0.45)
        inside = drawing.subject[points[:, 1].astype(int), points[:, 0].astype(int)]
        points = rng.permutation(points[inside] if on_subject else points)
        paths = _trace(points, field, soft, length, style.curl, rng)
        _draw_strokes(canvas, paths, _inks(soft, points, style.jitter, rng), width)
        if style.relief:
            _raise_strokes(heights, paths, width, rng)
    painted = np.asarray(canvas.reduce(ZOOM), dtype=np.float32) / 255
    return _lit(painted, np.asarray(heights, dtype=np.float32) / 255, style.relief)


def outline(
    picture: np.ndarray, drawing: Drawing, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Ink lines around every part; bolder around the subject's."""
    lines = outline_of(drawing.parts).astype(np.float32)
    where = [YS + 1.2 * smooth_noise(rng, 8), XS + 1.2 * smooth_noise(rng, 8)]
    radius = 0.42 * style.outline
    ink = ndimage.gaussian_filter(lines, 0.35 + radius) * (1.9 + 2.4 * radius)
    ink = ndimage.map_coordinates(np.clip(ink * min(style.outline, 1), 0, 1), where, order=1)
    return picture + ink[..., None] * (np.array(rgb(style.ink), dtype=np.float32) - picture)


def hatch(
    picture: np.ndarray, tones: np.ndarray, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Parallel ink lines, thicker where the scene is darker; a second set across in the shade."""
    dark = 0.85 - 0.8 * ndimage.gaussian_filter(luminance(tones), 1.0)
    ink = _ruled(dark, style.hatch, style.angle, rng)
    if style.cross > 0:
        across = _ruled((dark - 0.4) * 1.2 * style.cross, style.hatch, style.angle + 75, rng)
        ink = np.maximum(ink, across)
    return picture + ink[..., None] * (np.array(rgb(style.ink), dtype=np.float32) - picture)


def bare(picture: np.ndarray, style: Style) -> np.ndarray:
    """Leave light areas as bare paper."""
    light = ndimage.gaussian_filter(luminance(picture), 0.8)
    free = np.clip((light - (0.95 - 1.1 * style.bare)) / 0.15, 0, 1)  # bare = 1: everywhere
    return picture + free[..., None] * (np.array(rgb(style.paper), dtype=np.float32) - picture)


def grain(picture: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Rough paper: soft speckles about three pixels wide."""
    rough = ndimage.gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), 1.2)
    return picture + (0.28 * amount * rough)[..., None]


def _scatter(rng: np.random.Generator, spacing: float, jitter: float) -> np.ndarray:
    """Points on a shaken brick grid: (n, 2) as x, y, inside the picture."""
    count = int(SIZE / spacing) + 3
    rows, columns = np.mgrid[0:count, 0:count].reshape(2, -1)  # (count, count) -> (count ** 2,)
    x = (columns + 0.5 * (rows % 2) - 0.75) * spacing
    y = (rows - 0.5) * spacing
    points = np.stack([x, y], -1) + rng.uniform(-jitter, jitter, (len(x), 2)) * spacing
    return np.clip(points, 0, SIZE - 1)


def _inks(
    picture: np.ndarray, points: np.ndarray, jitter: float, rng: np.random.Generator
) -> np.ndarray:
    """The picture's colour under each point, varied: (n, 3)."""
    colours = picture[points[:, 1].astype(int), points[:, 0].astype(int)]
    shared = rng.normal(0, jitter, (len(points), 1))
    return np.clip(colours + shared + rng.normal(0, 0.4 * jitter, colours.shape), 0, 1)


def _bytes(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (int(255 * c) for c in colour)
    return red, green, blue


def _mean_by(values: np.ndarray, label: np.ndarray, count: int) -> np.ndarray:
    """Mean of (n, 3) values for each label 0..count-1: (count, 3)."""
    total = np.maximum(np.bincount(label, minlength=count), 1)[:, None]
    sums = [np.bincount(label, weights=channel, minlength=count) for channel in values.T]
    return np.stack(sums, -1) / total


def _trace(
    points: np.ndarray,
    field: np.ndarray,
    soft: np.ndarray,
    length: float,
    curl: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Follow the field both ways from each point: (n, 2 * pieces + 1, 2) corners of the strokes."""
    pieces = 2 if length > 12 else 1
    step = length / (2 * pieces) * rng.uniform(0.75, 1.25, len(points))
    heading = field[points[:, 1].astype(int), points[:, 0].astype(int)]
    heading = heading + rng.normal(0, 0.12, len(points))
    ahead = _walk(points, heading, field, soft, step, curl, pieces)
    behind = _walk(points, heading + np.pi, field, soft, step, curl, pieces)
    return np.stack([*behind[::-1], points, *ahead], 1)


def _walk(
    at: np.ndarray,
    heading: np.ndarray,
    field: np.ndarray,
    soft: np.ndarray,
    step: np.ndarray,
    curl: float,
    pieces: int,
) -> list[np.ndarray]:
    """Walk along the field, stopping where the picture's colour is no longer the stroke's own."""
    own = soft[at[:, 1].astype(int), at[:, 0].astype(int)]
    alive = np.ones(len(at), dtype=bool)
    corners = []
    for _ in range(pieces):
        for _ in range(2):  # half steps, so that a thin edge is not jumped over
            onward = at + 0.5 * step[:, None] * np.stack([np.cos(heading), np.sin(heading)], -1)
            x, y = np.clip(onward, 0, SIZE - 1).astype(int).T
            alive = alive & (np.abs(soft[y, x] - own).sum(-1) < 0.45)
            at = np.where(alive[:, None], onward, at)
        turn = field[y, x] - heading
        heading = heading + curl * (turn - np.pi * np.round(turn / np.pi))
        corners.append(at)
    return corners


def _draw_strokes(canvas: Image.Image, paths: np.ndarray, inks: np.ndarray, width: float) -> None:
    """Draw each path (n, corners, 2) in its own colour, with round ends."""
    pen = ImageDraw.Draw(canvas)
    thick = round(width * ZOOM)
    r = thick / 2 - 0.5
    joint = "curve" if paths.shape[1] > 3 else None
    ends = paths[:, [0, -1]] * ZOOM  # (n, 2, 2)
    boxes = np.concatenate([ends - r, ends + r], -1).tolist()  # left, top, right, bottom
    for path, (start, end), ink in zip(_corners(paths * ZOOM), boxes, _packed(inks), strict=True):
        pen.line(path, fill=ink, width=thick, joint=joint)
        pen.ellipse(start, fill=ink)
        pen.ellipse(end, fill=ink)


def _corners(paths: np.ndarray) -> list[list[float]]:
    """Paths (n, corners, 2), of which there may be none, as Pillow's x, y, x, y, ..."""
    count, corners, _ = paths.shape
    flat: list[list[float]] = paths.reshape(count, 2 * corners).tolist()  # -> (n, 2 * corners)
    return flat


def _packed(colours: np.ndarray) -> list[int]:
    """Colours (n, 3) in 0..1 as Pillow's integers, which are quicker to draw with than tuples."""
    red, green, blue = (255 * colours).astype(int).T
    packed: list[int] = (red | green << 8 | blue << 16).tolist()
    return packed


def _raise_strokes(
    heights: Image.Image, paths: np.ndarray, width: float, rng: np.random.Generator
) -> None:
    """Draw the height of each stroke: a ridge of paint of random thickness."""
    pen = ImageDraw.Draw(heights)
    tops = rng.integers(90, 225, len(paths)).tolist()
    for path, top in zip(_corners(paths), tops, strict=True):
        pen.line(path, fill=top, width=max(1, round(0.7 * width)))


def _lit(picture: np.ndarray, height: np.ndarray, amount: float) -> np.ndarray:
    """Light the paint from the upper left according to its height."""
    if amount == 0:
        return picture
    down, right = np.gradient(ndimage.gaussian_filter(height, 0.9))
    return np.clip(picture - (1.1 * amount) * (down + right)[..., None], 0, 1)


def _ruled(dark: np.ndarray, spacing: float, angle: float, rng: np.random.Generator) -> np.ndarray:
    """Lines at one angle whose width grows with ``dark`` (128, 128): ink 0..1."""
    turn = np.deg2rad(angle)
    across = XS * np.sin(turn) + YS * np.cos(turn) + 0.7 * smooth_noise(rng, 8)
    phase = np.abs(np.mod(across / spacing, 1.0) - 0.5) * 2 * (spacing / 2)  # px from the middle
    half = np.clip(dark, 0, 0.7) * spacing / 2
    return np.clip(half - phase + 0.5, 0, 1) * (half > 0.35)
