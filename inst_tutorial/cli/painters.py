"""The command `info`: what a painter is made of, which words it knows, how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inst_tutorial.cli.checks import read_word
from inst_tutorial.cli.errors import CommandError
from inst_tutorial.cli.options import PainterOptions, WordFile
from inst_tutorial.cli.output import print_facts, print_lists

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter
    from inst_tutorial.words import Word

LONGEST = 300  # characters of a fact about a word, which anybody may have written into its file


def info(
    *,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure its quality, too: some minutes.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Measure with the sample sizes of the model card: much longer."
        ),
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="List the words that the painter knows, by kind.")
    ] = False,
    word: WordFile = None,
    painter: PainterOptions,
) -> None:
    """Describe a painter; with --word, describe a learned word instead.

    Examples:
    - `inst info`
    - `inst info --words`
    - `inst info --word word.safetensors`
    - `inst info --word lagoon`
    - `inst info --painter stable-diffusion-v1-5/stable-diffusion-v1-5`
    """
    if word is not None:
        if evaluate or full or words:
            raise CommandError(
                "--word describes a word; leave out --words, --evaluate and --full, which are "
                "about painters"
            )
        return print_facts(_story(read_word(word)))
    model = painter.load()
    if words:
        return print_lists(_vocabulary(model))
    print_facts(_facts(model))
    if evaluate or full:
        from inst_tutorial.studies.evaluation import evaluate as measure
        from inst_tutorial.studies.report import table
        from inst_tutorial.studies.settings import EvaluationSettings

        settings = EvaluationSettings() if full else EvaluationSettings.quick()
        typer.echo(f"\n{table(measure(model, settings))}")


def _story(word: Word) -> dict[str, str]:
    """The size of a word, and how it was learned as far as that is known."""
    count, width = word.vectors.shape
    told = dict(word.info)
    settings, curve = told.pop("settings", None), told.pop("curve", None)
    if isinstance(settings, dict):
        told |= settings
    try:
        losses = [float(point["loss"]) for point in curve or ()]
        told["loss"] = f"{losses[0]:.4f} -> {min(losses):.4f}"
    except (TypeError, KeyError, IndexError, ValueError):  # no curve, or a damaged one
        pass
    size = {"size": f"{count} x {width} numbers"}
    facts = size | told | size  # first, and as it is
    return {_line(name): _line(value) for name, value in facts.items() if value is not None}


def _line(value: object) -> str:
    """A value of any kind on one line, without what moves a console's cursor."""
    text = " ".join(str(value).split())
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST])
    return shown if len(text) <= LONGEST else f"{shown} ..."


def _facts(painter: Painter) -> dict[str, str]:
    """Sizes, schedule and parts of a painter."""
    channels, height, width = painter.latent_shape
    facts = {
        "source": f"{painter.source} (revision {painter.revision or 'none'})",
        "picture": f"{painter.picture_size} x {painter.picture_size} pixels",
        "latent": f"{channels} channels of {height} x {width}",
        "text": f"{painter.text_length} tokens of width {painter.text_width}, "
        f"{len(painter.tokenizer)} in the vocabulary",
        "timesteps": f"{painter.schedule.train_steps}, "
        f"{painter.schedule.prediction_type} prediction",
        "runs on": f"{painter.device}, {str(painter.dtype).removeprefix('torch.')}",
    }
    parts = {"vae": painter.vae, "text encoder": painter.text_encoder, "unet": painter.unet}
    for name, part in parts.items():
        count = sum(parameter.numel() for parameter in part.parameters())
        facts[name] = f"{type(part).__name__}, {count / 1e6:.2f} M parameters"
    return facts


def _vocabulary(painter: Painter) -> dict[str, list[str]]:
    """The words of a painter with a closed vocabulary. Others can spell any word."""
    from inst_tutorial.shipped_words import shipped_names
    from inst_tutorial.world import LIGHTS, SETTINGS, SUBJECT_COLOURS, SUBJECTS, artists
    from inst_tutorial.world.colours import NAMED

    tokenizer = painter.tokenizer
    if tokenizer.unk_token == tokenizer.eos_token:
        raise CommandError(
            f"{painter.source} has no list of words: it spells any word with "
            f"{len(tokenizer)} pieces, and understands best the words of its training captions"
        )
    known = {word for word in tokenizer.get_vocab() if word[0].isalnum()}
    lists = {
        "subjects": [*SUBJECTS],
        "settings": [phrase for phrase, *_ in SETTINGS.values()],
        "lights": [light.phrase for light in LIGHTS.values() if light.phrase],
        "colours": sorted(known & {*NAMED, *SUBJECT_COLOURS}),
        "artists": sorted(known & {*artists()}),
    }
    listed = {word for phrases in lists.values() for phrase in phrases for word in phrase.split()}
    lists |= {"for styles and sentences": sorted(known - listed)}
    if painter.source == "paintbox":
        lists |= {"learned words, for --word": [*shipped_names()]}
    return {kind: entries for kind, entries in lists.items() if entries}
