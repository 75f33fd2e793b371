"""JupyterLab: sources are readable, viewer and panels work with a kernel, by keys and clicks."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from chromium import needs_chromium
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

pytestmark = pytest.mark.browser

SECONDS = 120
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL = """
from PIL import Image
from inst_tutorial.widgets import view

def flat(grey, tint):
    return Image.new("RGB", (64, 64), (int(grey), int(grey), 255 if tint == "blue" else 0))

view(flat, grey=[0, 100, 200], tint=["blue", "none"], alt="{tint} at {grey}", caption="Grey.",
     live=flat, live_ranges={"grey": (0, 200, 1)})
"""
PANEL = "from inst_tutorial.widgets import Studio\n\nStudio()"


MYST = """# A page

```{admonition} In this chapter
:class: tip
A box, and {math}`x^2`.
```

```{exercise} Add
:label: ex-add
What is 1 + 1?
```"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves five notebooks.

    source.ipynb is a page of text in MyST, as the sources of the book are. live.ipynb and
    panel.ipynb have not been run; stranger.ipynb comes with its output, as one downloads it from
    the book; trusted.ipynb is another that Jupyter's notary has signed, as "Trust Notebook" does.
    """
    folder = tmp_path_factory.mktemp("lab")
    text = new_notebook(cells=[new_markdown_cell(MYST)], metadata={"kernelspec": KERNEL})
    nbformat.write(text, folder / "source.ipynb")
    nbformat.write(notebook_with(), folder / "live.ipynb")
    nbformat.write(notebook_with(source=PANEL), folder / "panel.ipynb")
    nbformat.write(notebook_with(stored_output()), folder / "stranger.ipynb")
    trusted = notebook_with(stored_output(), source=f"# mine\n{CELL}")
    nbformat.write(trusted, folder / "trusted.ipynb")
    (folder / "DATA").mkdir()
    NotebookNotary(data_dir=str(folder / "DATA")).sign(trusted)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.port": port,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": "",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        + [f"--{name}={value}" for name, value in options.items()],
        env={**os.environ, **{f"JUPYTER_{n}_DIR": str(folder / n) for n in ("CONFIG", "DATA")}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        await_answer(f"{address}/api/status")
        yield address
    finally:
        server.terminate()
        server.wait(SECONDS)


def notebook_with(*outputs, source=CELL):
    """A notebook of one cell that shows a viewer; with a stored output if one is given."""
    cell = new_code_cell(source, outputs=list(outputs))
    return new_notebook(cells=[cell], metadata={"kernelspec": KERNEL})


def stored_output():
    """What `make notebooks` keeps of a viewer: the page, not the widget."""
    shown = {}
    exec(CELL.replace("view(flat", "shown = view(flat"), shown)
    data = {"text/html": shown["shown"].to_html(), "text/plain": "FrameViewer"}
    return new_output("execute_result", data=data, execution_count=1)


def await_answer(address):
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                return json.load(reply)
        except OSError:
            assert time.monotonic() < deadline, "JupyterLab did not start"
            time.sleep(0.3)


def picture(tab):
    return tab.locator(".inst-view-picture").first


@needs_chromium
def test_the_sources_of_the_book_are_readable(lab, tab):
    """By the extension jupyterlab-myst: boxes are boxes, and no error is reported."""
    tab.set_default_timeout(SECONDS * 1000)
    tab.goto(f"{lab}/lab/tree/source.ipynb")
    page = tab.locator(".jp-MarkdownCell")
    page.get_by_text("In this chapter", exact=True).wait_for()
    page.locator(".katex").wait_for()
    assert page.locator("aside").count() == 2  # the box and the exercise
    assert "{" not in page.inner_text()
    assert tab.complaints == []


def run_the_cell(lab, tab, notebook):
    """Opens it alone, in a workspace of its own: JupyterLab restores what was open in the last."""
    tab.set_default_timeout(SECONDS * 1000)
    tab.goto(f"{lab}/lab/workspaces/{notebook.removesuffix('.ipynb')}/tree/{notebook}")
    tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    tab.locator(".jp-CodeCell .cm-content").first.click()
    tab.keyboard.press("Shift+Enter")


@needs_chromium
def test_a_kernel_computes_what_is_between_the_frames(lab, tab):
    run_the_cell(lab, tab, "live.ipynb")
    picture(tab).wait_for()
    assert picture(tab).get_attribute("alt") == "blue at 0"
    slider = tab.locator(".inst-view input[type=range]")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    tab.locator('.inst-view-picture[alt="blue at 3"]').wait_for()
    assert tab.evaluate("document.activeElement.type") == "range"  # no key went to the notebook
    tab.locator(".inst-view-choice", has_text="none").click()
    tab.locator('.inst-view-picture[alt="none at 3"]').wait_for()
    box = picture(tab).bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 1, box["y"] + 9)
    tab.locator(
        '.inst-view-picture[alt="none at 199"], .inst-view-picture[alt="none at 200"]'
    ).wait_for()


@needs_chromium
def test_a_notebook_that_is_not_trusted_shows_the_picture_and_what_to_do(lab, tab):
    """JupyterLab lets no script of a stranger's run; the reader still sees something.

    It stays open beside the next one, whose controls must not be disturbed by it.
    """
    tab.set_default_timeout(SECONDS * 1000)
    tab.goto(f"{lab}/lab/tree/stranger.ipynb")
    still = tab.locator(".jp-OutputArea figure img")
    still.wait_for()
    assert still.get_attribute("alt") == "blue at 0"
    assert tab.evaluate("(i) => i.decode().then(() => i.naturalWidth)", still.element_handle()) > 0
    assert tab.get_by_text("trust this notebook").is_visible()
    assert tab.get_by_text("Grey.", exact=True).is_visible()
    assert picture(tab).count() == 0


@needs_chromium
def test_a_trusted_notebook_has_its_controls_before_it_is_run(lab, tab):
    tab.set_default_timeout(SECONDS * 1000)
    tab.goto(f"{lab}/lab/tree/trusted.ipynb")
    picture(tab).wait_for()
    tab.locator(".inst-view input[type=range]").press("End")
    assert picture(tab).get_attribute("alt") == "blue at 200"
    assert not tab.get_by_text("trust this notebook").is_visible()


@needs_chromium
def test_a_panel_repaints_and_hears_stop_while_it_learns(lab, tab):
    run_the_cell(lab, tab, "panel.ipynb")
    tab.get_by_role("button", name="Learn its word").click()
    tab.get_by_text("step 0", exact=True).wait_for()
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped: the best word so far is kept.").wait_for()
    tab.get_by_role("button", name="Repaint the content").click()
    tab.get_by_text("expected after step").wait_for()
    tab.get_by_text("The picture is repainted.").wait_for()
    tab.get_by_role("button", name="Save the picture").click()
    tab.get_by_text("The picture is saved in").wait_for()
    said = tab.get_by_text("The picture is saved in").inner_text()
    with Image.open(said.removeprefix("The picture is saved in ").removesuffix(".")) as saved:
        assert saved.size == (128, 128)
