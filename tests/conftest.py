"""Fixtures: the tiny random painters of tiny.py as diffusers folders and as loaded painters.

`sd1_folder` has the layout of Stable Diffusion 1.x (epsilon prediction, a CLIP vision tower),
`sd2_folder` that of 2.x (v-prediction, OpenCLIP's text settings, linear projections, no tower).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tiny import tiny_sd1, tiny_sd2, toy_picture

if TYPE_CHECKING:
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
