"""Run every notebook of the book and store what it prints: `make notebooks`.

Running it a second time changes no byte: times are not recorded, and ids that are drawn at
random (of cells, of widgets) are numbered in order of appearance instead.

    python tools/make_notebooks.py                        # all of book/
    python tools/make_notebooks.py book/first_steps.ipynb
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm.auto import tqdm

from inst_tutorial.files import atomic_path

BOOK = Path(__file__).parents[1] / "book"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
RANDOM_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
CELL_SECONDS = 600


def main() -> None:
    """Run the notebooks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of book/")
    chosen = parser.parse_args().notebooks or sorted(BOOK.glob("*.ipynb"))
    for path in (bar := tqdm(chosen)):
        bar.set_description(path.stem)
        remake(path)


def remake(path: Path) -> None:
    """Run one notebook and write it back; on an error the file stays as it was."""
    notebook = nbformat.read(path, as_version=4)
    notebook = tidy(run(notebook, path.parent))
    nbformat.validate(notebook)
    with atomic_path(path) as target:
        nbformat.write(notebook, target)


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute all cells with `folder` as the working directory."""
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNEL["name"],
        record_timing=False,
        store_widget_state=True,
        coalesce_streams=True,  # else the pieces of one output depend on timing
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Replace everything that differs from run to run or from machine to machine."""
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        for output in cell.get("outputs", []):
            _drop_second_copy(output.get("data", {}))
    return renumber_widgets(keep_reachable_widgets(notebook))


def _drop_second_copy(data: dict[str, Any]) -> None:
    """Pillow shows each picture as PNG and as JPEG; the page needs one."""
    if "image/png" in data:
        data.pop("image/jpeg", None)


def keep_reachable_widgets(notebook: NotebookNode) -> NotebookNode:
    """Drop the state of widgets that no output shows, not even as a part of another."""
    stored = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    found = dict.fromkeys(i for view in _views(notebook) for i in _ids(view) if i in stored)
    waiting = list(found)
    while waiting:
        parts = [i for i in _ids(stored[waiting.pop(0)]) if i in stored and i not in found]
        found.update(dict.fromkeys(parts))
        waiting += parts
    if found:
        notebook.metadata["widgets"][WIDGETS]["state"] = {i: stored[i] for i in found}
    else:
        notebook.metadata.pop("widgets", None)
    return notebook


def renumber_widgets(notebook: NotebookNode) -> NotebookNode:
    """Number the widgets in order of appearance: in the outputs first, then in the state."""
    stored = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    number = {old: f"{new:032x}" for new, old in enumerate(stored, start=1)}
    text = RANDOM_ID.sub(lambda match: number.get(match[0], match[0]), json.dumps(notebook))
    return nbformat.from_dict(json.loads(text))


def _views(notebook: NotebookNode) -> list[Any]:
    """What the outputs show of widgets, in order."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return [out.data[VIEW] for out in outputs if VIEW in out.get("data", {})]


def _ids(value: Any) -> list[str]:
    return RANDOM_ID.findall(json.dumps(value))


if __name__ == "__main__":
    main()
