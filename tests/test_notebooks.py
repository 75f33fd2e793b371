"""The committed notebooks: executed, tidy, and strictly compared when they run again."""

import copy
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))

_spec = importlib.util.spec_from_file_location(
    "make_notebooks", ROOT / "tools" / "make_notebooks.py"
)
make_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_notebooks)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_the_book_has_notebooks():
    assert NOTEBOOKS


@each_notebook
def test_every_code_cell_is_executed_in_order(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_notebook
def test_no_cell_ends_in_an_error(path):
    outputs = [out for cell in code_cells(nbformat.read(path, 4)) for out in cell.outputs]
    assert [out.evalue for out in outputs if out.output_type == "error"] == []


@each_notebook
def test_every_picture_has_alternative_text(path):
    for cell in code_cells(nbformat.read(path, 4)):
        if any("image/png" in out.get("data", {}) for out in cell.outputs):
            assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source


@each_notebook
def test_the_file_is_as_make_notebooks_writes_it(path):
    text = path.read_text(encoding="utf-8")
    notebook = make_notebooks.tidy(nbformat.reads(text, as_version=4))
    assert nbformat.writes(notebook) + "\n" == text


def test_a_wrong_number_fails_the_tests(tmp_path):
    """Plant one digit in the stored output of a copy, and let pytest run it as `make test` does."""
    notebook = nbformat.read(ROOT / "book" / "first_steps.ipynb", as_version=4)
    wrong = next(out for cell in code_cells(notebook) for out in cell.outputs if "text" in out)
    wrong.text = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), wrong.text, count=1)
    nbformat.write(notebook, tmp_path / "planted.ipynb")
    pytest_here = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path]
    result = subprocess.run(
        [*pytest_here, "-c", ROOT / "pyproject.toml", tmp_path / "planted.ipynb"],
        capture_output=True,
        text=True,
    )
    others = len(code_cells(notebook)) - 1
    assert f"1 failed, {others} passed" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 1


# ------------------------------------------------------------------- tools/make_notebooks.py

SLIDER, LAYOUT, FORGOTTEN = "a" * 32, "b" * 32, "c" * 32


def notebook_with_widgets(slider=SLIDER, layout=LAYOUT, forgotten=FORGOTTEN, cell_id="0f0f0f0f"):
    view = {make_notebooks.VIEW: {"model_id": slider, "version_major": 2}}
    cell = new_code_cell("slider", id=cell_id, execution_count=1)
    cell.outputs = [new_output("display_data", data=view)]
    state = {
        layout: {"model_name": "LayoutModel", "state": {}},
        forgotten: {"model_name": "LayoutModel", "state": {}},
        slider: {"model_name": "IntSliderModel", "state": {"layout": f"IPY_MODEL_{layout}"}},
    }
    widgets = {make_notebooks.WIDGETS: {"state": state, "version_major": 2}}
    return new_notebook(cells=[cell], metadata={"widgets": widgets})


def test_random_ids_become_numbers_in_order_of_appearance():
    one = make_notebooks.tidy(notebook_with_widgets())
    two = make_notebooks.tidy(notebook_with_widgets("d" * 32, "2" * 32, "1" * 32, "7e7e7e7e"))
    assert one == two
    assert json.dumps(one) == json.dumps(two)


def test_widgets_that_nothing_shows_are_dropped():
    notebook = make_notebooks.tidy(notebook_with_widgets())
    state = notebook.metadata.widgets[make_notebooks.WIDGETS]["state"]
    assert [model["model_name"] for model in state.values()] == ["IntSliderModel", "LayoutModel"]
    shown = notebook.cells[0].outputs[0].data[make_notebooks.VIEW]["model_id"]
    parent, child = state
    assert shown == parent
    assert state[parent]["state"]["layout"] == f"IPY_MODEL_{child}"


def test_tidying_twice_changes_nothing():
    once = make_notebooks.tidy(notebook_with_widgets())
    assert make_notebooks.tidy(copy.deepcopy(once)) == once


def test_one_copy_of_a_picture_is_kept():
    cell = new_code_cell("picture")
    cell.outputs = [new_output("display_data", data={"image/png": "p", "image/jpeg": "j"})]
    notebook = make_notebooks.tidy(new_notebook(cells=[cell]))
    assert notebook.cells[0].outputs[0].data == {"image/png": "p"}


def test_an_error_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        make_notebooks.remake(path)
    assert path.read_bytes() == before


def test_running_twice_gives_the_same_bytes(tmp_path):
    path = tmp_path / "twice.ipynb"
    pauses = "import time\nfor n in range(3):\n    print(n, flush=True)\n    time.sleep(0.3)\n"
    source = f"{pauses}import ipywidgets\nipywidgets.IntSlider()"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    make_notebooks.remake(path)
    first = path.read_bytes()
    make_notebooks.remake(path)
    assert path.read_bytes() == first
    assert b"IntSliderModel" in first
    streams = [out for out in nbformat.read(path, 4).cells[0].outputs if "text" in out]
    assert [out.text for out in streams] == ["0\n1\n2\n"]
