"""The check of a GPU notices what it must, and passes over what it may."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from typer import Exit

from bench import book_on_gpu


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("loss 0.512 after 40 steps", "loss 0.530 after 40 steps", True),
        ("loss 0.512 after 40 steps", "loss 0.610 after 40 steps", False),
        ("loss 0.512 after 40 steps", "gain 0.512 after 40 steps", False),
        ("0.01", "0.03", True),  # two of the last decimal
        ("0.01", "0.04", False),
        ("2 words", "3 words", False),
        ("1e-05 and -3.0", "1.02e-05 and -3.1", True),
        ("vectors of ViT-L14 in torch.float32", "vectors of ViT-L14 in torch.float32", True),
        ("word  is near", "word is near", True),
        ("3 words", "3 words and more", False),
    ],
)
def test_lines_are_alike(old: str, new: str, same: bool) -> None:
    assert book_on_gpu.alike(old, new) is same


def notebook(folder, source: str, stored: str, *more: str, tags: tuple[str, ...] = ()):
    """A chapter whose first cell prints, as it says, `stored`; `more` are further cells."""
    output = new_output("stream", name="stdout", text=stored)
    cell = new_code_cell(source, outputs=[output], metadata={"tags": list(tags)})
    path = folder / "chapter.ipynb"
    nbformat.write(new_notebook(cells=[cell, *map(new_code_cell, more)]), path)
    return path


@pytest.mark.slow
def test_a_chapter_runs_and_is_compared(tmp_path) -> None:
    source = "print(43 * 3)"
    assert book_on_gpu.check_chapter(notebook(tmp_path, source, "128\n")) == []
    (found,) = book_on_gpu.check_chapter(notebook(tmp_path, source, "150\n"))
    assert found == "cell 1: '150' became '129'"
    ignored = notebook(tmp_path, source, "150\n", tags=("nbval-ignore-output",))
    assert book_on_gpu.check_chapter(ignored) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("assert 1 + 1 == 3, 'not on a GPU'", "AssertionError: not on a GPU"),
        ("import time; time.sleep(60)", "CellTimeoutError: "),
        ("import os; os._exit(1)", "DeadKernelError: "),
    ],
)
def test_a_cell_that_fails_is_a_difference(tmp_path, monkeypatch, capsys, source, why) -> None:
    monkeypatch.setattr(book_on_gpu, "CELL_SECONDS", 3)
    monkeypatch.setattr(book_on_gpu, "check_words", lambda steps, device: {"float16": 0.2})
    path, out = notebook(tmp_path, "print(1)", "2\n", "", source, "print('later')"), tmp_path / "o"
    assert book_on_gpu.check([path], steps=1, out=out) is False
    held = json.loads(out.read_text(encoding="utf-8"))
    first, second = held["chapters"]["chapter"]
    assert first == "cell 1: '2' became '1'" and second.startswith(f"cell 3: {why}")
    assert second in capsys.readouterr().out and held["words"] == {"float16": 0.2}


@pytest.mark.slow
def test_everything_is_checked_and_written(tmp_path, monkeypatch, capsys) -> None:
    path = notebook(tmp_path, "print(1)", "2\n")
    out = tmp_path / "new/checks.json"
    monkeypatch.setattr(book_on_gpu, "check_words", lambda steps, device: {"float16": 0.2})
    with pytest.raises(Exit):
        book_on_gpu.main(chapters=[path], steps=1, out=out)
    assert "chapter: 1 differences\n  cell 1: '2' became '1'" in capsys.readouterr().out
    held = json.loads(out.read_text(encoding="utf-8"))
    assert held["words"] == {"float16": 0.2} and held["chapters"] == {
        "chapter": ["cell 1: '2' became '1'"]
    }
    path = notebook(tmp_path, "print(1)", "1\n")
    book_on_gpu.main(chapters=[path], steps=1, out=out)
    monkeypatch.setattr(book_on_gpu, "check_words", lambda steps, device: {"float16": 1.2})
    with pytest.raises(Exit):
        book_on_gpu.main(chapters=[path], steps=1, out=out)


@pytest.mark.slow
def test_words_in_few_digits_are_nearly_the_same() -> None:
    shares = book_on_gpu.check_words(steps=2, device="cpu")
    assert shares.keys() == {"bfloat16", "float16"}
    assert all(0 < share < 1 for share in shares.values())


def test_the_chapters_are_there() -> None:
    assert all(path.is_file() for path in book_on_gpu.CHAPTERS)
