"""The commands of the method: learn, learn-many, transfer, draw, invert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inst_tutorial.cli.checks import (
    WORDS,
    check_name,
    check_no_address,
    check_picture_name,
    check_pictures,
    check_prompt,
    read_word,
    transfer_outputs,
    writing,
)
from inst_tutorial.cli.errors import CommandError
from inst_tutorial.cli.options import (
    Guidance,
    Inversion,
    LearningOptions,
    Out,
    PainterOptions,
    Prompt,
    Seed,
    Steps,
    Strength,
    WordFile,
)
from inst_tutorial.cli.output import progress_bar, save_pictures

if TYPE_CHECKING:
    from PIL import Image

    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.painter import Painter
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.words import Word

FOLDER_OF_STYLES = (
    "`inst learn-many {folder}` learns one word for each picture in it, and `inst learn "
    "{folder}/*` learns one word from all of them"
)

FOLDER_OF_CONTENTS = "give the pictures in it, as in `inst transfer {folder}/*`"


def learn(
    pictures: Annotated[
        list[Path], typer.Argument(help="The style picture; several of one style are possible.")
    ],
    *,
    out: Out = Path("word.safetensors"),
    resume: Annotated[
        Path | None,
        typer.Option(
            help="A .safetensors file for the state of learning. If it exists, learning continues "
            "from it."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="A word to continue from, with --kind free: it needs fewer steps."),
    ] = None,
    at_a_glance: Annotated[
        bool,
        typer.Option(
            "--at-a-glance",
            help="Make the word from what CLIP sees, in one step and without learning. Only "
            "Paintbox and painters trained like it can do this.",
        ),
    ] = False,
    learning: LearningOptions,
    painter: PainterOptions,
) -> None:
    """Learn the style of one picture as a new word.

    Examples:
    - `inst learn style.png`
    - `inst learn style.png --at-a-glance --out glance.safetensors`
    - `inst learn style.png --kind free --start glance.safetensors --learning-rate 0.02 --steps 25`
    - `inst learn style.png --kind free --steps 400 --out starry.safetensors`
    - `inst learn one.jpg two.jpg --resume state.safetensors`
    """
    check_name(out, WORDS)
    if at_a_glance and (start or resume or learning != LearningOptions()):
        raise CommandError("--at-a-glance learns nothing: leave out the options of learning")
    settings = learning.settings(**({"start": read_word(start)} if start else {}))
    with writing(out, *([resume] if resume else []), inputs=pictures):
        check_pictures(*pictures, folders=FOLDER_OF_STYLES)
        if at_a_glance:
            word = _glance(painter.load(), pictures)
        else:
            word = _learn(painter.load(), pictures, settings, resume)
        word.save(out)
    if not at_a_glance:
        _print_course(word)
    typer.echo(out)


def _glance(painter: Painter, pictures: list[Path]) -> Word:
    from inst_tutorial.glance import glance

    return glance(painter, [_open(path, painter) for path in pictures])


def _learn(
    painter: Painter, pictures: list[Path], settings: LearningSettings, resume: Path | None
) -> Word:
    from inst_tutorial.learning import learn

    return learn(painter, [_open(path, painter) for path in pictures], settings, resume=resume)


def _print_course(word: Word) -> None:
    """Why learning ended, and how the loss fell."""
    losses = [point["loss"] for point in word.info["curve"]]
    ended = {"plateau": "the loss stopped falling", "steps": "that was the limit"}
    typer.echo(f"learned for {word.info['steps']} steps: {ended[word.info['stopped']]}")
    typer.echo(f"loss on fixed noise, lower is better: {losses[0]:.4f} -> {min(losses):.4f}")


def learn_many(
    folder: Annotated[Path, typer.Argument(help="A folder of pictures, each in its own style.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder for the words and manifest.json.")
    ] = Path("words"),
    processes: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. Default: one per GPU, or one.")
    ] = None,
    together: Annotated[
        int, typer.Option(min=1, help="Words that one worker learns in one batch.")
    ] = 4,
    learning: LearningOptions,
    painter: PainterOptions,
) -> None:
    """Learn a word for each picture of a folder. Run it again to continue after a stop.

    Examples:
    - `inst learn-many paintings`
    - `inst learn-many paintings --out words --together 8 --kind free`
    - `inst learn-many paintings --processes 2 --dtype float16 --save-memory offload`
    """
    check_no_address(folder)
    check_no_address(out)
    settings = learning.settings()
    painter.check()
    from inst_tutorial.many.folder import learn_folder

    record = learn_folder(
        folder,
        out,
        painter.painter,
        settings,
        together=together,
        processes=processes,
        config=painter.config,
        revision=painter.revision,
        device=painter.device,
        dtype=painter.dtype,
        savers=painter.save_memory or (),
        report=typer.echo,
    )
    _print_states([picture["state"] for picture in record["pictures"].values()], out)


def _print_states(states: list[str], out: Path) -> None:
    """How many words there are. Raises CommandError if some are missing."""
    typer.echo(f"{states.count('done')} of {len(states)} words are in {out}")
    if failed := states.count("failed"):
        raise CommandError(
            f"{failed} of {len(states)} pictures failed: {out / 'manifest.json'} says why, and the "
            f"same command tries them again"
        )
    if waiting := states.count("waiting"):
        raise CommandError(
            f"{waiting} of {len(states)} pictures are still waiting: another process may be "
            f"learning them; otherwise the same command continues with them"
        )


def transfer(
    contents: Annotated[list[Path], typer.Argument(help="The pictures to repaint.")],
    *,
    word: WordFile = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The picture to write; for several, a folder.")
    ] = Path("repainted.png"),
    strength: Strength = 0.8,
    guidance: Guidance = 2.0,
    steps: Steps = 20,
    eta: Annotated[
        float,
        typer.Option(
            help="New noise in every denoising step: 0 none, 1 as much as DDPM. With 1 and some "
            "50 steps, more strokes come and less of the content stays."
        ),
    ] = 0.0,
    inversion: Inversion = "stochastic",
    prompt: Prompt = "*",
    adain: Annotated[
        Path | None,
        typer.Option(
            help="A style picture: the content's latent first gets its mean and deviation."
        ),
    ] = None,
    seed: Seed = 0,
    painter: PainterOptions,
) -> None:
    """Repaint pictures in a learned style, or in a style that --prompt describes.

    Examples:
    - `inst transfer photo.jpg --word word.safetensors`
    - `inst transfer photo.jpg --word lagoon`
    - `inst transfer a.jpg b.jpg --word word.safetensors --strength 0.65 --out results`
    - `inst transfer photo.jpg --prompt "a watercolour with soft edges" --inversion noise`
    """
    outs, folder = transfer_outputs(contents, out)
    check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings

    settings = TransferSettings(
        strength=strength,
        guidance=guidance,
        steps=steps,
        eta=eta,
        inversion=inversion,
        prompt=prompt,
        adain=adain is not None,
        seed=seed,
    )
    learned = read_word(word) if word else None
    with writing(*outs, inputs=[*contents, adain, word], folder=folder):
        check_pictures(*contents, adain, folders=FOLDER_OF_CONTENTS)
        results = _transfer(painter.load(), contents, learned, settings, adain)
        save_pictures(outs, results)


def _transfer(
    painter: Painter,
    contents: list[Path],
    word: Word | None,
    settings: TransferSettings,
    adain: Path | None,
) -> list[Image.Image]:
    from inst_tutorial.style_transfer import transfer

    pictures = [_open(path, painter) for path in contents]
    style = None if adain is None else _open(adain, painter)
    with progress_bar(_length(painter, settings), "repainting") as callback:
        return transfer(painter, pictures, word, settings, style, callback)


def draw(
    prompt: Annotated[str, typer.Argument(help='What to draw; "*" stands for the learned word.')],
    *,
    word: WordFile = None,
    out: Out = Path("drawn.png"),
    guidance: Guidance = 3.0,
    steps: Steps = 20,
    seed: Seed = 0,
    painter: PainterOptions,
) -> None:
    """Draw a picture from text, with a learned word in it or without.

    Examples:
    - `inst draw "a red house in the snow"`
    - `inst draw "a cat in the style of *" --word word.safetensors --seed 7`
    """
    check_picture_name(out)
    check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.style_transfer import draw as draw_picture

    TransferSettings(guidance=guidance, steps=steps, prompt=prompt, seed=seed)  # or its error
    learned = read_word(word) if word else None
    with writing(out, inputs=[word]):
        model = painter.load()
        with progress_bar(steps, "drawing") as callback:
            picture = draw_picture(
                model,
                prompt,
                learned,
                guidance=guidance,
                steps=steps,
                seed=seed,
                callback=callback,
            )
        save_pictures([out], [picture])


def invert(
    content: Annotated[Path, typer.Argument(help="The picture to turn into noise and back.")],
    *,
    word: WordFile = None,
    out: Out = Path("inverted.png"),
    strength: Strength = 0.8,
    steps: Steps = 20,
    inversion: Inversion = "ddim",
    prompt: Prompt = "",
    seed: Seed = 0,
    painter: PainterOptions,
) -> None:
    """Turn a picture into noise and back with the same prompt, and say how much changed.

    Examples:
    - `inst invert photo.jpg`
    - `inst invert photo.jpg --inversion stochastic --strength 0.5 --out back.png`
    """
    check_picture_name(out)
    check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings

    settings = TransferSettings(
        strength=strength,
        guidance=1.0,
        steps=steps,
        inversion=inversion,
        prompt=prompt,
        seed=seed,
    )
    learned = read_word(word) if word else None
    with writing(out, inputs=[content, word]):
        check_pictures(content)
        result, costs = _invert(painter.load(), content, learned, settings)
        save_pictures([out], [result])
    typer.echo(f"{inversion} at strength {strength}: {costs}")


def _invert(
    painter: Painter, path: Path, word: Word | None, settings: TransferSettings
) -> tuple[Image.Image, str]:
    """The picture after noise and back, and what that cost."""
    from inst_tutorial.metrics import edge_distance
    from inst_tutorial.pictures import to_pictures, to_tensor
    from inst_tutorial.style_transfer import repaint

    picture = _open(path, painter)
    content_pm1 = to_tensor(picture, device=painter.device, dtype=painter.dtype)
    with progress_bar(_length(painter, settings), "inverting") as callback:
        back = repaint(painter, content_pm1, word, settings, callback=callback)
    z0 = painter.encode(content_pm1)
    error = ((back.latent - z0).norm() / z0.norm()).item()
    result = to_pictures(painter.decode(back.latent))[0]
    return result, (
        f"{back.calls} network calls, relative latent error {error:.2%}, "
        f"edge distance {edge_distance(result, picture):.3f}"
    )


def _open(path: Path, painter: Painter) -> Image.Image:
    """The picture at the painter's size."""
    from inst_tutorial.pictures import open_picture

    return open_picture(path, painter.picture_size)


def _length(painter: Painter, settings: TransferSettings) -> int:
    """Denoising steps of a transfer. Raises ScheduleError."""
    from inst_tutorial.inversion import denoised_steps

    return denoised_steps(settings.inversion, painter.schedule, settings.steps, settings.strength)
