"""Chapters run on a GPU, a pretended one, and print what they print on the page.

A reader with a GPU must not meet "expected all tensors to be on the same device".
"""

from __future__ import annotations

import ast
import contextlib
import io
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pretend_gpu import pretend_gpu

from bench.book_on_gpu import CHAPTERS, differences

pytestmark = [pytest.mark.slow, pytest.mark.notebook]
BY_DAY = CHAPTERS[:2]


def executed(source: str, names: dict[str, Any]) -> str:
    """What a cell prints; its last expression is computed, as Jupyter would to show it."""
    tree, out = ast.parse(source), io.StringIO()
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    return out.getvalue()


# By day the first, and the second, which learns: the others, which repaint, take two minutes more.
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path in BY_DAY else pytest.mark.nightly)
        for path in CHAPTERS
    ],
)
def test_a_chapter_runs_on_a_gpu(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr("IPython.display.display", lambda *args, **options: None)
    names: dict[str, Any] = {"__name__": "__main__"}
    with pretend_gpu() as device:
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
                stored = "".join(o.text for o in cell.outputs if o.output_type == "stream")
                assert not differences(stored, executed(cell.source, names)), f"cell {number}"
    assert names["painter"].device == device
