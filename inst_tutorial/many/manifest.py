"""The manifest of a folder of words: the plan and the record that several processes share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from filelock import FileLock, Timeout
from pydantic import StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from inst_tutorial.files import atomic_path
from inst_tutorial.validation import first_fault

GroupNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,18}$")]


class ManyError(RuntimeError):
    """A folder of words that cannot be learned or continued; the text says the way out."""


class PictureRecord(TypedDict):
    """What is known about one picture. `sha256` is that of its file, `word` the word's file."""

    state: Literal["waiting", "done", "failed"]
    sha256: str
    word: str
    error: NotRequired[str]
    steps: NotRequired[int]
    loss: NotRequired[float]


class Record(TypedDict):
    """The content of a manifest.

    `run` is what all words share. `groups` are the pictures still to be learned, by the number of
    their batch; `last_group` is the highest number so far.
    """

    version: Literal[1]
    run: dict[str, Any] | None
    groups: dict[GroupNumber, list[str]]
    pictures: dict[str, PictureRecord]
    last_group: NotRequired[int]


SCHEMA = TypeAdapter(Record)


@dataclass(frozen=True)
class Manifest:
    """The manifest in a folder of words. Only one process at a time changes it."""

    folder: Path

    @property
    def path(self) -> Path:
        """The JSON file."""
        return self.folder / "manifest.json"

    def inside(self, name: str) -> Path:
        """A file for locks and states of learning."""
        return self.folder / ".learning" / name

    def state(self, group: str) -> Path:
        """The file with the state of learning of a group."""
        return self.inside(f"{group}.safetensors")

    def word(self, name: str) -> Path:
        """The file of the word of a picture."""
        return self.folder / f"{name}.safetensors"

    def read(self) -> Record:
        """What it says now; a whole file at any time. Raises ManyError."""
        if not os.path.lexists(self.path):
            return {"version": 1, "run": None, "groups": {}, "pictures": {}}
        try:
            return SCHEMA.validate_json(self.path.read_bytes())
        except ValidationError as error:
            raise ManyError(
                f"{self.path} is damaged, or of another version: {first_fault(error)}. Delete it "
                f"to learn all words anew, or choose another folder for the words"
            ) from error

    @contextmanager
    def change(self) -> Iterator[Record]:
        """Read, let the caller change, write; no other process comes between.

        Raises ManyError, OutputError.
        """
        self.inside("").mkdir(parents=True, exist_ok=True)
        with FileLock(self.inside("manifest.lock")):
            record = self.read()
            yield record
            with atomic_path(self.path) as temporary:
                temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def note(self, name: str, **facts: Any) -> None:
        """Write down facts about one picture, unless it is no longer in the plan."""
        with self.change() as record:
            if name in record["pictures"]:
                record["pictures"][name].update(facts)  # type: ignore[typeddict-item]

    def waits_for(self, name: str, group: str) -> bool:
        """Whether the word of this picture is still wanted from this group."""
        record = self.read()
        picture = record["pictures"].get(name)
        return group in record["groups"] and picture is not None and picture["state"] == "waiting"

    @contextmanager
    def claim(self, group: str) -> Iterator[bool]:
        """Whether the group is ours inside. The system drops the claim when the process dies."""
        lock = FileLock(self.inside(f"{group}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield group in self.read()["groups"]  # not finished in the meantime
        finally:
            lock.release()

    def is_claimed(self, group: str) -> bool:
        """Whether a process works on the group."""
        with self.claim(group) as ours:
            return not ours
