"""Checks before the work: a result that cannot be written would be lost after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from inst_tutorial.cli.errors import CommandError

# ------------------------------------------------------------------------------- outputs


def check_word_file(path: Path) -> None:
    """A word can be written there."""
    _check_suffix(path, (".safetensors",))


def check_picture_file(path: Path) -> None:
    """A picture can be written there."""
    from inst_tutorial.pictures import SAVE_OPTIONS

    _check_suffix(path, tuple(SAVE_OPTIONS))


def _check_suffix(path: Path, accepted: tuple[str, ...]) -> None:
    if path.suffix.lower() not in accepted:
        raise CommandError(f"cannot write {path}: its name must end in {' or '.join(accepted)}")
    check_writable(path)


def check_writable(path: Path) -> None:
    """A file can be made at `path`, with its folders: tried in the nearest one that exists."""
    if path.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = "it is a file" if there.is_file() else error.strerror or error
        raise CommandError(f"cannot write {path}: {there}: {reason}") from error


def outputs(contents: Sequence[Path], out: Path) -> list[Path]:
    """Where the results of `contents` go: one picture, or numbered pictures in a folder."""
    if len(contents) == 1:
        check_picture_file(out)
        return [out]
    from inst_tutorial.pictures import SAVE_OPTIONS

    folder = Path("repainted") if out == Path("repainted.png") else out
    if folder.suffix.lower() in SAVE_OPTIONS:
        raise CommandError(
            f"cannot write {len(contents)} pictures to {out}: with several content pictures --out "
            f"is a folder, so leave out {out.suffix}"
        )
    check_writable(folder / "picture.png")
    return [folder / f"{i:02}-{content.stem}.png" for i, content in enumerate(contents)]


# -------------------------------------------------------------------------------- inputs


def check_no_folder(pictures: Sequence[Path]) -> None:
    """`inst learn` takes pictures; folders are for another command."""
    for path in pictures:
        if path.is_dir():
            raise CommandError(
                f"{path} is a folder: `inst learn-many {path}` learns one word for each of its "
                f"pictures, and `inst learn {path}/*` learns one word from all of them"
            )


def check_readable(*pictures: Path) -> None:
    """The pictures can be read. Loading the painter, which comes next, may take long."""
    from inst_tutorial.pictures import open_picture

    for path in pictures:
        open_picture(path, 8)


def check_prompt(prompt: str, word: Path | None) -> None:
    """A word needs a place in the prompt, and a place needs a word."""
    if word is None and "*" in prompt:
        raise CommandError(
            "'*' stands for a learned word: give --word FILE, or describe the style in the prompt, "
            "as in 'an oil painting with long swirling strokes'"
        )
    if word is not None and "*" not in prompt:
        raise CommandError(
            f"the prompt {prompt!r} does not say where the new word stands: put '*' into it, as "
            f"in 'a house in the style of *'"
        )
