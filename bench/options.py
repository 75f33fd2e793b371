"""The option that both benchmarks have: a checkout of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.diffusers_script import SCRIPT


def with_script(checkout: Path | None) -> Path | None:
    """The checkout itself. Raises BadParameter for a folder that lacks the script, before anything
    is measured."""
    if checkout is not None and not (checkout / SCRIPT).is_file():
        raise typer.BadParameter(f"{checkout} is no checkout of diffusers: it lacks {SCRIPT}")
    return checkout


Checkout = Annotated[
    Path | None,
    typer.Option(help="A checkout of diffusers, for its script.", callback=with_script),
]
