"""What is measured on this machine, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from bench.diffusers_script import script_arguments
from bench.steps import StepwiseLearning
from bench.timing import Timer
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter
from inst_tutorial.world import HELD_OUT, Scene, paint

Result = dict[str, Any]
CONTENT = Scene("lighthouse", "sea", seed=5)
PROMPT = "an oil painting with long swirling strokes in navy and blue"
NOT_MEASURED = "not measured: name a checkout of diffusers with --diffusers"


@dataclass(frozen=True)
class CpuWorkload:
    """What all measurements of a run share.

    Attributes:
        painter: Paintbox on the CPU.
        timer: how seconds are counted.
        runs: how often a work is timed.
        steps: learning steps, ours and the script's.
        diffusers: a checkout of diffusers; None measures without its script.
    """

    painter: Painter
    timer: Timer
    runs: int
    steps: int
    diffusers: Path | None = None


def paintbox(dtype: torch.dtype = torch.float32) -> Painter:
    """Paintbox on the CPU, also where there is a GPU: all of `bench.cpu` is about the CPU."""
    return Painter.load("paintbox", device="cpu", dtype=dtype)


def style_pictures(count: int) -> list[Image]:
    """The benchmark's scene in the first `count` of the held-out styles."""
    return [paint(CONTENT, style) for style in list(HELD_OUT.values())[:count]]


def our_learning(painter: Painter, settings: LearningSettings, styles: int = 1) -> StepwiseLearning:
    """Our learning of the benchmark's first styles."""
    return StepwiseLearning(painter, style_pictures(styles), settings)


def their_arguments(folder: Path, settings: LearningSettings, steps: int) -> list[str]:
    """What diffusers' script is told, to learn the first style with Paintbox."""
    named = script_arguments(
        PAINTBOX,
        style_pictures(1)[0],
        folder,
        settings,
        max_train_steps=steps + 1,
        learning_rate=5e-4,
        lr_scheduler="constant",
        lr_warmup_steps=0,
    )
    return [*named, "--scale_lr"]
