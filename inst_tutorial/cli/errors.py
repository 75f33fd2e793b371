"""Errors that are made for the reader: one line on stderr, and exit code 2."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup


class CommandError(Exception):
    """Options or paths that the command line refuses; the text says what to give instead."""


class OneLineErrors(TyperGroup):
    """Prints errors that are made for the reader as one line, and exits with code 2.

    Those are the package's own errors, those of the file system, and missing memory. Any other
    error is a bug and keeps its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if _is_out_of_memory(error):
                error = CommandError(_advice(error))
            if not _is_for_the_reader(error):
                raise
            print(f"inst: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("\ninst: interrupted", file=sys.stderr)
            raise typer.Exit(130) from None


def _is_out_of_memory(error: Exception) -> bool:
    if "torch" not in sys.modules:
        return False
    from inst_tutorial.memory import is_out_of_memory

    return is_out_of_memory(error)


def _advice(error: Exception) -> str:
    from inst_tutorial.memory import ADVICE

    return f"{ADVICE} ({str(error).split('. ')[0]})"


def _is_for_the_reader(error: Exception) -> bool:
    ours = type(error).__module__.startswith("inst_tutorial.")
    return ours or isinstance(error, OSError)
