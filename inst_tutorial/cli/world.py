"""The commands of the little world: paint, and the demonstration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inst_tutorial.cli.checks import (
    check_folder_name,
    check_no_address,
    check_picture_name,
    picture_suffixes,
    writing,
)
from inst_tutorial.cli.errors import CommandError
from inst_tutorial.cli.options import (
    MOST_SEED,
    LearningSteps,
    Out,
    PainterOptions,
    Seed,
    checked,
)
from inst_tutorial.cli.output import print_lists, save_pictures
from inst_tutorial.files import check_writable

if TYPE_CHECKING:
    from inst_tutorial.studies.demo import Demo
    from inst_tutorial.world import Scene, Style


def paint(
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The folder to write to; for one picture also its name."),
    ] = Path("painted"),
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
    check_no_address(out)
    from inst_tutorial.world import content_words
    from inst_tutorial.world import paint as paint_scene

    styles = _styles(style or ["photo"], truths)
    if count * len(styles) > 1:
        check_folder_name(out, count * len(styles))
    fixed = {"subject": subject, "setting": setting, "light": light}
    for number in range(seed, seed + count):
        for path in _paths(out, number, _scene(number, fixed), styles):
            check_writable(path)
    for number in range(seed, seed + count):
        scene = _scene(number, fixed)
        typer.echo(content_words(scene))
        paths = _paths(out, number, scene, styles)
        save_pictures(paths, [paint_scene(scene, chosen) for chosen in styles.values()])


def _scene(seed: int, fixed: Mapping[str, str | None]) -> Scene:
    from inst_tutorial.world import Scene

    given = {name: value for name, value in fixed.items() if value is not None}
    return checked(Scene.sample, seed=seed, **given)


def _paths(out: Path, number: int, scene: Scene, styles: Iterable[str]) -> list[Path]:
    """The files of a scene, one for each style: in the folder `out`, or `out` if it is a name."""
    if out.suffix.lower() in picture_suffixes():
        return [out]
    return [out / f"{number:04}-{scene.subject}-{name}.png" for name in styles]


def _names() -> dict[str, list[str]]:
    from inst_tutorial.world import HELD_OUT, LIGHTS, SETTINGS, STYLES, SUBJECTS

    return {
        "subjects": list(SUBJECTS),
        "settings": list(SETTINGS),
        "lights": list(LIGHTS),
        "training styles, for --style": ["photo", *STYLES],
        "held-out styles, for --style": list(HELD_OUT),
    }


def _styles(names: Sequence[str], truths: bool) -> dict[str, Style | None]:
    """The styles of these names, and the held-out ones as well with `truths`."""
    from inst_tutorial.world import HELD_OUT, STYLES

    known = {"photo": None, **STYLES, **HELD_OUT}
    for name in names:
        if name not in known:
            raise CommandError(f"unknown style {name!r}: choose one of {', '.join(known)}")
    return {name: known[name] for name in [*names, *(HELD_OUT if truths else ())]}


def demo(
    *,
    out: Out = Path("demo.webp"),
    style: Annotated[str, typer.Option(help="A held-out style of the world.")] = "byzantine",
    steps: LearningSteps = 200,
    seed: Seed = 0,
    painter: PainterOptions,
) -> None:
    """Learn a style from one picture, repaint three scenes, and compare with the truth.

    The word and the single pictures are saved in a folder beside the figure.

    Examples:
    - `inst demo`
    - `inst demo --style starry --out starry.webp`
    """
    check_picture_name(out)
    folder = out.with_suffix("")
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.studies.demo import run_demo
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.world import HELD_OUT

    if style not in HELD_OUT:
        raise CommandError(f"unknown style {style!r}: choose one of {', '.join(HELD_OUT)}")
    learning = checked(LearningSettings, steps=steps, seed=seed)
    settings = TransferSettings(seed=seed)
    with writing(out, folder / "word.safetensors"):
        result = run_demo(painter.load(), style, learning=learning, settings=settings)
        _save_demo(result, folder, out)
    typer.echo("distance to the truth in CIELAB units, mean over the scenes, lower is nearer.")
    typer.echo("'content' is the photograph itself; the numbers are strengths.")
    for name, value in result.distances.items():
        typer.echo(f"  {name:24} {value:6.1f}")
    typer.echo(f"{folder}{os.sep} has the word and the single pictures")
    typer.echo(out)


def _save_demo(result: Demo, folder: Path, out: Path) -> None:
    from inst_tutorial.figures import save_figure
    from inst_tutorial.pictures import save_picture

    save_figure(result.figure, out)
    result.word.save(folder / "word.safetensors")
    for name, picture in result.pictures.items():
        save_picture(picture, folder / f"{name}.png")
