"""Run every notebook of the book and store what it prints: `make notebooks`.

Running it a second time changes no byte: times are not recorded, and ids that are drawn at
random (of cells, of widgets) are numbered in order of appearance instead.

    python tools/make_notebooks.py                        # all of book/
    python tools/make_notebooks.py book/first_steps.ipynb
    python tools/make_notebooks.py --times                # and write how long each took
"""

from __future__ import annotations

import argparse
import base64
import csv
import io
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from PIL import Image
from tqdm.auto import tqdm

from inst_tutorial import __version__
from inst_tutorial.files import atomic_path

BOOK = Path(__file__).resolve().parents[1] / "book"
TIMES = BOOK / "data" / "run_times.csv"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
VIEWER = '<figure class="inst-view">'
RANDOM_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
CELL_SECONDS = 600
# A hosted kernel has no copy of this package. The pages leave the cell out, and so do the files
# what it prints, which depends on the machine.
REPOSITORY = "https://github.com/inst-tutorial/inst-tutorial"
SETUP = f"""# Installs the package of this book where it is missing, as on Colab or Kaggle.
import importlib.util

if importlib.util.find_spec("inst_tutorial") is None:
    %pip install --quiet "inst-tutorial[notebooks]=={__version__}"

# If pip finds no such version, remove the first # of the next line and run the cell again:
# %pip install "inst-tutorial[notebooks] @ git+{REPOSITORY}"
from inst_tutorial.notebook import device_line

print(device_line())"""
SETUP_TAGS = ["setup", "remove-cell", "nbval-ignore-output"]


def main() -> None:
    """Run the notebooks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of book/")
    parser.add_argument("--times", action="store_true", help=f"write {TIMES.name} as well")
    arguments = parser.parse_args()
    chosen = [path.resolve() for path in arguments.notebooks] or sorted(BOOK.glob("*.ipynb"))
    seconds = {}
    for path in (bar := tqdm(chosen)):
        bar.set_description(path.stem)
        seconds[path.stem] = remake(path)
    if arguments.times:
        write_times(seconds, TIMES)


def remake(path: Path) -> float:
    """Run one notebook and write it back; on an error the file stays as it was. -> seconds."""
    notebook = nbformat.read(path, as_version=4)
    if path.parent == BOOK:
        put_setup_cell(notebook)
    start = time.perf_counter()
    notebook = run(notebook, path.parent)
    seconds = time.perf_counter() - start
    notebook = tidy(notebook)
    nbformat.validate(notebook)
    with atomic_path(path) as target:
        nbformat.write(notebook, target)
    return seconds


def put_setup_cell(notebook: NotebookNode) -> None:
    """Put the cell SETUP below the title, anew."""
    title, *others = [c for c in notebook.cells if "setup" not in c.metadata.get("tags", [])]
    setup = new_code_cell(SETUP, metadata={"tags": list(SETUP_TAGS)})
    notebook.cells = [title, setup, *others]


def write_times(seconds: dict[str, float], path: Path) -> None:
    """Keep how long each notebook took, to the second, beside what was known of others."""
    known = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            known = dict(list(csv.reader(file))[1:])
    names = {
        name: f"{{doc}}`/book/{name}`" for name in sorted(p.stem for p in BOOK.glob("*.ipynb"))
    }
    known |= {names[name]: f"{taken:.0f}" for name, taken in seconds.items()}
    table = {link: known[link] for link in names.values() if link in known}
    with atomic_path(path) as target, target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("Chapter", "Seconds"), *table.items()])


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute all cells with `folder` as the working directory."""
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        iopub_timeout=CELL_SECONDS,  # a busy machine may print late; by default that is lost
        raise_on_iopub_timeout=True,
        kernel_name=KERNEL["name"],
        record_timing=False,
        store_widget_state=True,
        coalesce_streams=True,  # else the pieces of one output depend on timing
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=os.environ | {"INST_DEVICE": "cpu"})  # a GPU rounds otherwise


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Replace everything that differs from run to run or from machine to machine."""
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        if "setup" in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.get("outputs", []):
            _drop_second_copy(output.get("data", {}))
            _shrink(output.get("data", {}))
    return renumber_widgets(keep_reachable_widgets(notebook))


def _drop_second_copy(data: dict[str, Any]) -> None:
    """Keep one of two: Pillow shows each picture as PNG and as JPEG, our viewer is a widget and
    a piece of HTML with the same pictures, which needs no kernel and no widget manager.
    """
    if "image/png" in data:
        data.pop("image/jpeg", None)
    if VIEWER in data.get("text/html", ""):
        data.pop(VIEW, None)


def _shrink(data: dict[str, Any]) -> None:
    """Give a PNG a palette of 256 colours: a quarter of the size. One that has it stays."""
    if "image/png" not in data:
        return
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    if picture.mode != "P":
        file = io.BytesIO()
        palette(picture.convert("RGB")).save(file, "PNG", optimize=True)
        data["image/png"] = base64.b64encode(file.getvalue()).decode("ascii")


def palette(picture: Image.Image) -> Image.Image:
    """An RGB picture in its own best 256 colours."""
    return picture.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)


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
