"""A word for every picture of a folder: several in one batch, by several processes.

The manifest `manifest.json` beside the words is the plan and the record: which pictures form a
group (one batch), which words are done, what went wrong with a picture. `accelerate launch`
starts the workers. A worker claims a group by locking a file; the system drops the lock when the
worker dies, and whoever comes next goes on from the group's last saved state. Book: chapter
"Stable Diffusion on a GPU".
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from PIL.Image import Image

from inst_tutorial.configs import PainterError
from inst_tutorial.files import atomic_path
from inst_tutorial.learning import LearningError, LearningSettings, learn_many
from inst_tutorial.memory import ADVICE, is_out_of_memory, save_memory
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import PictureError, open_picture
from inst_tutorial.words import Word

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".ppm", ".pgm", ".heic", ".heif"),
)
RESTARTS = 10  # of a worker that died, before giving up
VERSION = 1
Record = dict[str, Any]


class ManyError(RuntimeError):
    """A folder of words that cannot be learned or gone on with; the text says the way out."""


# -------------------------------------------------------------------------- the manifest


@dataclass(frozen=True)
class Manifest:
    """The plan and record of a folder of words, safe among processes.

    {"version", "run": what all words share, "groups": {number: [picture, ...]} still to learn,
    "pictures": {name: {"state": "waiting" | "done" | "failed", "sha256", "word", "error", ...}}}
    """

    folder: Path  # of the words

    @property
    def path(self) -> Path:
        """The JSON file."""
        return self.folder / "manifest.json"

    def inside(self, name: str) -> Path:
        """A file for locks and states of learning."""
        return self.folder / ".learning" / name

    def read(self) -> Record:
        """What it says now; a whole file at any time. Raises ManyError."""
        if not self.path.exists():
            return {"version": VERSION, "run": None, "groups": {}, "pictures": {}}
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            known = record["version"] == VERSION
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ManyError(
                f"{self.path} is damaged ({error}): delete it to learn all words anew"
            ) from error
        if not known:
            raise ManyError(f"{self.path} is of another version: name another folder for the words")
        return record

    @contextmanager
    def change(self) -> Iterator[Record]:
        """Read, let the caller change, write; no other process comes between."""
        self.inside("").mkdir(parents=True, exist_ok=True)
        with FileLock(self.inside("manifest.lock")):
            record = self.read()
            yield record
            with atomic_path(self.path) as beside:
                beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def note(self, name: str, **facts: Any) -> None:
        """Write down facts about one picture."""
        with self.change() as record:
            record["pictures"][name].update(facts)


# ------------------------------------------------------------------------------- planning


def plan(folder: Path, out: Path, run: Record, together: int) -> Record:
    """Bring the manifest in `out` up to date with the pictures in `folder`, and return it.

    Words that are done stay done, unless their picture changed or their file vanished. Groups
    that were begun are gone on with; other pictures, failed ones too, form new groups of
    `together`. Raises ManyError.
    """
    prints = {path.name: _sha256(path) for path in _pictures(folder)}
    with Manifest(out).change() as record:
        if record["run"] not in (None, run):
            raise ManyError(
                f"{out} holds words that were learned otherwise ({_difference(record['run'], run)}"
                f"): name another folder for these, or repeat those settings"
            )
        old, record["run"] = record["pictures"], run
        record["pictures"] = {n: _entry(old.get(n), n, p, out) for n, p in prints.items()}
        record["groups"] = _groups(record, old, together)
    return record


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ManyError(f"{folder} is not a folder of pictures")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ManyError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _entry(old: Record | None, name: str, sha256: str, out: Path) -> Record:
    """A picture's record: as it was when its word is done, else anew."""
    if old and old["sha256"] == sha256 and old["state"] == "done" and (out / old["word"]).exists():
        return old
    return {"state": "waiting", "sha256": sha256, "word": f"{name}.safetensors"}


def _groups(record: Record, old: Record, together: int) -> dict[str, list[str]]:
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
        _add(groups, record, rest[start : start + together])
    return groups


def _add(groups: dict[str, list[str]], record: Record, names: list[str]) -> None:
    """A new group, under a number that was never used, so that no old state is taken for its."""
    record["last_group"] = record.get("last_group", 0) + 1
    groups[f"{record['last_group']:06}"] = names


def _difference(old: Record, new: Record) -> str:
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(f"{name} was {old.get(name)!r}, is {new.get(name)!r}" for name in names)


# -------------------------------------------------------------------------------- working


