"""The exported painter, made once for all tests and kept between them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture(scope="session")
def exported() -> Path:
    """The folder that `tools/export_onnx.py` writes, as it is now."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from export_onnx import OUT
    from onnx_export.export import export_all

    export_all(OUT)
    return OUT


@pytest.fixture(scope="session")
def paintbox():
    from inst_tutorial.painter import Painter

    return Painter.load(device="cpu")
