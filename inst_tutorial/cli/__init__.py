"""The command `inst`: learn a style, repaint pictures, look inside.

Heavy libraries are imported inside the commands, so that `inst --help` is quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from inst_tutorial import __version__
from inst_tutorial.cli import interoperability, method, painters, world
from inst_tutorial.cli.errors import OneLineErrors
from inst_tutorial.cli.options import flat
from inst_tutorial.console import unbroken_output

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "The method": (method.learn, method.learn_many, method.transfer, method.draw, method.invert),
    "The world": (world.paint, world.demo),
    "Painters and words": (painters.info,),
    "Other programs": (interoperability.export, interoperability.convert),
}

app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(flat(command))


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Learn a painting style from ONE picture as a new word, and repaint pictures in it.

    Examples:
    - `inst demo`
    - `inst learn style.png --out word.safetensors`
    - `inst transfer photo.jpg --word word.safetensors --out repainted.png`
    """
    if version:
        typer.echo(f"inst {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command `inst`.

    Waiting threads sleep instead of spinning: beside another busy program that is ten times
    faster. OpenMP reads the setting when torch is imported, which is after this.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with unbroken_output():
        app()
