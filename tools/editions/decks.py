"""Slides from the notebooks: `make slides` writes _build/slides, which needs no network.

book/slides.yml lists the decks. A slide has a title and some of: text, a figure of a chapter by its
name, a diagram by its name, a piece of a chapter's code by the words it begins with, an answer that
the next key shows, minutes and a note for the speaker. Pictures and code are the chapters' own, so
slides say what the book says. A figure without a title shows the first sentence of its caption.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from editions.notebooks import BOOK, sources
from editions.plain import drawn_text

DECKS = BOOK / "slides.yml"
TEMPLATE = Path(__file__).with_name("slides")
DIAGRAMS = "_static/diagrams"
MATHJAX = BOOK / "_static/vendor/mathjax"
Cells = Mapping[str, NotebookNode]


@dataclass(frozen=True)
class Slide:
    """What is on a slide; figure and code name a part of a chapter, diagram a drawing."""

    title: str = ""
    text: str = ""
    figure: str = ""
    diagram: str = ""
    code: str = ""
    answer: str = ""
    minutes: int = 0
    note: str = ""


@dataclass(frozen=True)
class Deck:
    """A title and the slides that follow it."""

    title: str
    subtitle: str
    slides: list[Slide]


def read_decks() -> dict[str, Deck]:
    """Of each deck its name and its slides."""
    found = yaml.safe_load(DECKS.read_text(encoding="utf-8"))
    return {name: deck_of(said) for name, said in found.items()}


def deck_of(said: dict[str, Any]) -> Deck:
    """A deck from what the file says of it."""
    slides = [Slide(**slide) for slide in said["slides"]]
    return Deck(said["title"], said["subtitle"], slides)


def chapter_cells() -> dict[str, NotebookNode]:
    """All cells of code in the book: "notebook/cell" -> cell."""
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in sources()}
    return {
        f"{name}/{cell.id}": cell
        for name, notebook in notebooks.items()
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def deck_notebook(deck: Deck, cells: Cells) -> NotebookNode:
    """The deck as a notebook with nbconvert's marks for slides."""
    first = new_markdown_cell(f"# {deck.title}\n\n{deck.subtitle}", metadata=kind("slide"))
    rest = [cell for slide in deck.slides for cell in slide_cells(slide, cells)]
    return new_notebook(cells=[first, *rest], metadata={"title": deck.title})


def slide_cells(slide: Slide, cells: Cells) -> Iterator[NotebookNode]:
    """The cells of one slide."""
    title = slide.title or message(with_figure(slide.figure, cells))
    yield new_markdown_cell(f"## {title}\n\n{slide.text}".strip(), metadata=kind("slide"))
    if slide.code:
        source = shown_code(with_code(slide.code, cells).source)
        yield new_markdown_cell(f"```python\n{source}\n```", metadata=kind("-"))
    if slide.diagram:
        yield new_markdown_cell(with_diagram(slide.diagram), metadata=kind("-"))
    if slide.figure:
        outputs = described(with_figure(slide.figure, cells))
        yield new_code_cell("", outputs=outputs, metadata=kind("-"))
    if slide.answer:
        yield new_markdown_cell(slide.answer, metadata=kind("fragment"))
    note = f"**Minutes: {slide.minutes}.** {slide.note}"
    yield new_markdown_cell(note, metadata=kind("notes"))


def kind(name: str) -> dict[str, object]:
    """A cell's metadata for slides."""
    return {"slideshow": {"slide_type": name}}


def with_figure(name: str, cells: Cells) -> NotebookNode:
    """The cell that draws the figure of this name, or that is called "notebook/cell".

    Raises ValueError.
    """
    if name in cells:
        return cells[name]
    for cell in cells.values():
        if about(cell, "figure").get("name") == name:
            return cell
    raise ValueError(f"no figure {name!r} in the book")


def about(cell: NotebookNode, part: str) -> dict[str, str]:
    """What a cell says of its figure or of its image."""
    return dict(cell.metadata.get("mystnb", {}).get(part, {}))


def message(cell: NotebookNode) -> str:
    """The first sentence of a figure's caption, without its full stop."""
    return re.split(r"[.](?:\s|$)", about(cell, "figure")["caption"], maxsplit=1)[0]


def described(cell: NotebookNode) -> list[NotebookNode]:
    """A cell's outputs, with the alternative text of its image."""
    alt = about(cell, "image").get("alt", "")
    outputs = [output for output in cell.outputs if "data" in output]
    return [NotebookNode({**output, "metadata": {"image/png": {"alt": alt}}}) for output in outputs]


def with_diagram(name: str) -> str:
    """The diagram of this name, as a picture in Markdown. Raises ValueError."""
    path = BOOK / DIAGRAMS / f"{name}.svg"
    if not path.is_file():
        raise ValueError(f"no diagram {name!r} in {path.parent}")
    return f"![{drawn_text(path)}](diagrams/{path.name})"


def with_code(words: str, cells: Cells) -> NotebookNode:
    """The one cell with a line that begins with these words."""
    found = [
        cell
        for cell in cells.values()
        if any(line.strip().startswith(words) for line in cell.source.splitlines())
    ]
    if len(found) != 1:
        raise ValueError(f"{len(found)} cells have a line that begins with {words!r}, not one")
    return found[0]


def shown_code(source: str) -> str:
    """Code for a slide: without imports, docstrings of one line and rows of empty lines."""
    dropped = re.compile(r'(from \S+ )?import |\s*""".*"""$')
    lines = [line for line in source.splitlines() if not dropped.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def write_slides(folder: Path) -> None:
    """All decks, and what they load, into a folder."""
    shutil.copytree(TEMPLATE / "vendor", folder)
    shutil.copytree(MATHJAX, folder / "mathjax")
    shutil.copytree(BOOK / DIAGRAMS, folder / "diagrams")
    shutil.copy(TEMPLATE / "slides.css", folder)
    exporter = SlidesExporter(
        template_name="slides", extra_template_basedirs=[str(TEMPLATE.parent)]
    )
    exporter.exclude_input = True  # code that is shown is text
    cells = chapter_cells()
    for name, deck in read_decks().items():
        page, _ = exporter.from_notebook_node(deck_notebook(deck, cells))
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
