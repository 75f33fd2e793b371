"""Figures on dark pages: matplotlib draws them on white, which glares at night.

A chart turns dark by a filter of book.css and keeps its hues. A grid of pictures gets a twin for
dark pages, in which the paper and the titles are filtered in the same way, and the pictures keep
their colours. book.css shows one of the two.

A picture of a grid is a large square full of ink; curves, bars and letters are not.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from os.path import relpath
from pathlib import Path

import numpy as np
from docutils import nodes
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sphinx.application import Sphinx

PAPER = 248  # the darkest white of a figure with 256 colours
SMALLEST = 60  # pixels; titles are lower
UNEVEN = 4  # pixels by which a square may fail
SMALL = 200  # a picture narrower than this has no margins
FORMATS = (".png", ".webp")
VIEWER = '<figure class="inst-view">'
FIRST_FRAME = re.compile(r'src="data:image/webp;base64,([^"]+)"')
Cell = tuple[slice, slice]

# invert(0.9) and hue-rotate(180deg), as the W3C's Filter Effects define them.
HUES = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", _darken)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def picture_cells(figure: Image.Image) -> list[Cell]:
    """Where the pictures of a grid are: (rows, columns) of each; none in a chart."""
    ink = (np.asarray(figure.convert("RGB")) < PAPER).any(axis=2)  # (H, W, 3) -> (H, W)
    pieces, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    pictures = np.zeros_like(ink)
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        height, width = (side.stop - side.start for side in box)
        square = min(height, width) >= SMALLEST and abs(height - width) <= UNEVEN
        if square and (pieces[box] == number).mean() > 0.5:
            pictures[box] = True
    boxes = [(row, column) for row in _spans(pictures, 1) for column in _spans(pictures, 0)]
    return [box for box in boxes if pictures[box].any()]


def _spans(pictures: NDArray[np.bool_], axis: int) -> list[slice]:
    """The rows (axis 1) or columns (axis 0) that hold pictures."""
    steps = np.diff(np.pad(pictures.any(axis=axis).astype(int), 1))
    ends = zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
    return [slice(int(start), int(stop)) for start, stop in ends]


def on_dark_paper(figure: Image.Image, cells: list[Cell]) -> Image.Image:
    """The figure as the filter of charts shows it, but for its pictures."""
    light = np.asarray(figure.convert("RGB")) / 255
    dark = np.clip((0.9 - 0.8 * light) @ HUES.T, 0, 1)  # (H, W, 3)
    for cell in cells:
        dark[cell] = light[cell]
    return Image.fromarray((dark * 255).round().astype(np.uint8))


def _darken(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Tell charts from pictures on one page, and give grids their twins."""
    if app.builder.name != "html":
        return
    for image in list(_figures(app, doctree)):
        with Image.open(Path(app.srcdir, image["uri"])) as figure:
            cells = picture_cells(figure)
            if cells and figure.width >= SMALL:
                _add_twin(app, page, image, on_dark_paper(figure, cells))
            image["classes"].append("inst-pictures" if cells else "inst-chart")
    for raw in doctree.findall(nodes.raw):
        if VIEWER in raw.astext() and _is_chart(raw.astext()):
            darker = raw.astext().replace(VIEWER, VIEWER.replace("view", "view inst-view-chart"))
            raw.children[:] = [nodes.Text(darker)]


def _figures(app: Sphinx, doctree: nodes.document) -> Iterator[nodes.image]:
    """The figures that cells or make_figures.py have drawn."""
    for image in doctree.findall(nodes.image):
        printed = _is_within(image, "cell_output") or "inst-row" in image["classes"]
        path = Path(app.srcdir, image["uri"])
        if printed and path.suffix in FORMATS and path.is_file():
            yield image


def _is_within(node: nodes.Node | None, name: str) -> bool:
    while node is not None and name not in getattr(node, "attributes", {}).get("classes", ()):
        node = node.parent
    return node is not None


def _add_twin(app: Sphinx, page: str, image: nodes.image, figure: Image.Image) -> None:
    """Write the dark figure and put it behind the light one."""
    folder = Path(app.doctreedir).parent / "dark"
    folder.mkdir(exist_ok=True)
    path = folder / f"{Path(image['uri']).stem}-dark.webp"
    figure.save(path, quality=90)
    twin = image.deepcopy()
    twin["uri"] = Path(relpath(path, app.srcdir)).as_posix()
    twin["candidates"] = {"*": twin["uri"]}
    twin["classes"] += ["inst-pictures", "inst-on-dark"]
    image["classes"].append("inst-on-light")
    image.parent.insert(image.parent.index(image) + 1, twin)
    app.env.images.add_file(page, twin["uri"])


def _is_chart(viewer: str) -> bool:
    """Whether the first frame of a viewer is drawn on white."""
    (frame,) = FIRST_FRAME.findall(viewer)[:1]
    with Image.open(io.BytesIO(base64.b64decode(frame))) as picture:
        pixels = np.asarray(picture.convert("RGB"))
        rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        return not picture_cells(picture) and (rim >= PAPER).all(axis=1).mean() > 0.9
