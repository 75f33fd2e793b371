"""The commands for other programs' words: export, convert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from inst_tutorial.cli.checks import (
    WORDS,
    check_name,
    check_no_address,
    check_pictures,
    read_word,
    writing,
)
from inst_tutorial.cli.options import Out, PainterOptions


def export(
    word: Annotated[Path, typer.Argument(help="A word that `inst learn` has written.")],
    *,
    out: Out = Path("embedding.safetensors"),
    kind: Annotated[
        Literal["diffusers", "a1111"],
        typer.Option(help="The program: diffusers, or a1111 (AUTOMATIC1111's web UI)."),
    ] = "diffusers",
    token: Annotated[
        str, typer.Option(help="For diffusers: what stands for the word in prompts.")
    ] = "<inst>",
) -> None:
    """Write a word as a textual inversion file, for diffusers and Stable Diffusion programs.

    Examples:
    - `inst export word.safetensors --token "<mine>" --out mine.safetensors`
    - `inst export word.safetensors --kind a1111 --out mine.safetensors`
    """
    check_name(out, WORDS)
    learned = read_word(word)
    with writing(out, inputs=[word]):
        learned.export(out, token=token, kind=kind)
    stands = token if kind == "diffusers" else f"{out.stem}, the name of the file,"
    typer.echo(f"in prompts {stands} stands for the word")
    typer.echo(out)


@dataclass(frozen=True)
class StableDiffusion(PainterOptions):
    """Options of a painter, with Stable Diffusion 1.5 by default: the official code's painter."""

    painter: Annotated[
        str, typer.Option(help="Stable Diffusion 1.x: a folder, a .safetensors file or a hub id.")
    ] = "stable-diffusion-v1-5/stable-diffusion-v1-5"


def convert(
    embeddings: Annotated[
        Path, typer.Argument(help="The embeddings.pt that InST's official code has written.")
    ],
    *,
    style: Annotated[Path, typer.Option(help="The style picture that it was learned from.")],
    out: Out = Path("word.safetensors"),
    as_published: Annotated[
        bool,
        typer.Option(
            help="Show CLIP an almost black picture, as the official code does by mistake."
        ),
    ] = True,
    painter: StableDiffusion,
) -> None:
    """Turn a word of InST's official code into a word of this package.

    The file is a pickle, which can contain a program. No program in it is run.

    Examples:
    - `inst convert embeddings.pt --style style.jpg`
    - `inst convert embeddings.pt --style style.jpg --no-as-published --out word.safetensors`
    """
    check_name(out, WORDS)
    check_no_address(embeddings)
    from inst_tutorial.official import LIMITS, read_official
    from inst_tutorial.official import convert as convert_word
    from inst_tutorial.pictures import open_picture

    with writing(out, inputs=[embeddings, style]):
        read_official(embeddings)  # or its error, before the painter is loaded
        check_pictures(style)
        model = painter.load()
        picture = open_picture(style, model.picture_size)
        convert_word(embeddings, model, picture, as_published=as_published).save(out)
    typer.echo(LIMITS)
    typer.echo(out)
