"""The commands of the little world: paint, and the demonstration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from inst_tutorial.cli.checks import check_picture_file, check_writable
from inst_tutorial.cli.errors import CommandError
from inst_tutorial.cli.options import (
    MOST_SEED,
    LearningSteps,
    Out,
    PainterOptions,
    Seed,
    checked,
)
from inst_tutorial.cli.output import print_lists, save


def paint(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path(
        "painted"
    ),
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 1,
    style: Annotated[
        list[str] | None,
        typer.Option(help="The name of a style; give the option several times for more."),
    ] = None,
    truths: Annotated[bool, typer.Option(help="Paint in every held-out style, too.")] = False,
    subject: Annotated[str | None, typer.Option(help="house, cat, ... Default: random.")] = None,
    setting: Annotated[str | None, typer.Option(help="sea, city, ... Default: random.")] = None,
    light: Annotated[str | None, typer.Option(help="day, sunset, night. Default: random.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Seed of the first scene; the next has +1.")
    ] = 0,
    names: Annotated[
        bool, typer.Option("--list", help="Print all names to choose from, and paint nothing.")
    ] = False,
) -> None:
    """Paint scenes of the little world, as photographs or in its styles.

    Examples:
    - `inst paint --list`
    - `inst paint --style lagoon --subject house --light day`
    - `inst paint --style photo --style starry --count 4 --out scenes`
    """
    if names:
        return print_lists(_names())
    check_writable(out / "picture.png")
    from inst_tutorial.world import HELD_OUT, Scene, content_words
    from inst_tutorial.world import paint as paint_scene

    styles = {name: _style(name) for name in [*(style or ["photo"]), *(HELD_OUT if truths else ())]}
    given = {"subject": subject, "setting": setting, "light": light}
    fixed = {name: value for name, value in given.items() if value is not None}
    for number in range(seed, seed + count):
        scene = checked(Scene.sample, seed=number, **fixed)
        typer.echo(content_words(scene))
        for name, chosen in styles.items():
            save(paint_scene(scene, chosen), out / f"{number:04}-{scene.subject}-{name}.png")


def _names() -> dict[str, list[str]]:
    from inst_tutorial.world import HELD_OUT, LIGHTS, SETTINGS, STYLES, SUBJECTS

    return {
        "subjects": list(SUBJECTS),
        "settings": list(SETTINGS),
        "lights": list(LIGHTS),
        "training styles, for --style": ["photo", *STYLES],
        "held-out styles, for --style": list(HELD_OUT),
    }


def _style(name: str) -> Any:
    from inst_tutorial.world import HELD_OUT, STYLES

    styles = {"photo": None, **STYLES, **HELD_OUT}
    if name not in styles:
        raise CommandError(f"unknown style {name!r}: choose one of {', '.join(styles)}")
    return styles[name]


def demo(
    *,
    out: Out = Path("demo.webp"),
    style: Annotated[str, typer.Option(help="A held-out style of the world.")] = "lagoon",
    steps: LearningSteps = 100,
    seed: Seed = 0,
    painter: PainterOptions,
) -> None:
    """Learn a style from one picture, repaint three scenes, and compare with the truth.

    The word and the single pictures are saved in a folder beside the figure.

    Examples:
    - `inst demo`
    - `inst demo --style starry --steps 200 --out starry.webp`
    """
    check_picture_file(out)
    folder = out.with_suffix("")
    check_writable(folder / "word.safetensors")
    from inst_tutorial.figures import save_figure
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.pictures import save_picture
    from inst_tutorial.studies.demo import run_demo
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.world import HELD_OUT

    if style not in HELD_OUT:
        raise CommandError(f"unknown style {style!r}: choose one of {', '.join(HELD_OUT)}")
    learning = checked(LearningSettings, steps=steps, seed=seed)
    settings = TransferSettings(seed=seed)
    result = run_demo(painter.load(), style, learning=learning, settings=settings)
    typer.echo("distance to the truth in CIELAB units, mean over the scenes, lower is nearer.")
    typer.echo("'content' is the photograph itself; the numbers are strengths.")
    for name, value in result.distances.items():
        typer.echo(f"  {name:24} {value:6.1f}")
    result.word.save(folder / "word.safetensors")
    for name, picture in result.pictures.items():
        save_picture(picture, folder / f"{name}.png")
    typer.echo(f"{folder}{os.sep} has the word and the single pictures")
    typer.echo(save_figure(result.figure, out))
