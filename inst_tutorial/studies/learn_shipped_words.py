"""Learn the words that come with Paintbox: `python -m inst_tutorial.studies.learn_shipped_words`.

Every held-out style is learned from the same house, with the default settings and one seed: `inst
learn` makes the same words. Nothing is chosen by how a result looks; the settings were chosen on
styles of the training continuum. Each word is saved as soon as it is learned. Run again, the
command learns only what is missing, or what was learned with other weights or settings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from inst_tutorial.learning import Evaluation, LearningSettings, learn
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import WORDS
from inst_tutorial.studies.demo import SCENES, STYLE_SCENE
from inst_tutorial.studies.trial import Trial
from inst_tutorial.wording import counted
from inst_tutorial.words import Word, WordError
from inst_tutorial.world import HELD_OUT

NEVER = 1_000_000  # evaluations without progress before learning stops


@dataclass(frozen=True)
class ShippedSettings:
    """What is learned, and how.

    Attributes:
        styles: held-out styles that get a word.
        learning: how it is learned.
        series_style: the style of which a free vector is kept on the way, too.
        series_steps: after how many steps.
        series: how that vector is learned, for the last of these steps.
    """

    styles: Sequence[str] = tuple(HELD_OUT)
    learning: LearningSettings = field(default_factory=LearningSettings)
    series_style: str = "lagoon"
    series_steps: Sequence[int] = (0, 50, 200, 1000)
    series: LearningSettings = field(
        default_factory=lambda: LearningSettings(
            kind="free", batch=4, evaluate_every=10, patience=NEVER
        )
    )


def learn_missing(painter: Painter, folder: Path, settings: ShippedSettings) -> list[Path]:
    """Learn the words that `folder` lacks, and say which were learned."""
    learned = []
    style, steps = settings.series_style, settings.series_steps
    long = replace(settings.series, steps=max(steps))
    paths = {step: folder / style / f"{step:04}.safetensors" for step in steps}
    if not all(is_made(path, painter, style, long) for path in paths.values()):
        for step, word in learn_series(painter, style, long, steps).items():
            learned.append(word.save(paths[step]))
            typer.echo(paths[step])
    for style in settings.styles:
        path = folder / f"{style}.safetensors"
        if not is_made(path, painter, style, settings.learning):
            learned.append(learn_word(painter, style, settings.learning).save(path))
            typer.echo(path)
    return learned


def is_made(path: Path, painter: Painter, style: str, settings: LearningSettings) -> bool:
    """Whether a word is there that was learned with these weights and these settings."""
    try:
        return provenance(painter, style, settings).items() <= Word.load(path).info.items()
    except WordError:
        return False


def provenance(painter: Painter, style: str, settings: LearningSettings) -> dict[str, Any]:
    """What a word's file says about where it comes from, beside its curve."""
    said = {
        "fingerprint": painter.fingerprint(),
        "style": style,
        "style_picture": asdict(STYLE_SCENE),
        "settings": settings.record(),
    }
    return dict(json.loads(json.dumps(said)))  # as it comes back from the file


def learn_word(painter: Painter, style: str, settings: LearningSettings) -> Word:
    """The word of a held-out style, learned from a picture of a house."""
    picture = Trial(painter, HELD_OUT[style], STYLE_SCENE, ()).style_picture
    word = learn(painter, picture, settings, progress=False)
    return Word(word.vectors, {**word.info, **provenance(painter, style, settings)})


def learn_series(
    painter: Painter, style: str, settings: LearningSettings, steps: Sequence[int]
) -> dict[int, Word]:
    """The vectors after some of the steps, and the loss up to there, also on other content."""
    trial = Trial(painter, HELD_OUT[style], STYLE_SCENE, SCENES)
    seen: list[Evaluation] = []
    picture = trial.style_picture
    learn(painter, picture, settings, others=trial.truths, progress=False, callback=seen.append)
    about = provenance(painter, style, settings)
    curve = [{"step": e.step, "loss": e.loss, "others": e.others} for e in seen]
    return {
        e.step: Word(e.vectors, {**about, "steps": e.step, "curve": curve[: i + 1]})
        for i, e in enumerate(seen)
        if e.step in steps
    }


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The folder for the words.")] = WORDS,
) -> None:
    """Learn the words that come with Paintbox, on one core: about 20 minutes."""
    torch.set_num_threads(1)
    learned = learn_missing(Painter.load("paintbox", device="cpu"), out, ShippedSettings())
    typer.echo(f"Learned: {counted(len(learned), 'word')}. The others were there.")


if __name__ == "__main__":
    app()
