"""In the place of the painter that a page has: a cell of code that opens the same in Python."""

from __future__ import annotations

from collections.abc import Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from editions.plain import Piece, Plain, segments

PAINTER = "painter"
PANELS = {"learn": "LearnPanel", "inversion": "InversionPanel", "studio": "Studio"}
TAGS = [PAINTER, "nbval-ignore-output"]
INTRODUCTION = (
    "*The next cell opens a panel in which you do this yourself, in Python. The online book has a "
    "painter in this place that works in your browser: {page}.*"
)


def text_cells(text: str, plain: Plain, name: str) -> Iterator[NotebookNode]:
    """The cells of a text, the first of which has the id `name`: without MyST, and with a panel
    in the place of each painter."""
    place = name
    for number, part in enumerate(segments(text, (PAINTER,))):
        if isinstance(part, Piece):
            page = plain.references.doc("book/painter_in_browser")
            yield new_markdown_cell(INTRODUCTION.format(page=page), id=f"{name}-about-{number}")
            yield panel_cell(part.title, f"{name}-panel-{number}")
        elif new := plain(part):
            yield new_markdown_cell(new, id=place)
            place = f"{name}-after-{number}"


def panel_cell(widget: str, name: str) -> NotebookNode:
    """The cell of code that opens the panel of a widget. Raises ValueError for an unknown one."""
    if widget not in PANELS:
        raise ValueError(f"there is no panel for the painter {widget!r}: {sorted(PANELS)}")
    panel = PANELS[widget]
    code = f"from inst_tutorial.widgets import {panel}\n\n{panel}()"
    return new_code_cell(code, id=name, metadata={"tags": TAGS})
