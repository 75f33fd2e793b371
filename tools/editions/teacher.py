"""The teacher's edition: every answer open, and notes below the headings they belong to.

The notes are in book/teaching_notes.yml: how long a section takes in class, what to put on the
screen, what students get wrong there, the question that brings it to light, and its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from editions.notebooks import BOOK, glued, plain_cells, sources, tags, with_heading
from editions.plain import Plain, headings, quoted
from editions.references import References

NOTES = BOOK / "teaching_notes.yml"


@dataclass(frozen=True)
class Note:
    """What a teacher wants to know at a section."""

    minutes: int
    show: str
    mistake: str
    ask: str
    answer: str

    def __str__(self) -> str:
        lines = [
            f"**For the teacher: {self.minutes} minutes.** {self.show}",
            f"**What students believe.** {self.mistake}",
            f"**Ask.** {self.ask}",
            f"**Answer.** {self.answer}",
        ]
        return quoted("\n\n".join(lines))


def read_notes() -> dict[str, dict[str, Note]]:
    """Of each notebook: heading -> note."""
    found = yaml.safe_load(NOTES.read_text(encoding="utf-8"))
    return {
        page: {heading: Note(**about) for heading, about in notes.items()}
        for page, notes in found.items()
    }


def write_teachers(references: References, folder: Path) -> None:
    """The notebooks for teachers."""
    folder.mkdir(parents=True, exist_ok=True)
    notes = read_notes()
    for path in sources():
        notebook = teacher_notebook(path, references, notes.get(path.stem, {}))
        nbformat.write(notebook, folder / path.name)


def teacher_notebook(path: Path, references: References, notes: Mapping[str, Note]) -> NotebookNode:
    """A plain notebook with its answers open and with notes.

    Raises ValueError for a note at a heading that the notebook does not have.
    """
    source = nbformat.read(path, as_version=4)
    texts = [cell for cell in source.cells if cell.cell_type == "markdown"]
    known = {name for cell in texts for name, _, _ in headings(cell.source)}
    if lost := set(notes) - known:
        raise ValueError(f"{path.stem}: no heading {sorted(lost)}; there are {sorted(known)}")
    for cell in texts:
        cell.source = with_notes(cell.source, notes)
    plain = Plain(references, glued(source), answers="open")
    cells = [unfolded(made) for cell in source.cells for made in plain_cells(cell, plain)]
    cells[0].source = with_heading(cells[0].source, f"book/{path.stem}", references)
    return new_notebook(cells=cells, metadata=source.metadata)


def with_notes(text: str, notes: Mapping[str, Note]) -> str:
    """A text with the notes below its headings."""
    for name, _, end in reversed(list(headings(text))):
        if name in notes:
            text = f"{text[:end]}\n{notes[name]}\n{text[end:]}"
    return text


def unfolded(cell: NotebookNode) -> NotebookNode:
    """A cell of a solution, open."""
    if "solution" in tags(cell):
        cell.metadata = NotebookNode({"tags": cell.metadata.tags})
    return cell
