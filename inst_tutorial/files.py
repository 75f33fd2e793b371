"""Files that are either whole or not there, and checks that they can be written.

A path is checked before the work whose result it is for. Where the path is a symbolic link, the
file that it points to is written, and the link stays.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


class OutputError(OSError):
    """A file that cannot be written; the text says which and why."""


# -------------------------------------------------------------------------------- writing


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path of the same name that becomes `path` on success.

    On an error, or when nothing was written, `path` stays as it was and nothing is left behind;
    what a killed process left in the same folder is removed. Missing folders are made. Raises
    OutputError.

        with atomic_path("word.safetensors") as temporary:
            save_file(tensors, temporary)
    """
    target = _target(path)
    with _explained(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _scratch_folder(target.parent) as folder:
            temporary = folder / target.name
            mode = _usual_mode(temporary)
            yield temporary
            temporary.chmod(mode)  # safetensors writes files that only their owner may read
            _to_disk(temporary)
            os.replace(temporary, target)


def _target(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _usual_mode(path: Path) -> int:
    """The permissions that a new file gets at `path`."""
    path.touch()
    mode = path.stat().st_mode
    path.unlink()
    return mode


def _to_disk(path: Path) -> None:
    """Wait until the file is on the disk: a full disk may be noticed only then."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    """Turns what the file system says into an OutputError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OutputError) or not (reason := _reason(error)):
            raise
        raise OutputError(f"{path}: cannot be written: {reason}") from error


def _reason(error: Exception) -> str | None:
    """What the file system says, also by way of safetensors' own kind of error."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a folder in its path is a file"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    by_safetensors = re.search(r"I/O error: (.+?) \(os error \d+\)", str(error))
    return by_safetensors[1] if by_safetensors else None


@contextmanager
def _scratch_folder(parent: Path) -> Iterator[Path]:
    """An empty folder in `parent`, removed at the end.

    A lock stands beside it as long as this process lives: a folder whose lock is free was left by
    a killed process, and is removed by the next one.
    """
    _remove_left_behind(parent)
    folder = parent / f".inst-{uuid4().hex[:12]}"
    with _locked(folder.with_suffix(".lock")):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind(parent: Path) -> None:
    for lock in parent.glob(".inst-*.lock"):
        try:
            with _locked(lock):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        except (Timeout, OSError):  # in use, or another user's
            continue


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Inside, the lock is ours; its file is removed at the end. Raises Timeout if it is taken."""
    with FileLock(path, timeout=0):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows: filelock itself removes it later
                path.unlink()


# ------------------------------------------------------------------------- before the work


def check_writable(path: str | Path) -> None:
    """Raise OutputError if no file can be written at `path`.

    Its name and its missing folders are tried out in the nearest folder that exists.
    """
    if obstacle := _obstacle(_target(path)):
        raise OutputError(f"cannot write {path}: {obstacle}")


def _obstacle(target: Path) -> str | None:
    if os.path.isdir(target):
        return "it is a folder"
    if os.path.lexists(target) and not os.path.isfile(target):
        return "it is not an ordinary file"
    if os.path.isfile(target) and not os.access(target, os.W_OK):
        return "it is write-protected"
    there = next((folder for folder in target.parents if os.path.lexists(folder)), None)
    if there is None:  # a drive of Windows
        return f"there is no {target.anchor}"
    if not os.path.isdir(there):
        return f"{there} is a file, not a folder"
    try:
        _try_out(target.relative_to(there), there)
    except OSError as error:
        return f"{there}: {error.strerror or error}"
    return None


def _try_out(path: Path, parent: Path) -> None:
    """Make and remove the folders and the file of a relative path. Raises OSError."""
    with _scratch_folder(parent) as folder:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


@contextmanager
def claimed(*paths: Path) -> Iterator[None]:
    """Inside, another process of this machine that claims one of `paths` gets an OutputError."""
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(_claim(path))
        yield


@contextmanager
def _claim(path: Path) -> Iterator[None]:
    digest = hashlib.sha256(os.fsencode(_target(path))).hexdigest()[:16]
    lock = Path(tempfile.gettempdir()) / f"inst-{digest}.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(lock))
        except Timeout as error:
            raise OutputError(
                f"cannot write {path}: another process is going to write it. Wait until it has "
                f"ended, or choose another name"
            ) from error
        except OSError:  # the lock is another user's
            pass
        yield
