"""How good are the parts of a painter? No word is learned here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Generator
from tqdm.auto import tqdm

from inst_tutorial.learning import EvaluationPairs, evaluate_loss
from inst_tutorial.metrics import truth_distance
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.studies.judge import Judge, top1
from inst_tutorial.studies.paintings import (
    Painting,
    distinct_captions,
    paintings_of,
    wrong_style,
    wrong_subject,
)
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.statistics import Measurement, mean, share
from inst_tutorial.studies.trial import batches
from inst_tutorial.style_transfer import draw_contexts
from inst_tutorial.world import HELD_OUT, Scene, full_caption, paint
from inst_tutorial.world.seeds import EVALUATION

Picture = Image.Image

# ------------------------------------------------------------------------ autoencoder


def autoencoder_rows(
    painter: Painter, settings: EvaluationSettings, progress: bool = True
) -> list[Measurement]:
    """What encoding and decoding cost: no transfer can come nearer to the truth."""
    scenes = [Scene.sample(seed) for seed in EVALUATION[: settings.scenes]]
    paintings = [(scene, style) for style in HELD_OUT.values() for scene in scenes]
    ratios, distances = [], []
    for batch in tqdm(list(batches(paintings)), desc="autoencoder", disable=not progress):
        truths = painted(painter, batch)
        decoded = to_pictures(painter.decode(painter.encode(to_tensor(truths))))
        ratios += [psnr(*pair) for pair in zip(truths, decoded, strict=True)]
        distances += [truth_distance(*pair) for pair in zip(truths, decoded, strict=True)]
    return [
        mean("Autoencoder PSNR over held-out styles", ratios, "dB", 27),
        mean("Truth distance of a truth and its round trip", distances, "CIELAB"),
    ]


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio of two pictures, in dB."""
    return float(peak_signal_noise_ratio(np.asarray(a), np.asarray(b)))


def painted(painter: Painter, paintings: Sequence[Painting]) -> list[Picture]:
    """The world's pictures at the painter's size."""
    return [paint(*painting, size=painter.picture_size) for painting in paintings]


# ------------------------------------------------------------------------------- CLIP


def caption_row(judge: Judge, settings: EvaluationSettings, progress: bool = True) -> Measurement:
    """Does CLIP find a picture's caption among others?"""
    paintings = distinct_captions(settings.captions, EVALUATION[0])
    seen = torch.cat(
        [
            judge.see(painted(judge.painter, batch))
            for batch in tqdm(list(batches(paintings)), desc="CLIP", disable=not progress)
        ]
    )
    read = judge.read([full_caption(*painting) for painting in paintings])
    found = top1(seen, read, settings.choices)
    return share(f"CLIP: picture to caption, top-1 of {settings.choices}", found, 60)


def subject_rows(
    judge: Judge, settings: EvaluationSettings, progress: bool = True
) -> list[Measurement]:
    """Are subjects recognised in pictures drawn from captions, and in the world's own?"""
    paintings = paintings_of(settings.samples, EVALUATION[0])
    names = [scene.subject for scene, _ in paintings]
    captions = [full_caption(*painting) for painting in paintings]
    drawn = judge.subjects(draw_captions(judge.painter, captions, settings, progress))
    real = judge.subjects(painted(judge.painter, paintings))
    return [
        share("Generated subject recognised by CLIP", _equal(drawn, names), 92),
        share("Subject of real renders recognised", _equal(real, names)),
    ]


def draw_captions(
    painter: Painter, captions: Sequence[str], settings: EvaluationSettings, progress: bool = True
) -> list[Picture]:
    """A picture of each caption from pure noise, with as many steps as a transfer."""
    generator = Generator().manual_seed(settings.transfer.seed)
    steps, guidance = settings.transfer.steps, settings.drawing
    drawn: list[Picture] = []
    for batch in tqdm(list(batches(captions)), desc="samples", disable=not progress):
        contexts = painter.embed(batch)
        drawn += draw_contexts(painter, contexts, generator, steps=steps, guidance=guidance)
    return drawn


def _equal(found: Sequence[str], expected: Sequence[str]) -> list[bool]:
    return [a == b for a, b in zip(found, expected, strict=True)]


# ------------------------------------------------------------------------ wrong words


def wrong_word_rows(
    painter: Painter, settings: EvaluationSettings, progress: bool = True
) -> list[Measurement]:
    """By how much does a wrong caption raise the loss, at the same noise?"""
    rng = np.random.default_rng(EVALUATION[0])
    paintings = paintings_of(settings.pictures, EVALUATION[0])
    losses = []
    for scene, style in tqdm(paintings, desc="captions", disable=not progress):
        captions = (
            full_caption(scene, style),
            full_caption(wrong_subject(scene, rng), style),
            full_caption(scene, wrong_style(style, rng)),
        )
        losses.append(caption_losses(painter, (scene, style), captions, settings.pairs))
    right, other_subject, other_style = np.array(losses).T  # (3, pictures)
    return [
        increase("Loss increase with wrong subject words", right, other_subject, 1.3),
        increase("Loss increase with wrong style words", right, other_style, 8),
    ]


def caption_losses(
    painter: Painter, painting: Painting, captions: Sequence[str], count: int
) -> list[float]:
    """The loss of a painting with each caption, at the same `count` timesteps and noises."""
    generator = Generator().manual_seed(painting[0].seed)
    pairs = EvaluationPairs.draw(painter, painted(painter, [painting]), count, generator)
    contexts = painter.embed(captions).split(1)  # (1, L, d) each
    return [evaluate_loss(painter, pairs, context) for context in contexts]


def increase(
    name: str, right: NDArray[np.float64], wrong: NDArray[np.float64], bar: float
) -> Measurement:
    """How much higher are losses (n,) with a wrong caption, in percent of the mean right one?"""
    return mean(name, 100 * (wrong - right) / right.mean(), "%", bar)


# ------------------------------------------------------------------------------- size


def size_row(folder: Path) -> Measurement:
    """All files of the painter, in megabytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    total = sum(sizes) / 1e6
    return Measurement("Size in the repository", total, len(sizes), total, total, 64, "MB", "<=")
