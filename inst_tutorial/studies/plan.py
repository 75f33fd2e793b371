"""How much the experiments measure: styles, contents, seeds and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from inst_tutorial.learning import LearningSettings
from inst_tutorial.studies.methods import EVALUATIONS, LEARNERS, LEARNING, SAMPLING
from inst_tutorial.style_transfer import TransferSettings
from inst_tutorial.world import HELD_OUT, Scene
from inst_tutorial.world.seeds import BOOK

#: Each is repainted in every style. No other part of the project looks at these scenes.
CONTENTS = (
    Scene("lighthouse", "sea", light="sunset", seed=BOOK[1]),
    Scene("cat", "meadow", colour="orange", trim="brown", seed=BOOK[2]),
    Scene("windmill", "mountains", colour="green", trim="yellow", seed=BOOK[3]),
    Scene("castle", "snow", light="night", colour="purple", trim="pink", seed=BOOK[4]),
    Scene("rocket", "desert", colour="red", trim="blue", seed=BOOK[5]),
    Scene("owl", "city", light="night", colour="brown", trim="yellow", seed=BOOK[6]),
    Scene("balloon", "sea", colour="yellow", trim="blue", seed=BOOK[7]),
    Scene("mushroom", "meadow", light="sunset", colour="red", trim="yellow", seed=BOOK[8]),
)

#: Seed s learns its words from scene s, painted in the style.
STYLE_SCENES = (
    Scene("house", "meadow", colour="blue", trim="red", seed=BOOK[11]),
    Scene("sailboat", "sea", colour="red", trim="yellow", seed=BOOK[12]),
    Scene("tree", "mountains", light="sunset", colour="green", seed=BOOK[13]),
)


@dataclass(frozen=True)
class Plan:
    """How much is measured; the defaults are the full counts, with words of full length.

    Styles are the first of the gallery of held-out ones, contents and seeds the first of CONTENTS
    and STYLE_SCENES. `steps`, `batch` and `pairs` (of an evaluation) are the learners'.
    """

    styles: int = len(HELD_OUT)
    contents: int = len(CONTENTS)
    seeds: int = len(STYLE_SCENES)
    steps: int = LEARNING.steps
    batch: int = LEARNING.batch
    pairs: int = LEARNING.pairs
    sampling: TransferSettings = SAMPLING

    def __post_init__(self) -> None:
        limits = {"styles": HELD_OUT, "contents": CONTENTS, "seeds": STYLE_SCENES}
        for name, most in limits.items():
            if not 1 <= getattr(self, name) <= len(most):
                raise ValueError(f"{name} must be 1 to {len(most)}, got {getattr(self, name)}")
        self.learner("InST", 0)  # refuses an invalid number of steps, batch or pairs

    @classmethod
    def quick(cls) -> Plan:
        """Two styles, two contents, a seed, few steps: to see that everything runs."""
        sampling = replace(SAMPLING, steps=4)
        return cls(styles=2, contents=2, seeds=1, steps=5, batch=2, pairs=2, sampling=sampling)

    @classmethod
    def stored(cls, about: Mapping[str, Any]) -> Plan:
        """The plan in `Results.about`."""
        return cls(**{**about, "sampling": TransferSettings(**about["sampling"])})

    @property
    def cases(self) -> list[tuple[str, int]]:
        """(style, seed) of every case, all styles with one seed before the next seed: however many
        are finished, no style is far ahead of another."""
        return [(style, s) for s in range(self.seeds) for style in list(HELD_OUT)[: self.styles]]

    def learner(self, name: str, seed: int) -> LearningSettings:
        """The learner of that name, with this plan's steps, batch and pairs."""
        return replace(
            LEARNERS[name],
            steps=self.steps,
            batch=self.batch,
            pairs=self.pairs,
            evaluate_every=max(1, self.steps // EVALUATIONS),
            seed=seed,
        )
