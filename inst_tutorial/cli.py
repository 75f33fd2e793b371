"""The command `inst`: learn a style, repaint pictures, look inside.

Only this file prints. Everything heavy is imported inside the commands, so `inst --help` is
quick. An error that this package or the file system explains is one line on stderr and exit
code 2; any other is a bug and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer.core import TyperGroup

from inst_tutorial import __version__

if TYPE_CHECKING:
    from PIL import Image

    from inst_tutorial.painter import Painter
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.words import Word
    from inst_tutorial.world import Scene

Made = TypeVar("Made")


class CommandError(Exception):
    """Options that do not fit together; the text says how they would."""


class OneLineErrors(TyperGroup):
    """Prints errors that are made for the reader as one line, and exits with code 2."""

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
    return ours or isinstance(error, CommandError | OSError)


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Learn a painting style from ONE picture as a new word, and repaint pictures in it.",
)

Saver = StrEnum("Saver", ["offload", "checkpointing", "slicing"])  # memory.SAVERS
Kind = Annotated[
    Literal["pooled", "free", "patches"],
    typer.Option(
        help="pooled: InST's attention embedder as published. free: a free vector (textual "
        "inversion). patches: attention over the picture's patches, too."
    ),
]
LearningSteps = Annotated[int, typer.Option(help="Learning steps at most.")]
LearningRate = Annotated[float | None, typer.Option(help="Adam's. Default: that of the kind.")]
Dropout = Annotated[float, typer.Option(min=0, max=0.99, help="Dropout of the attention kinds.")]
PainterName = Annotated[
    str,
    typer.Option("--painter", help="paintbox, a diffusers folder, a .safetensors file, a hub id."),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        help="What is in a painter's .safetensors file: sd15, sd21-base, sd21, or a diffusers "
        "folder like it. Default: told from the weights.",
    ),
]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit of a hub id.")
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, mps ... Default: cuda if there.")
]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16"], typer.Option("--dtype", help="Number format.")
]
SaveMemory = Annotated[
    list[Saver] | None,
    typer.Option(help="Slower, with less memory; repeat for more."),
]
MOST_SEED = 2**63 - 1  # of a torch.Generator
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=MOST_SEED, help="The same seed draws the same noise."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
WordFile = Annotated[
    Path | None, typer.Option("--word", "-w", help="A word, as written by `inst learn`.")
]
Strength = Annotated[
    float, typer.Option("--strength", "-s", help="Above 0 to 1: how much may change.")
]
Guidance = Annotated[
    float, typer.Option("--guidance", "-g", help="How strongly the prompt is followed; 1: as is.")
]
Steps = Annotated[int, typer.Option("--steps", help="Denoising steps of the full way.")]
Prompt = Annotated[str, typer.Option("--prompt", "-p", help='Text; "*" is where the word stands.')]
Inversion = Annotated[
    Literal["stochastic", "ddim", "noise", "official"],
    typer.Option(
        "--inversion",
        help="How the content picture becomes noise. stochastic: InST's own, keeps the content "
        "with one network call. ddim: walks the steps backwards, keeps most, one call a step. "
        "noise: at random as in img2img, keeps least. official: stochastic with the noise levels "
        "of the authors' code.",
    ),
]


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"inst {__version__}")
        raise typer.Exit


# ------------------------------------------------------------------------------- the method


@app.command()
def learn(
    pictures: Annotated[list[Path], typer.Argument(help="One picture of the style, or several.")],
    out: Out = Path("word.safetensors"),
    kind: Kind = "pooled",
    vectors: Annotated[int, typer.Option(help="Vectors of the word.")] = 1,
    steps: LearningSteps = 200,
    batch: Annotated[int, typer.Option(help="Noisy copies a step.")] = 8,
    learning_rate: LearningRate = None,
    dropout: Dropout = 0.05,
    resume: Annotated[
        Path | None, typer.Option(help="A file that keeps the state; goes on if it exists.")
    ] = None,
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
    save_memory: SaveMemory = None,
    seed: Seed = 0,
) -> None:
    """Learn the style of one picture (or several) as a new word."""
    _check_suffix(out, (".safetensors",))
    _check_no_folder(pictures)
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.learning import learn as learn_word

    settings = _checked(
        LearningSettings,
        kind=kind,
        vectors=vectors,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        dropout=dropout,
        seed=seed,
    )
    _check_readable(*pictures)
    model = _load(painter, config, revision, device, dtype, save_memory)
    style_pictures = [_open(path, model) for path in pictures]
    word = learn_word(model, style_pictures, settings, resume=resume)
    first, best = word.info["curve"][0]["loss"], min(p["loss"] for p in word.info["curve"])
    stopped = "no more gain" if word.info["stopped"] == "plateau" else "all steps done"
    typer.echo(f"stopped after {word.info['steps']} steps: {stopped}")
    typer.echo(f"loss on fixed noise, lower is better: {first:.4f} -> {best:.4f}")
    typer.echo(word.save(out))


@app.command("learn-many")
def learn_many(
    folder: Annotated[Path, typer.Argument(help="Its pictures, each of a style of its own.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder for words and manifest.json.")
    ] = Path("words"),
    processes: Annotated[
        int | None, typer.Option(min=1, help="Workers. Default: one a GPU, else one.")
    ] = None,
    together: Annotated[
        int, typer.Option(min=1, help="Words that a worker learns in one batch.")
    ] = 4,
    kind: Kind = "pooled",
    vectors: Annotated[int, typer.Option(help="Vectors of a word.")] = 1,
    steps: LearningSteps = 200,
    batch: Annotated[int, typer.Option(help="Noisy copies of each picture a step.")] = 8,
    learning_rate: LearningRate = None,
    dropout: Dropout = 0.05,
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
    save_memory: SaveMemory = None,
    seed: Seed = 0,
) -> None:
    """Learn a word for each picture of a folder; run it again to go on where it stopped."""
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.many import ManyError, learn_folder

    settings = _checked(
        LearningSettings,
        kind=kind,
        vectors=vectors,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        dropout=dropout,
        seed=seed,
    )
    record = learn_folder(
        folder,
        out,
        painter,
        settings,
        together=together,
        processes=processes,
        config=config,
        revision=revision,
        device=device,
        dtype=dtype,
        savers=save_memory or (),
        report=typer.echo,
    )
    states = [picture["state"] for picture in record["pictures"].values()]
    typer.echo(f"{states.count('done')} of {len(states)} words are in {out}")
    if states.count("done") < len(states):
        raise ManyError(
            f"{states.count('failed')} pictures failed and {states.count('waiting')} are waiting: "
            f"{out / 'manifest.json'} says why; the same command tries them again"
        )


@app.command()
def transfer(
    contents: Annotated[list[Path], typer.Argument(help="The pictures to repaint.")],
    word: WordFile = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A picture; for several contents, a folder.")
    ] = Path("repainted.png"),
    strength: Strength = 0.8,
    guidance: Guidance = 2.0,
    steps: Steps = 20,
    inversion: Inversion = "stochastic",
    prompt: Prompt = "*",
    adain: Annotated[
        Path | None, typer.Option(help="Take the latent statistics of this style picture first.")
    ] = None,
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
    save_memory: SaveMemory = None,
    seed: Seed = 0,
) -> None:
    """Repaint pictures in a learned style. Without a word, --prompt says the style."""
    outs = _outs(contents, out)
    _check_prompt(prompt, word)
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
    new_word = _word(word)
    _check_readable(*contents, *([adain] if adain else []))
    model = _load(painter, config, revision, device, dtype, save_memory)
    pictures = [_open(path, model) for path in contents]
    reference = None if adain is None else _open(adain, model)
    with _bar(_length(model, settings), "repainting") as callback:
        results = repaint(model, pictures, new_word, settings, reference, callback)
    for result, path in zip(results, outs, strict=True):
        _save(result, path)


@app.command()
def draw(
    prompt: Annotated[str, typer.Argument(help='Text; "*" is where the word stands.')],
    word: WordFile = None,
    out: Out = Path("drawn.png"),
    guidance: Guidance = 3.0,
    steps: Steps = 20,
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
    seed: Seed = 0,
) -> None:
    """Draw a text, with a learned word in it or without."""
    _check_picture(out)
    _check_prompt(prompt, word)
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.style_transfer import draw as draw_picture

    TransferSettings(guidance=guidance, steps=steps, prompt=prompt, seed=seed)  # or its error
    new_word = _word(word)
    model = _load(painter, config, revision, device, dtype)
    with _bar(steps, "drawing") as callback:
        picture = draw_picture(
            model,
            prompt,
            new_word,
            guidance=guidance,
            steps=steps,
            seed=seed,
            callback=callback,
        )
    _save(picture, out)


@app.command()
def invert(
    content: Annotated[Path, typer.Argument(help="The picture to turn into noise and back.")],
    word: WordFile = None,
    out: Out = Path("inverted.png"),
    strength: Strength = 0.8,
    steps: Steps = 20,
    inversion: Inversion = "ddim",
    prompt: Prompt = "",
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
    seed: Seed = 0,
) -> None:
    """Turn a picture into noise and back with the same prompt, and say what was lost."""
    _check_picture(out)
    _check_prompt(prompt, word)
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
    new_word = _word(word)
    _check_readable(content)
    model = _load(painter, config, revision, device, dtype)
    picture = _open(content, model)
    content_pm1 = to_tensor(picture, device=model.device, dtype=model.dtype)
    with _bar(_length(model, settings), "inverting") as callback:
        back = repaint(model, content_pm1, new_word, settings, callback=callback)
    z0 = model.encode(content_pm1)
    error = ((back.latent - z0).norm() / z0.norm()).item()
    result = to_pictures(model.decode(back.latent))[0]
    _save(result, out)
    typer.echo(
        f"{inversion} at strength {strength}: {back.calls} network calls, "
        f"relative latent error {error:.2%}, edge distance {edge_distance(result, picture):.3f}"
    )


# -------------------------------------------------------------------------------- the world


@app.command()
def paint(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path(
        "painted"
    ),
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 1,
    style: Annotated[
        list[str] | None, typer.Option(help="A style by name; repeat for more. Default: photo.")
    ] = None,
    truths: Annotated[bool, typer.Option(help="Also paint in every held-out style.")] = False,
    subject: Annotated[str | None, typer.Option(help="house, cat, ... Default: any.")] = None,
    setting: Annotated[str | None, typer.Option(help="sea, city, ... Default: any.")] = None,
    light: Annotated[str | None, typer.Option(help="day, sunset, night. Default: any.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Scene i has seed + i.")] = 0,
    names: Annotated[
        bool, typer.Option("--list", help="Print what there is to choose from, and paint nothing.")
    ] = False,
) -> None:
    """Paint scenes of the little world, as photographs and in any style."""
    if names:
        return _print_lists(_world())
    _check_writable(out / "picture.png")
    from inst_tutorial.world import HELD_OUT, content_words
    from inst_tutorial.world import paint as paint_scene

    styles = [*(style or ["photo"]), *(HELD_OUT if truths else ())]
    painted_in = {name: _style(name) for name in styles}
    given = {"subject": subject, "setting": setting, "light": light}
    fixed = {name: value for name, value in given.items() if value is not None}
    for number in range(seed, seed + count):
        scene = _scene(number, fixed)
        typer.echo(content_words(scene))
        for name, chosen in painted_in.items():
            _save(paint_scene(scene, chosen), out / f"{number:04}-{scene.subject}-{name}.png")


def _world() -> dict[str, list[str]]:
    from inst_tutorial.world import HELD_OUT, LIGHTS, SETTINGS, STYLES, SUBJECTS

    return {
        "subjects": list(SUBJECTS),
        "settings": list(SETTINGS),
        "lights": list(LIGHTS),
        "styles of training, for --style": ["photo", *STYLES],
        "held-out styles, for --style": list(HELD_OUT),
    }


def _print_lists(lists: dict[str, list[str]]) -> None:
    for name, entries in lists.items():
        text = textwrap.fill(", ".join(entries), 79, initial_indent="  ", subsequent_indent="  ")
        typer.echo(f"{name} ({len(entries)}):\n{text}")


def _scene(seed: int, fixed: dict[str, str]) -> Scene:
    from inst_tutorial.world import Scene

    return _checked(Scene.sample, seed=seed, **fixed)


def _style(name: str) -> Any:
    from inst_tutorial.world import HELD_OUT, STYLES

    styles = {"photo": None, **STYLES, **HELD_OUT}
    if name not in styles:
        raise CommandError(f"unknown style {name!r}: choose one of {', '.join(styles)}")
    return styles[name]


# ---------------------------------------------------------------------------- the ecosystem


@app.command()
def export(
    word: Annotated[Path, typer.Argument(help="A word, as written by `inst learn`.")],
    out: Out = Path("embedding.safetensors"),
    kind: Annotated[
        Literal["diffusers", "a1111"], typer.Option(help="Whose textual-inversion format.")
    ] = "diffusers",
    token: Annotated[str, typer.Option(help="The token in prompts (diffusers).")] = "<inst>",
) -> None:
    """Write a word as textual inversion, for diffusers and Stable Diffusion interfaces."""
    _check_suffix(out, (".safetensors",))
    from inst_tutorial.words import Word

    typer.echo(Word.load(word).export(out, token=token, kind=kind))


@app.command()
def convert(
    embeddings: Annotated[Path, typer.Argument(help="InST's official embeddings.pt.")],
    style: Annotated[Path, typer.Option("--style", help="The picture that it was learned from.")],
    out: Out = Path("word.safetensors"),
    as_published: Annotated[
        bool, typer.Option(help="Show CLIP the picture as the official code does: almost black.")
    ] = True,
    painter: PainterName = "stable-diffusion-v1-5/stable-diffusion-v1-5",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
) -> None:
    """Turn a word of InST's official code into one of ours. Nothing in its file is run."""
    _check_suffix(out, (".safetensors",))
    from inst_tutorial.official import LIMITS, read_official
    from inst_tutorial.official import convert as convert_word

    read_official(embeddings)  # before the painter is loaded
    model = _load(painter, config, revision, device, "float32")
    word = convert_word(embeddings, model, _open(style, model), as_published=as_published)
    typer.echo(LIMITS)
    typer.echo(word.save(out))


