"""Captions with hard negatives: two that belong together, and two that are nearly right."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from inst_tutorial.world import LIGHTS, SETTINGS, SUBJECTS, Scene, full_caption
from inst_tutorial.world.examples import sample_example
from inst_tutorial.world.named_styles import sample_style
from inst_tutorial.world.scene import SUBJECT_COLOURS
from inst_tutorial.world.seeds import HARD_NEGATIVES

PARTS = {
    "subject": list(SUBJECTS),
    "setting": list(SETTINGS),
    "light": list(LIGHTS),
    "colour": list(SUBJECT_COLOURS),
}

HardNegative = tuple[str, str, str, str]


def hard_negative(seed: int) -> HardNegative:
    """A training caption; the full caption of the same picture; the full caption with one part
    of the content wrong; and with another style."""
    scene, style, said = sample_example(seed)
    rng = np.random.default_rng([seed, 1])
    wrong, other = _with_one_part_wrong(scene, rng), sample_style(rng)
    return said, full_caption(scene, style), full_caption(wrong, style), full_caption(scene, other)


def _with_one_part_wrong(scene: Scene, rng: np.random.Generator) -> Scene:
    part = str(rng.choice(list(PARTS)))
    others = [name for name in PARTS[part] if name != getattr(scene, part)]
    wrong: dict[str, Any] = {part: str(rng.choice(others))}
    return replace(scene, **wrong)


def hard_negatives(count: int, *, workers: int, progress: bool = True) -> list[HardNegative]:
    """Captions with their hard negatives, of `count` seeds, made by `workers` processes."""
    context = multiprocessing.get_context("spawn")
    seeds = HARD_NEGATIVES[:count]
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        negatives = executor.map(hard_negative, seeds, chunksize=64)
        return list(tqdm(negatives, total=count, desc="captions", disable=not progress))
