"""A plain notebook from one of the book: the same code and outputs, its text for any front end."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from editions.painters import text_cells
from editions.plain import Plain
from editions.references import ROOT, References

BOOK = ROOT / "book"
GLUED = "application/papermill.record/text/plain"
HIDDEN_CODE = {"hide-input", "remove-input", "hide-cell", "remove-cell", "solution"}
HIDDEN_OUTPUT = {"hide-output", "remove-output", "hide-cell", "remove-cell"}
SETUP = "setup"


def sources() -> list[Path]:
    """The notebooks of the book."""
    return sorted(BOOK.glob("*.ipynb"))


def write_plain(references: References, folder: Path) -> None:
    """Write all plain notebooks into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sources():
        nbformat.write(plain_notebook(path, references), folder / path.name)


def tags(cell: NotebookNode) -> set[str]:
    """A cell's tags."""
    return set(cell.metadata.get("tags", []))


def glued(notebook: NotebookNode) -> dict[str, str]:
    """The values that a notebook keeps for its prose, as the pages show them."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return {
        out.metadata["scrapbook"]["name"]: str(ast.literal_eval(out.data[GLUED]))
        for out in outputs
        if GLUED in out.get("data", {})
    }


def plain_notebook(path: Path, references: References) -> NotebookNode:
    """The notebook in `path` without MyST: for JupyterLab, Colab, Kaggle, VS Code and the like."""
    source = nbformat.read(path, as_version=4)
    plain = Plain(references, glued(source))
    cells = [made for cell in source.cells for made in plain_cells(cell, plain)]
    cells[0].source = with_heading(cells[0].source, f"book/{path.stem}", references)
    return new_notebook(cells=cells, metadata=source.metadata)


def plain_cells(cell: NotebookNode, plain: Plain) -> list[NotebookNode]:
    """A cell of text without MyST, if any is left; or code, and the caption of its figure."""
    if cell.cell_type == "markdown":
        return list(text_cells(cell.source, plain, cell.id))
    code = NotebookNode(cell, metadata=NotebookNode(folding(cell)))
    figure = cell.metadata.get("mystnb", {}).get("figure")
    if figure is None:
        return [code]
    link = plain.references.numbered(figure["name"])
    caption = f"**{link}.** {plain(figure['caption'])}"
    return [code, new_markdown_cell(caption, id=f"{cell.id}-caption")]


def folding(cell: NotebookNode) -> dict[str, object]:
    """A cell's tags, and how JupyterLab, Colab and Kaggle are told to fold it."""
    own = tags(cell)
    found: dict[str, object] = {"tags": sorted(own)} if own else {}
    code, output = bool(own & HIDDEN_CODE), bool(own & HIDDEN_OUTPUT)
    if SETUP in own or not (code or output):
        return found
    names = {"source_hidden": code, "outputs_hidden": output}
    found["jupyter"] = {name: True for name, hidden in names.items() if hidden}
    if code:
        found |= {"cellView": "form", "_kg_hide-input": True}
    if output:
        found["_kg_hide-output"] = True
    return found


def with_heading(text: str, page: str, references: References) -> str:
    """The title with the chapter's number, and a line that says where the notebook is from."""
    title, _, rest = text.partition("\n")
    number = references.chapter(page)
    name = title.removeprefix("# ")
    head = f"# {name}" if number is None else f"# {number}. {name}"
    book = f"[Inversion-based style transfer]({references.url('book/welcome')})"
    line = f"*A notebook of the book {book}. [The same page online]({references.url(page)}).*"
    return f"{head}\n\n{line}\n{rest}"
