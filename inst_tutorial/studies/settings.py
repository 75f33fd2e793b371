"""How much the evaluation measures."""

from __future__ import annotations

from dataclasses import dataclass, field

from inst_tutorial.learning import LearningSettings
from inst_tutorial.style_transfer import DRAWING, TransferSettings
from inst_tutorial.world import HELD_OUT


@dataclass(frozen=True)
class EvaluationSettings:
    """How many of each are measured; the defaults are the model card's.

    Attributes:
        scenes: contents in each held-out style, for the autoencoder and for transfers.
        styles: held-out styles that are learned, the first of the gallery.
        captions: pictures whose captions CLIP finds among `choices`.
        samples: pictures drawn, unchosen, for their subjects.
        pictures: paintings whose loss is measured with right and wrong captions.
        pairs: timesteps and noises for each of them.
        drawing: guidance of pictures drawn from captions, that of `draw`.

    Raises:
        ValueError: a count is too small, there are more styles than held-out ones, or captions
            do not come in whole groups of choices.
    """

    scenes: int = 8
    styles: int = len(HELD_OUT)
    captions: int = 1000
    choices: int = 100
    samples: int = 200
    pictures: int = 256
    pairs: int = 8
    drawing: float = DRAWING
    learning: LearningSettings = field(default_factory=LearningSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)

    def __post_init__(self) -> None:
        for name in ("scenes", "styles", "captions", "choices", "samples", "pictures", "pairs"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be 2 or more, got {getattr(self, name)}")
        if self.styles > len(HELD_OUT):
            raise ValueError(f"styles must be at most {len(HELD_OUT)}, got {self.styles}")
        if self.captions % self.choices:
            raise ValueError(
                f"captions come in groups of {self.choices} choices, got {self.captions}"
            )

    @classmethod
    def quick(cls) -> EvaluationSettings:
        """Counts for a few minutes on two cores; words are learned in less time, too."""
        learning = LearningSettings(steps=100, batch=4, evaluate_every=50)
        return cls(
            scenes=4, styles=8, captions=300, samples=96, pictures=64, pairs=6, learning=learning
        )
