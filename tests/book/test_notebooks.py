"""The committed notebooks: executed, tidy, and strictly compared when they run again.

Exercises are tried in the kernels of the notebooks, by notebook_plugin.py.
"""

import ast
import base64
import copy
import importlib.util
import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image, ImageChops, ImageStat

from inst_tutorial.widgets import viewer
from inst_tutorial.world import STYLES, Scene, paint
from tests.book.notebook_plugin import plants

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))

_spec = importlib.util.spec_from_file_location(
    "make_notebooks", ROOT / "tools" / "make_notebooks.py"
)
make_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_notebooks)

CHECK = "# check\n"

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
def test_no_cell_shows_the_insides_of_an_object(path):
    outputs = [
        out.get("data", {}) for cell in code_cells(nbformat.read(path, 4)) for out in cell.outputs
    ]
    plain = [data["text/plain"] for data in outputs if set(data) == {"text/plain"}]
    assert [text[:60] for text in plain if "tensor(" in text or " object at " in text] == []


@each_notebook
def test_every_picture_has_alternative_text(path):
    for cell in code_cells(nbformat.read(path, 4)):
        if any("image/png" in out.get("data", {}) for out in cell.outputs):
            assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source


@each_notebook
def test_every_figure_has_its_picture(path):
    for cell in code_cells(nbformat.read(path, 4)):
        if "figure" in cell.metadata.get("mystnb", {}):
            kinds = {kind for out in cell.outputs for kind in out.get("data", {})}
            assert kinds & {"image/png", "image/svg+xml", "text/html"}, cell.source


@each_notebook
def test_the_file_is_as_make_notebooks_writes_it(path):
    text = path.read_text(encoding="utf-8")
    notebook = make_notebooks.tidy(nbformat.reads(text, as_version=4))
    assert nbformat.writes(notebook) + "\n" == text


@each_notebook
def test_the_cell_that_installs_stands_below_the_title(path):
    title, setup = nbformat.read(path, 4).cells[:2]
    assert title.source.startswith("# ")
    assert setup.source == make_notebooks.SETUP
    assert setup.metadata.tags == make_notebooks.SETUP_TAGS
    assert setup.outputs == []


def test_the_cell_that_installs_names_the_repository_of_the_book():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'git+{project["urls"]["Source"]}"' in make_notebooks.SETUP


@each_notebook
def test_viewers_hold_the_present_program_and_no_second_copy(path):
    for cell in code_cells(nbformat.read(path, 4)):
        for data in (out.get("data", {}) for out in cell.outputs):
            if make_notebooks.VIEWER in data.get("text/html", ""):
                assert viewer.SCRIPT in data["text/html"]
                assert viewer.STYLE in data["text/html"]
                assert make_notebooks.VIEW not in data


@each_notebook
def test_no_output_needs_a_kernel(path):
    """A widget without a page of its own would be dead on the page, and in Colab."""
    notebook = nbformat.read(path, 4)
    assert make_notebooks.WIDGETS not in notebook.metadata.get("widgets", {})


@each_notebook
def test_every_assertion_of_a_check_says_what_is_wrong(path):
    solutions = [
        cell.source
        for cell in nbformat.read(path, 4).cells
        if "solution" in cell.metadata.get("tags", [])
    ]
    checks = [ast.walk(ast.parse(source.split(CHECK, 1)[1])) for source in solutions]
    assertions = [node for nodes in checks for node in nodes if isinstance(node, ast.Assert)]
    assert [ast.unparse(node) for node in assertions if node.msg is None] == []


def test_the_book_is_small():
    """All of its notebooks, pictures and data, without what is vendored for the pages."""
    files = [path for path in (ROOT / "book").rglob("*") if path.is_file()]
    ours = [
        path for path in files if "vendor" not in path.parts and "__pycache__" not in path.parts
    ]
    assert sum(path.stat().st_size for path in ours) <= 25e6
    assert max(path.stat().st_size for path in NOTEBOOKS) <= 2e6


def test_every_number_is_planted_once():
    outputs = [
        new_output("stream", name="stdout", text="2 words, "),
        new_output("stream", name="stdout", text="loss 0.59\n"),
        new_output("display_data", data={"text/plain": "no digit", "image/png": "iVBOR9"}),
        new_output("execute_result", data={"text/plain": "(16, 8)"}),
    ]
    found = [(number, "".join(map(printed, wrong))) for number, wrong in plants(outputs)]
    assert found == [
        ("2", "3 words, loss 0.59\nno digit(16, 8)"),
        ("0.59", "2 words, loss 0.50\nno digit(16, 8)"),
        ("16", "2 words, loss 0.59\nno digit(17, 8)"),
        ("8", "2 words, loss 0.59\nno digit(16, 9)"),
    ]
    assert outputs[0].text == "2 words, "


def printed(output):
    return output.get("text") or output["data"]["text/plain"]


@pytest.mark.slow
def test_a_wrong_number_fails_the_tests(tmp_path):
    """Plant one digit in the stored output of a copy, and let pytest run it as `make test` does.

    notebook_plugin.py does so with every number of each notebook, and asks only nbval's comparison.
    """
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


def tidied(data):
    cell = new_code_cell("picture")
    cell.outputs = [new_output("display_data", data=data)]
    return make_notebooks.tidy(new_notebook(cells=[cell])).cells[0].outputs[0].data


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_one_copy_of_a_picture_is_kept_with_a_palette():
    painting = paint(Scene("castle", "sea", light="sunset"), STYLES["impressionist"])
    data = tidied({"image/png": png(painting), "image/jpeg": "j"})
    assert list(data) == ["image/png"]
    assert len(data["image/png"]) < len(png(painting)) / 2
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.mode == "P"
    assert tidied(dict(data)) == data
    difference = ImageChops.difference(picture.convert("RGB"), painting)
    assert max(ImageStat.Stat(difference).rms) < 8


def test_a_viewer_is_kept_as_a_page_only():
    view = {make_notebooks.VIEW: {"model_id": SLIDER}, "text/plain": "FrameViewer"}
    page = {"text/html": f"{make_notebooks.VIEWER}…</figure>"}
    assert tidied({**view, **page}) == {"text/plain": "FrameViewer", **page}
    assert tidied(dict(view)) == view


def test_the_cell_that_installs_is_put_in_once():
    title = new_markdown_cell("# Title")
    notebook = new_notebook(cells=[title, new_code_cell("1 + 1")])
    for _ in range(2):
        make_notebooks.put_setup_cell(notebook)
    assert [cell.source for cell in notebook.cells] == ["# Title", make_notebooks.SETUP, "1 + 1"]


def test_times_are_kept_beside_those_of_other_notebooks(tmp_path):
    path = tmp_path / "times.csv"
    one, two = (notebook.stem for notebook in NOTEBOOKS[:2])
    make_notebooks.write_times({two: 7.4}, path)
    make_notebooks.write_times({one: 3.6}, path)
    lines = ["Chapter,Seconds", f"{{doc}}`/book/{one}`,4", f"{{doc}}`/book/{two}`,7", ""]
    assert path.read_text(encoding="utf-8").split("\n") == lines


def test_an_error_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        make_notebooks.remake(path)
    assert path.read_bytes() == before


@pytest.mark.slow
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