@app.command()
def info(
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure its quality, too: minutes.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Measure with the model card's counts: much longer.")
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="List the words that the painter knows, by kind.")
    ] = False,
    word: WordFile = None,
    painter: PainterName = "paintbox",
    config: Config = None,
    revision: Revision = None,
    device: Device = None,
    dtype: Dtype = "float32",
) -> None:
    """Say what a painter is made of; with --word, how that word was learned."""
    if (learned := _word(word)) is not None:
        return _print_facts(_story(learned))
    model = _load(painter, config, revision, device, dtype)
    if words:
        return _print_lists(_vocabulary(model))
    _print_facts(_facts(model))
    if evaluate or full:
        from inst_tutorial.studies.evaluation import EvaluationSettings
        from inst_tutorial.studies.evaluation import evaluate as measure
        from inst_tutorial.studies.report import table

        settings = EvaluationSettings() if full else EvaluationSettings.quick()
        typer.echo(f"\n{table(measure(model, settings))}")


def _print_facts(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        typer.echo(f"{name:16} {value}")


def _story(word: Word) -> dict[str, Any]:
    """The size of a word, and how it came about if it was learned here."""
    count, width = word.vectors.shape
    facts = {"size": f"{count} x {width} numbers", **word.info}
    facts |= facts.pop("settings", {})
    curve = [point["loss"] for point in facts.pop("curve", [])]
    if curve:
        facts["loss"] = f"{curve[0]:.4f} -> {min(curve):.4f}"
    return {name: value for name, value in facts.items() if value is not None}


def _facts(model: Painter) -> dict[str, str]:
    channels, height, width = model.latent_shape
    facts = {
        "source": f"{model.source} (revision {model.revision or 'none'})",
        "picture": f"{model.picture_size} x {model.picture_size} pixels",
        "latent": f"{channels} channels of {height} x {width}",
        "text": f"{model.text_length} tokens of width {model.text_width}, "
        f"{len(model.tokenizer)} in the vocabulary",
        "timesteps": f"{model.schedule.train_steps}, {model.schedule.prediction_type} prediction",
        "runs on": f"{model.device}, {str(model.dtype).removeprefix('torch.')}",
    }
    parts = {"vae": model.vae, "text encoder": model.text_encoder, "unet": model.unet}
    for name, part in parts.items():
        count = sum(parameter.numel() for parameter in part.parameters())
        facts[name] = f"{type(part).__name__}, {count / 1e6:.2f} M parameters"
    return facts


def _vocabulary(model: Painter) -> dict[str, list[str]]:
    """The words of a painter that knows only some; others can spell any."""
    from inst_tutorial.world import LIGHTS, SETTINGS, SUBJECT_COLOURS, SUBJECTS, artists
    from inst_tutorial.world.colours import NAMED

    tokenizer = model.tokenizer
    if tokenizer.unk_token == tokenizer.eos_token:
        raise CommandError(
            f"{model.source} has no list of words: it spells any word with "
            f"{len(tokenizer)} pieces, and knows best what its training captions were about"
        )
    rest = {word for word in tokenizer.get_vocab() if word[0].isalnum()}
    lists = {
        "subjects": [*SUBJECTS],
        "settings": [phrase for phrase, *_ in SETTINGS.values()],
        "lights": [light.phrase for light in LIGHTS.values() if light.phrase],
        "colours": sorted(rest & {*NAMED, *SUBJECT_COLOURS}),
        "artists": sorted(rest & {*artists()}),
    }
    said = {word for phrases in lists.values() for phrase in phrases for word in phrase.split()}
    lists |= {"for styles and sentences": sorted(rest - said)}
    return {kind: some for kind, some in lists.items() if some}


@app.command()
def demo(
    out: Out = Path("demo.webp"),
    style: Annotated[str, typer.Option(help="A held-out style of the world.")] = "lagoon",
    steps: LearningSteps = 100,
    painter: PainterName = "paintbox",
    config: Config = None,
    device: Device = None,
    dtype: Dtype = "float32",
    seed: Seed = 0,
) -> None:
    """Learn a style from one picture, repaint three scenes, and compare with the truth.

    The word and the single pictures are kept in a folder beside the figure.
    """
    _check_picture(out)
    kept = out.with_suffix("")
    _check_writable(kept / "word.safetensors")
    from inst_tutorial.figures import save_figure
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.pictures import save_picture
    from inst_tutorial.studies.demo import run_demo
    from inst_tutorial.style_transfer import TransferSettings
    from inst_tutorial.world import HELD_OUT

    if style not in HELD_OUT:
        raise CommandError(f"unknown style {style!r}: choose one of {', '.join(HELD_OUT)}")
    learning = _checked(LearningSettings, steps=steps, seed=seed)
    model = _load(painter, config, None, device, dtype)
    result = run_demo(model, style, learning=learning, settings=TransferSettings(seed=seed))
    typer.echo(
        "distance to the truth in CIELAB units, mean of the scenes, lower is nearer; 'content'"
    )
    typer.echo("is the photograph as it was, numbers are strengths")
    for name, value in result.distances.items():
        typer.echo(f"  {name:24} {value:6.1f}")
    result.word.save(kept / "word.safetensors")
    for name, picture in result.pictures.items():
        save_picture(picture, kept / f"{name}.png")
    typer.echo(f"{kept}{os.sep} has the word and the single pictures")
    typer.echo(save_figure(result.figure, out))


# --------------------------------------------------------------------------------- the rest


def _checked(make: Callable[..., Made], **options: Any) -> Made:
    """make(**options), with a ValueError about the options turned into a line for the reader."""
    try:
        return make(**options)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _load(
    name: str,
    config: str | None,
    revision: str | None,
    device: str | None,
    dtype: str,
    savers: Sequence[str] | None = None,
) -> Painter:
    import torch

    from inst_tutorial.memory import save_memory
    from inst_tutorial.painter import Painter

    if device is not None:
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise CommandError(
                f"cannot use device {device!r}: {reason}. Without --device the best is taken "
                f"that this machine's torch can use"
            ) from error
    model = Painter.load(
        name, device=device, dtype=getattr(torch, dtype), revision=revision, config=config
    )
    return save_memory(model, savers or ())


def _open(path: Path, model: Painter) -> Image.Image:
    from inst_tutorial.pictures import open_picture

    return open_picture(path, model.picture_size)


def _word(path: Path | None) -> Word | None:
    from inst_tutorial.words import Word

    return None if path is None else Word.load(path)


def _save(picture: Image.Image, path: Path) -> None:
    from inst_tutorial.pictures import save_picture

    typer.echo(save_picture(picture, path))


def _check_suffix(path: Path, accepted: tuple[str, ...]) -> None:
    """Before the work, so that its result is not lost."""
    if path.suffix.lower() not in accepted:
        raise CommandError(f"cannot write {path}: its name must end in {' or '.join(accepted)}")
    _check_writable(path)


def _check_writable(path: Path) -> None:
    """A file can be made at `path`, with its folders: tried out in the nearest one that exists."""
    if path.is_dir():
        raise CommandError(f"cannot write {path}: it is a folder")
    there = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = "it is a file" if there.is_file() else error.strerror or error
        raise CommandError(f"cannot write {path}: {there}: {reason}") from error


def _check_no_folder(pictures: list[Path]) -> None:
    for path in pictures:
        if path.is_dir():
            raise CommandError(
                f"{path} is a folder: `inst learn-many {path}` learns a word for each of its "
                f"pictures, and `inst learn {path}/*` one word of them all"
            )


def _check_readable(*pictures: Path) -> None:
    """Before the painter is loaded, which may take long."""
    from inst_tutorial.pictures import open_picture

    for path in pictures:
        open_picture(path, 8)


def _check_prompt(prompt: str, word: Path | None) -> None:
    """Before the painter is loaded: a word needs a place, and a place a word."""
    if word is None and "*" in prompt:
        raise CommandError(
            "'*' stands for a learned word: give --word FILE, or say the style yourself, as in "
            "'an oil painting with long swirling strokes'"
        )
    if word is not None and "*" not in prompt:
        raise CommandError(
            f"the prompt {prompt!r} does not say where the new word stands: put '*' into it, as "
            f"in 'a house in the style of *'"
        )


def _check_picture(path: Path) -> None:
    from inst_tutorial.pictures import SAVE_OPTIONS

    _check_suffix(path, tuple(SAVE_OPTIONS))


def _outs(contents: list[Path], out: Path) -> list[Path]:
    """Where the results go: one picture, or a numbered picture each in a folder."""
    if len(contents) == 1:
        _check_picture(out)
        return [out]
    from inst_tutorial.pictures import SAVE_OPTIONS

    folder = Path("repainted") if out == Path("repainted.png") else out
    if folder.suffix.lower() in SAVE_OPTIONS:
        raise CommandError(
            f"cannot write {len(contents)} pictures to {out}: with several contents --out is a "
            f"folder; leave out {out.suffix}"
        )
    _check_writable(folder / "picture.png")
    return [folder / f"{i:02}-{content.stem}.png" for i, content in enumerate(contents)]


def _length(model: Painter, settings: TransferSettings) -> int:
    """Denoising steps of a transfer."""
    from inst_tutorial.schedule import start_index

    return settings.steps - start_index(model.schedule, settings.steps, settings.strength)


@contextmanager
def _bar(total: int, doing: str) -> Iterator[Callable[..., None]]:
    """A progress bar, moved on by a sampling callback; none for an error at the beginning."""
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=doing, delay=0.5) as bar:
        yield lambda *seen: bar.update()


def main() -> None:
    """Entry point of the `inst` command.

    Waiting threads sleep instead of spinning: beside another busy program that is ten times
    faster. OpenMP reads the setting when torch is imported, which is after this.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()


if __name__ == "__main__":
    main()
