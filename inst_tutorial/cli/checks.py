"""Checks before the work: a result that cannot be written would be lost after it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inst_tutorial.cli.errors import CommandError
from inst_tutorial.files import check_writable, claimed

if TYPE_CHECKING:
    from inst_tutorial.words import Word

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+")  # two letters or more: "C:/" is a drive

# ------------------------------------------------------------------------------- outputs

WORDS = (".safetensors",)


def check_name(path: Path, suffixes: Sequence[str]) -> None:
    """The name of an output ends in one of `suffixes`."""
    check_no_address(path)
    if path.suffix.lower() not in suffixes:
        raise CommandError(f"cannot write {path}: its name must end in {' or '.join(suffixes)}")


def check_picture_name(path: Path) -> None:
    """The name of an output says a format of pictures."""
    check_name(path, picture_suffixes())


def picture_suffixes() -> tuple[str, ...]:
    """The endings of the pictures that can be written."""
    from inst_tutorial.pictures import SAVE_OPTIONS

    return tuple(SAVE_OPTIONS)


@contextmanager
def writing(
    *outputs: Path, inputs: Sequence[Path | None] = (), folder: Path | None = None
) -> Iterator[None]:
    """Inside, all `outputs` can be written, and no other `inst` is going to write them.

    None of them may be one of `inputs`. Outputs that share a `folder` are claimed with it.
    """
    for path in outputs:
        check_no_address(path)
        check_writable(path)
    files = [os.path.realpath(path) for path in (*outputs, *filter(None, inputs))]
    for path in outputs:
        if files.count(os.path.realpath(path)) > 1:
            raise CommandError(
                f"cannot write {path}: this command uses that file for something else, too. "
                f"Choose another name"
            )
    with claimed(*([folder] if folder else outputs)):
        yield


def transfer_outputs(contents: Sequence[Path], out: Path) -> tuple[list[Path], Path | None]:
    """Where the results go, and their folder: a picture, or numbered pictures in a folder."""
    if len(contents) == 1:
        check_picture_name(out)
        return [out], None
    folder = Path("repainted") if out == Path("repainted.png") else out
    check_folder_name(folder, len(contents))
    outs = [folder / f"{i:02}-{content.stem}.png" for i, content in enumerate(contents)]
    return outs, folder


def check_folder_name(folder: Path, count: int) -> None:
    """The name of an output folder for `count` pictures is not that of a picture."""
    check_no_address(folder)
    if folder.suffix.lower() in picture_suffixes():
        raise CommandError(
            f"cannot write {count} pictures to {folder}: for several pictures --out is a folder, "
            f"so leave out {folder.suffix}"
        )


# -------------------------------------------------------------------------------- inputs


def check_no_address(path: Path) -> None:
    """Paths are on this machine."""
    if found := ADDRESS.match(path.as_posix()):
        address = path.as_posix().replace(found[0], found[0].rstrip("/") + "//", 1)
        raise CommandError(
            f"{address} is a web address, but a path on this machine is needed: download the file "
            f"and give its path"
        )


def check_pictures(*paths: Path | None, folders: str = "give one picture in it") -> None:
    """The pictures can be read; `folders` is the advice for a folder.

    The painter is loaded only afterwards, because that may take long.
    """
    from inst_tutorial.pictures import open_picture

    for path in filter(None, paths):
        check_no_address(path)
        if os.path.isdir(path):
            raise CommandError(f"{path} is a folder: {folders.format(folder=path)}")
        open_picture(path, 8)


def read_word(path: Path) -> Word:
    """The word in a file, or the one of that name that comes with Paintbox.

    Raises WordError, CommandError.
    """
    from inst_tutorial.shipped_words import shipped_word
    from inst_tutorial.words import Word

    check_no_address(path)
    is_name = not path.suffix and path.name == str(path) and not os.path.lexists(path)
    return shipped_word(path.name) if is_name else Word.load(path)


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
