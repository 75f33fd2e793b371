"""Learning that goes on one step at a time, as a stopwatch needs it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL.Image import Image
from torch import Tensor

from inst_tutorial.learning import (
    Learner,
    LearningSettings,
    WordGradient,
    learning_step,
    word_gradient,
)
from inst_tutorial.painter import Painter


class StepwiseLearning:
    """The loop of `learn_many` for one picture a style, without evaluations between the steps."""

    def __init__(
        self,
        painter: Painter,
        pictures: Sequence[Image],
        settings: LearningSettings,
        gradient: WordGradient = word_gradient,
    ) -> None:
        self.painter, self.gradient = painter, gradient
        self.learners = [Learner(painter, [picture], settings) for picture in pictures]
        self.tokens = painter.tokenize(settings.prompts, settings.vectors)

    def step(self) -> None:
        """One gradient step of every style."""
        learning_step(self.painter, self.learners, self.tokens, self.gradient)

    def vector(self) -> Tensor:
        """The first style's word now, (k, d)."""
        return self.learners[0].vectors()
