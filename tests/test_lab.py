"""The frame viewer in JupyterLab: a kernel computes, and keys and clicks reach the viewer."""

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
from nbformat.v4 import new_code_cell, new_notebook

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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves one notebook, not yet run."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = new_notebook(cells=[new_code_cell(CELL)], metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, folder / "live.ipynb")
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
        server.wait(30)


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
def test_a_kernel_computes_what_is_between_the_frames(lab, tab):
    tab.set_default_timeout(SECONDS * 1000)
    tab.goto(f"{lab}/lab/tree/live.ipynb")
    tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    tab.locator(".jp-CodeCell .cm-content").first.click()
    tab.keyboard.press("Shift+Enter")
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
