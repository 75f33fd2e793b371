"""The commands of the method: learn, learn-many, transfer, draw, invert."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inst_tutorial.cli.checks import (
    check_no_folder,
    check_picture_file,
    check_prompt,
    check_readable,
    check_word_file,
    outputs,
)
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
    read_word,
)
from inst_tutorial.cli.output import progress_bar, save

if TYPE_CHECKING:
    from PIL import Image

    from inst_tutorial.painter import Painter
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.words import Word


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
    learning: LearningOptions,
    painter: PainterOptions,
) -> None:
    """Learn the style of one picture as a new word.

    Examples:
    - `inst learn style.png`
    - `inst learn style.png --kind free --steps 400 --out starry.safetensors`
    - `inst learn one.jpg two.jpg --resume state.safetensors`
    """
    check_word_file(out)
    check_no_folder(pictures)
    from inst_tutorial.learning import learn as learn_word

    settings = learning.settings()
    check_readable(*pictures)
    model = painter.load()
    style_pictures = [_open(path, model) for path in pictures]
    word = learn_word(model, style_pictures, settings, resume=resume)
    _print_course(word)
    typer.echo(word.save(out))


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
    from inst_tutorial.many import ManyError, learn_folder

    record = learn_folder(
        folder,
        out,
        painter.painter,
        learning.settings(),
        together=together,
        processes=processes,
        config=painter.config,
        revision=painter.revision,
        device=painter.device,
        dtype=painter.dtype,
        savers=painter.save_memory or (),
        report=typer.echo,
    )
    states = [picture["state"] for picture in record["pictures"].values()]
    typer.echo(f"{states.count('done')} of {len(states)} words are in {out}")
    if states.count("done") < len(states):
        raise ManyError(
            f"{states.count('failed')} pictures failed and {states.count('waiting')} are waiting: "
            f"{out / 'manifest.json'} says why; the same command tries them again"
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
    - `inst transfer a.jpg b.jpg --word word.safetensors --strength 0.65 --out results`
    - `inst transfer photo.jpg --prompt "a watercolour with soft edges" --inversion noise`
    """
    outs = outputs(contents, out)
    check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.style_transfer import transfer as repaint

    settings = TransferSettings(
        strength=strength,
        guidance=guidance,
        steps=steps,
        inversion=inversion,
        prompt=prompt,
        adain=adain is not None,
        seed=seed,
    )
    learned = read_word(word)
    check_readable(*contents, *([adain] if adain else []))
    model = painter.load()
    pictures = [_open(path, model) for path in contents]
    reference = None if adain is None else _open(adain, model)
    with progress_bar(_length(model, settings), "repainting") as callback:
        results = repaint(model, pictures, learned, settings, reference, callback)
    for result, path in zip(results, outs, strict=True):
        save(result, path)


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
    check_picture_file(out)
    check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.style_transfer import draw as draw_picture

    TransferSettings(guidance=guidance, steps=steps, prompt=prompt, seed=seed)  # or its error
    learned = read_word(word)
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
    save(picture, out)


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
    check_picture_file(out)
    check_prompt(prompt, word)
    from inst_tutorial.metrics import edge_distance
    from inst_tutorial.pictures import to_pictures, to_tensor
    from inst_tutorial.style_transfer import TransferSettings, repaint

    settings = TransferSettings(
        strength=strength,
        guidance=1.0,
        steps=steps,
        inversion=inversion,
        prompt=prompt,
        seed=seed,
    )
    learned = read_word(word)
    check_readable(content)
    model = painter.load()
    picture = _open(content, model)
    content_pm1 = to_tensor(picture, device=model.device, dtype=model.dtype)
    with progress_bar(_length(model, settings), "inverting") as callback:
        back = repaint(model, content_pm1, learned, settings, callback=callback)
    z0 = model.encode(content_pm1)
    error = ((back.latent - z0).norm() / z0.norm()).item()
    result = to_pictures(model.decode(back.latent))[0]
    save(result, out)
    typer.echo(
        f"{inversion} at strength {strength}: {back.calls} network calls, "
        f"relative latent error {error:.2%}, edge distance {edge_distance(result, picture):.3f}"
    )


def _open(path: Path, painter: Painter) -> Image.Image:
    """The picture at the painter's size."""
    from inst_tutorial.pictures import open_picture

    return open_picture(path, painter.picture_size)


def _length(painter: Painter, settings: TransferSettings) -> int:
    """Denoising steps of a transfer."""
    from inst_tutorial.schedule import start_index

    return settings.steps - start_index(painter.schedule, settings.steps, settings.strength)
