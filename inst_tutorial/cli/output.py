"""What a command prints: the files that it wrote, tables of facts, lists of names, progress."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from PIL import Image


def save_pictures(paths: Sequence[Path], pictures: Sequence[Image.Image]) -> None:
    """Write each picture to its path, then print the paths.

    If one cannot be written, the others are written all the same. Raises PictureError at the end.
    """
    from inst_tutorial.pictures import PictureError, save_picture

    written, failures = [], []
    for path, picture in zip(paths, pictures, strict=True):
        try:
            written.append(save_picture(picture, path))
        except PictureError as error:
            failures.append(error)
    for path in written:
        typer.echo(path)
    for failure in failures:
        raise failure


def print_facts(facts: Mapping[str, Any]) -> None:
    """One fact on a line."""
    for name, value in facts.items():
        typer.echo(f"{name:16} {value}")


def print_lists(lists: Mapping[str, Sequence[str]]) -> None:
    """Each list under its name, with the number of its entries."""
    for name, entries in lists.items():
        text = textwrap.fill(
            ", ".join(entries),
            79,
            initial_indent="  ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        typer.echo(f"{name} ({len(entries)}):\n{text}")


@contextmanager
def progress_bar(total: int, doing: str) -> Iterator[Callable[..., None]]:
    """A progress bar, moved by a sampling callback. It appears after half a second, so that an
    error at the beginning stands alone."""
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=doing, delay=0.5) as bar:
        yield lambda *seen: bar.update()