def work(
    painter: Painter,
    folder: Path,
    out: Path,
    settings: LearningSettings,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Learn group after group until none is left that no other process is at."""
    manifest = Manifest(out)
    while True:
        with _claim(manifest) as group:
            if group is None:
                return
            _learn_group(painter, folder, manifest, group, settings, report)


@contextmanager
def _claim(manifest: Manifest) -> Iterator[str | None]:
    """The number of a group that is ours inside, or None when all are taken or done."""
    for number in manifest.read()["groups"]:
        lock = FileLock(manifest.inside(f"{number}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        try:
            if number in manifest.read()["groups"]:  # not finished in the meantime
                yield number
                return
        finally:
            lock.release()
    yield None


def _learn_group(
    painter: Painter,
    folder: Path,
    manifest: Manifest,
    number: str,
    settings: LearningSettings,
    report: Callable[[str], None],
) -> None:
    """Learn the words of one group, and close it."""
    pictures = _open(painter, folder, manifest, number, report)
    names, state = list(pictures), manifest.inside(f"{number}.safetensors")

    def finished(i: int, word: Word) -> None:
        _finish(manifest, names[i], word, report)

    groups = [[picture] for picture in pictures.values()]
    try:
        if groups:
            words = learn_many(
                painter, groups, settings, resume=state, progress=False, finished=finished
            )
            for i, word in enumerate(words):  # those that were done in an earlier life
                finished(i, word)
        alone: list[str] = []
    except (LearningError, RuntimeError, MemoryError) as error:
        if not isinstance(error, LearningError) and not is_out_of_memory(error):
            raise
        alone = names if len(names) > 1 else []
        if not alone:
            advice = ADVICE if is_out_of_memory(error) else str(error)
            _fail(manifest, names[0], advice, report)
    with manifest.change() as record:
        record["groups"].pop(number, None)
        for name in alone:  # one of them spoiled the batch
            if record["pictures"][name]["state"] == "waiting":
                _add(record["groups"], record, [name])
    state.unlink(missing_ok=True)


def _open(
    painter: Painter,
    folder: Path,
    manifest: Manifest,
    number: str,
    report: Callable[[str], None],
) -> dict[str, Image]:
    """The pictures of a group; one that is none is a failure of its own."""
    pictures = {}
    for name in manifest.read()["groups"][number]:
        try:
            pictures[name] = open_picture(folder / name, painter.picture_size)
        except (PictureError, OSError) as error:
            _fail(manifest, name, str(error), report)
    return pictures


def _finish(manifest: Manifest, name: str, word: Word, report: Callable[[str], None]) -> None:
    """Write a word, once, and then that it is done."""
    picture = manifest.read()["pictures"][name]
    if picture["state"] == "done":
        return
    word.save(manifest.folder / picture["word"])
    loss = min(point["loss"] for point in word.info["curve"])
    manifest.note(name, state="done", steps=word.info["steps"], loss=loss)
    report(f"{name}: done after {word.info['steps']} steps, loss {loss:.4f}")


def _fail(manifest: Manifest, name: str, error: str, report: Callable[[str], None]) -> None:
    manifest.note(name, state="failed", error=error)
    report(f"{name}: failed: {error}")


# ------------------------------------------------------------------------------ processes


def learn_folder(
    folder: Path,
    out: Path,
    painter: str,
    settings: LearningSettings,
    *,
    together: int = 4,
    processes: int | None = None,
    config: str | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    savers: Sequence[str] = (),
    report: Callable[[str], None] = lambda line: None,
) -> Record:
    """Learn a word for each picture in `folder`, written to `out`; the manifest at the end.

    Each of `processes` (default: one a GPU, else one) learns `together` words in one batch.
    `config`, `revision`, `device` and `dtype` are for `Painter.load`, `savers` for `save_memory`.
    Repeating the call goes on where it was stopped; `device` and `savers` may then be others.
    Raises ManyError, PainterError.
    """
    if not isinstance(settings.start, str):
        raise ManyError("a folder's words start from a text such as 'painting', not from a word")
    run = {"painter": painter, "config": config, "revision": revision, "dtype": dtype}
    run |= asdict(settings)
    record = plan(folder, out, json.loads(json.dumps(run)), together)
    finished = [name for name, picture in record["pictures"].items() if picture["state"] == "done"]
    report(f"{len(record['pictures'])} pictures, {len(finished)} of them done before")
    if record["groups"]:
        processes = processes or max(1, torch.cuda.device_count())
        if processes == 1:
            _work_here(folder, out, device, savers, report)
        else:
            launch(processes, [str(folder), str(out), device or "", *savers])
    return Manifest(out).read()


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run this module's `main` in several processes by `accelerate launch`; its exit code.

    When a worker dies, all are started again, and each goes on from the last saved state.
    """
    options = ["--multi_gpu", "--num_machines=1", f"--num_processes={processes}"]
    options += ["--mixed_precision=no", "--dynamo_backend=no", f"--max_restarts={RESTARTS}"]
    options += [f"--num_cpu_threads_per_process={max(1, (os.cpu_count() or 1) // processes)}"]
    options += ["--main_process_port=0", "--module", "inst_tutorial.many", *arguments]
    command = [sys.executable, "-m", "accelerate.commands.launch", *options]
    return subprocess.run(command).returncode


def _work_here(
    folder: Path,
    out: Path,
    device: str | None,
    savers: Sequence[str],
    report: Callable[[str], None],
) -> None:
    """Load the painter that the manifest names, and work."""
    run = dict(Manifest(out).read()["run"])
    name, dtype = run.pop("painter"), getattr(torch, run.pop("dtype"))
    which = {key: run.pop(key) for key in ("config", "revision")}
    settings = LearningSettings(**{**run, "prompts": tuple(run["prompts"])})
    painter = Painter.load(name, device=device, dtype=dtype, **which)
    work(save_memory(painter, savers), folder, out, settings, report)


def _own_device(device: str | None) -> str | None:
    """Of several GPUs, the one of this worker."""
    if device in (None, "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return device


def _say(line: str) -> None:
    print(line, flush=True)


def main(folder: str, out: str, device: str = "", *savers: str) -> None:
    """One worker of several: what `accelerate launch` starts.

    Errors made for the reader end it quietly: starting it again would not help.
    """
    try:
        _work_here(Path(folder), Path(out), _own_device(device or None), savers, _say)
    except (ManyError, PainterError, OSError) as error:
        print(f"inst: {error}", file=sys.stderr)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"inst: {ADVICE}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
