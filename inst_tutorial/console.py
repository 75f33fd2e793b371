"""What a command says: errors in one line, and lines that never stop the work.

When nothing reads the output any more, or the disk that it goes to is full, the work continues
without output. A character that the console does not have is written as its code.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# --------------------------------------------------------------------------------- errors


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Errors that are made for the reader become one line on stderr, and exit code 2.

    Those are the package's own errors, those of the file system, and missing memory. Any other
    error is a bug and keeps its traceback.
    """
    try:
        yield
    except Exception as error:
        if not (line := _line(error)):
            raise
        print(f"inst: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("\ninst: interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _line(error: Exception) -> str | None:
    """What the reader is told about an error; None for a bug."""
    text = " ".join(str(error).split())
    if _is_out_of_memory(error):
        from inst_tutorial.memory import ADVICE

        return f"{ADVICE} ({text.split('. ')[0]})"
    ours = type(error).__module__.startswith("inst_tutorial.")
    return text if ours or isinstance(error, OSError) else None


def _is_out_of_memory(error: Exception) -> bool:
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from inst_tutorial.memory import is_out_of_memory

    return is_out_of_memory(error)


# ------------------------------------------------------------------------------- warnings


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Inside, each warning of this package is one line on stderr, and is said once.

    The warnings of other libraries stay as they are.
    """
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not category.__module__.startswith("inst_tutorial."):
            usual(message, category, *place, **more)
        elif str(message) not in said:
            said.add(str(message))
            print(f"inst: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.showwarning = show
        yield


# --------------------------------------------------------------------------------- output


class UnbrokenStream(io.RawIOBase):
    """A binary stream that takes everything, also when `target` takes nothing any more.

    `error` is what stopped the target.
    """

    def __init__(self, target: io.RawIOBase) -> None:
        self.target = target
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Yes, always."""
        return True

    def isatty(self) -> bool:
        """As the target."""
        return self.target.isatty()

    def fileno(self) -> int:
        """As the target."""
        return self.target.fileno()

    def write(self, data: Any) -> int:
        """Write all of `data` to the target, or else lose it."""
        rest = memoryview(data).cast("B")
        while rest and self.error is None:
            try:
                written = self.target.write(rest)
            except OSError as error:
                self.error = error
            else:
                rest = rest[written or 0 :]
                if not written:  # a pipe that is full for the moment
                    time.sleep(0.01)
        return len(data)


@contextmanager
def unbroken_output() -> Iterator[None]:
    """Inside, printing never raises an error.

    At the end a full disk becomes one line on stderr and exit code 2. That nothing reads the
    output any more, as in `inst ... | head -1`, is no error.
    """
    usual = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_unbroken, usual)
    try:
        yield
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        stopped = _error_of(sys.stdout)
        sys.stdout, sys.stderr = usual
    if stopped and not _nobody_reads(stopped):
        print(f"inst: the output cannot be written: {stopped.strerror}", file=sys.stderr)
        raise SystemExit(2)


def _nobody_reads(error: OSError) -> bool:
    """Whether a pipe was closed at its other end; on Windows that may also be an EINVAL."""
    closed = sys.platform == "win32" and error.errno == errno.EINVAL
    return closed or isinstance(error, BrokenPipeError)


def _unbroken(stream: TextIO | None) -> TextIO:
    """A text stream in the place of `stream` that never fails."""
    if stream is None:  # closed by whoever started the program
        return open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    target: Any = getattr(stream.buffer, "raw", stream.buffer)  # unbuffered: no "raw"
    return io.TextIOWrapper(
        UnbrokenStream(target),  # type: ignore[type-var]
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


def _error_of(stream: TextIO) -> OSError | None:
    return getattr(getattr(stream, "buffer", None), "error", None)
