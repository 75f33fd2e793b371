"""Errors that are made for the reader: one line on stderr, and exit code 2."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from inst_tutorial.console import one_line_errors, one_line_warnings


class CommandError(Exception):
    """Options or paths that the command line refuses; the text says what to give instead."""


class OneLineErrors(TyperGroup):
    """The commands, with errors and warnings that are made for the reader in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with one_line_errors(), one_line_warnings():
            return super().invoke(ctx)
