"""Fixtures: the tiny random painters of tiny.py as diffusers folders and as loaded painters.

`sd1_folder` has the layout of Stable Diffusion 1.x (epsilon prediction, a CLIP vision tower),
`sd2_folder` that of 2.x (v-prediction, OpenCLIP's text settings, linear projections, no tower).
`tab` is a tab of a browser that reaches this machine only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import CHROMIUM, DESKTOP, refuse_outside
from PIL import Image
from tiny import tiny_sd1, tiny_sd2, toy_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from inst_tutorial.painter import Painter


@pytest.fixture(scope="session")
def sd1_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd1")
    tiny_sd1().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sd2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd2")
    tiny_sd2().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sd1_painter(sd1_folder: Path) -> Painter:
    from inst_tutorial.painter import Painter

    return Painter.load(sd1_folder)


@pytest.fixture(scope="session")
def sd2_painter(sd2_folder: Path) -> Painter:
    from inst_tutorial.painter import Painter

    return Painter.load(sd2_folder)


@pytest.fixture
def style_picture() -> Image.Image:
    return toy_picture(seed=7)


@pytest.fixture(scope="module")  # make_pdf.py has a browser of its own, and two do not go together
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that reaches this machine only; `complaints` says what went wrong in it."""
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
    tab = context.new_page()
    tab.complaints = []
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("console", lambda m: m.type == "error" and tab.complaints.append(m.text))
    refuse_outside(context, tab.complaints)
    yield tab
    context.close()
