"""The plan for a folder of pictures: which words are done, and which are learned in one batch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inst_tutorial.files import OutputError, check_writable
from inst_tutorial.many.manifest import Manifest, ManyError, PictureRecord, Record

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".ppm", ".pgm", ".heic", ".heif"),
)
Run = Mapping[str, Any]


def plan(folder: Path, out: Path, run: Run, together: int) -> Record:
    """Bring the manifest in `out` up to date with the pictures in `folder`, and return it.

    Words that are done stay done, unless their picture changed or their file is missing. Groups
    that were begun are continued; other pictures, failed ones too, form new groups of `together`.
    A picture whose word cannot be written is marked failed; the rest continue. `run` is what all
    words share; it may change until the first word is done. Raises ManyError, OutputError.
    """
    pictures = _pictures(folder)
    manifest = Manifest(out)
    check_writable(manifest.path)
    with manifest.change() as record:
        _bind(manifest, record, run)
        old, old_groups = record["pictures"], record["groups"]
        record["pictures"] = {
            name: _entry(old.get(name), name, path, manifest) for name, path in pictures.items()
        }
        record["groups"] = _groups(record, old, together)
        for group in old_groups.keys() - record["groups"].keys():
            manifest.state(group).unlink(missing_ok=True)
    return record


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name. Hidden files are no pictures: systems leave them behind."""
    if not folder.is_dir():
        raise ManyError(f"{folder} is not a folder of pictures")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = {_printable(path.name): path for path in paths if not path.name.startswith(".")}
    if not found:
        raise ManyError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    return found


def _printable(name: str) -> str:
    """A file's name, with codes for bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _bind(manifest: Manifest, record: Record, run: Run) -> None:
    """Words of one folder share their settings: refuse others, unless no word exists so far."""
    if record["run"] not in (None, run):
        if _has_words(manifest, record):
            raise ManyError(
                f"{manifest.folder} holds words that were learned differently "
                f"({_difference(record['run'] or {}, run)}): name another folder for these, or "
                f"repeat those settings"
            )
        for group in record["groups"]:
            manifest.state(group).unlink(missing_ok=True)
        record["groups"] = {}
    record["run"] = dict(run)


def _has_words(manifest: Manifest, record: Record) -> bool:
    """Whether some word is done, or another process is at work on one."""
    done = [name for name, entry in record["pictures"].items() if entry["state"] == "done"]
    return any(os.path.isfile(manifest.word(name)) for name in done) or any(
        map(manifest.is_claimed, record["groups"])
    )


def _difference(old: Run, new: Run) -> str:
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(f"{name} was {old.get(name)!r}, is {new.get(name)!r}" for name in names)


def _entry(old: PictureRecord | None, name: str, path: Path, manifest: Manifest) -> PictureRecord:
    """A picture's record: as it was when its word is done, else anew."""
    sha256, word = _sha256(path), manifest.word(name)
    if old and old["sha256"] == sha256 and old["state"] == "done" and os.path.isfile(word):
        return old
    if obstacle := _obstacle(name, path, word):
        return {"state": "failed", "sha256": sha256, "word": word.name, "error": obstacle}
    return {"state": "waiting", "sha256": sha256, "word": word.name}


def _obstacle(name: str, path: Path, word: Path) -> str | None:
    """Why the word of a picture cannot be learned, as far as that is seen from outside."""
    if name != path.name:
        return f"{name}: the name of the picture has bytes that are no text: rename the file"
    if not path.is_file():
        return f"{path}: it is not a file"
    try:
        check_writable(word)
    except OutputError as error:
        return str(error)
    return None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except OSError:  # opening it will say why
        return ""


def _groups(
    record: Record, old: Mapping[str, PictureRecord], together: int
) -> dict[str, list[str]]:
    """Groups begun, as long as their pictures are the same; the rest in new ones."""
    now = record["pictures"]

    def same(name: str) -> bool:
        return name in now and name in old and now[name]["sha256"] == old[name]["sha256"]

    waiting = [name for name, picture in now.items() if picture["state"] == "waiting"]
    groups = {
        number: names
        for number, names in record["groups"].items()
        if all(map(same, names)) and not set(names).isdisjoint(waiting)
    }
    taken = {name for names in groups.values() for name in names}
    rest = [name for name in waiting if name not in taken]
    for start in range(0, len(rest), together):
        add_group(groups, record, rest[start : start + together])
    return groups


def add_group(groups: dict[str, list[str]], record: Record, names: list[str]) -> None:
    """A new group, under a number that was never used, so that it finds no state of another."""
    record["last_group"] = record.get("last_group", 0) + 1
    groups[f"{record['last_group']:06}"] = names
