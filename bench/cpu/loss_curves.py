"""How soon our word is as good as that of diffusers' script: the loss along both ways."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from bench.cpu.course import Course
from bench.cpu.workload import NOT_MEASURED, Result, style_pictures
from inst_tutorial.learning import EvaluationPairs, LearningSettings, evaluate_loss
from inst_tutorial.painter import Painter

PROMPTS = ("*", "a painting in the style of *")  # ours, and one of the script's own
EVERY = 5  # steps from one loss to the next

Curve = dict[int, float]


def until_the_final_loss(painter: Painter, ours: Course, theirs: Course | None) -> Result:
    """Losses on fixed pairs along the way; when we are as good as the script is at its best."""
    generator = torch.Generator().manual_seed(0)
    pairs = EvaluationPairs.draw(painter, style_pictures(1), LearningSettings().pairs, generator)
    curves = {
        "ours": losses(painter, pairs, ours.words),
        "script": losses(painter, pairs, theirs.words if theirs else []),
    }
    result: Result = {"loss after steps": curves}
    if theirs is None:
        return {**result, "script": NOT_MEASURED}
    seconds = [statistics.median(one.seconds) for one in (ours, theirs)]
    return {**result, **race(curves["ours"], curves["script"], *seconds)}


def losses(painter: Painter, pairs: EvaluationPairs, words: Sequence[Tensor]) -> Curve:
    """The loss after every fifth step, in the better of both prompts."""

    def loss(vector: Tensor) -> float:
        with torch.no_grad():
            contexts = [painter.embed(prompt, vector) for prompt in PROMPTS]
        return min(evaluate_loss(painter, pairs, context) for context in contexts)

    return {step: round(loss(words[step]), 5) for step in range(0, len(words), EVERY)}


def race(ours: Curve, theirs: Curve, our_seconds: float, their_seconds: float) -> Result:
    """How long each takes until the least loss of the script; seconds are those of a step."""
    target, end = min(theirs.values()), max(theirs)
    whole = end * their_seconds
    result: Result = {"target": target, "script": {"steps": end, "seconds": round(whole, 2)}}
    reached = [step for step, value in ours.items() if value <= target]
    if reached:
        mine = max(reached[0], 1) * our_seconds
        result["ours"] = {"steps": reached[0], "seconds": round(mine, 2)}
        result["times sooner"] = round(whole / mine, 1)
    return result
