"""What the experiments compare: ways to learn a word, and ways to repaint a content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from inst_tutorial.learning import LearningSettings
from inst_tutorial.style_transfer import TransferSettings

#: How all transfers sample, and how all words are learned: the defaults of the package. The seeds
#: are the case's. No plateau ends the learning, so that all curves have the same points.
SAMPLING = TransferSettings()
LEARNING = LearningSettings(patience=1_000)
EVALUATIONS = 10  # of a learning, evenly spaced, so that a fifth of the steps is one of them


@dataclass(frozen=True)
class Method:
    """A way to repaint a content: what it is, and what it is made of.

    learner: a name of LEARNERS, or "" for no word. prompt: "*" is the word and "{style}" the
    best caption that the world has for the style. strengths: where it is measured. from_truth: it
    starts from the truth in place of the content.
    """

    about: str
    learner: str = ""
    prompt: str = "*"
    inversion: str = "stochastic"
    adain: bool = False
    strengths: tuple[float, ...] = (SAMPLING.strength,)
    from_truth: bool = False


#: The free vector whose learning rate lets the word move as fast as InST's embedder moves it.
MATCHED = "free vector, matched rate"

#: How words are learned. All share the batch, the number of steps and the random pairs. The rate
#: of MATCHED depends on the style picture (`matched_rate`).
LEARNERS: Mapping[str, LearningSettings] = MappingProxyType(
    {
        "InST": LEARNING,
        "free vector": replace(LEARNING, kind="free"),
        MATCHED: replace(LEARNING, kind="free"),
        "no dropout": replace(LEARNING, dropout=0.0),
    }
)

SWEEP = (0.5, SAMPLING.strength, 0.95)

#: The rows of the table that are painted by the diffusion model.
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "InST": Method(
            "stochastic inversion, the word of the attention embedder as published (dropout 0.05)",
            "InST",
            strengths=SWEEP,
        ),
        "free vector": Method("as InST, with the word of a free vector", "free vector"),
        MATCHED: Method(
            "as InST, with the word of a free vector, learned at the matched rate", MATCHED
        ),
        "no dropout": Method("as InST, learned without dropout", "no dropout"),
        "best caption": Method(
            "as InST, with the best caption in place of the word", prompt="{style}"
        ),
        "plain noise": Method(
            "as InST, with plain noise in place of the inversion",
            "InST",
            inversion="noise",
            strengths=SWEEP,
        ),
        "caption, plain noise": Method(
            "the best caption and plain noise (img2img)",
            prompt="{style}",
            inversion="noise",
            strengths=SWEEP,
        ),
        "DDIM inversion": Method(
            "as InST, with DDIM inversion", "InST", inversion="ddim", strengths=SWEEP
        ),
        "InST + AdaIN": Method(
            "as InST, from a content latent with the style latent's statistics",
            "InST",
            adain=True,
        ),
        "walk from the truth": Method(
            "as InST, started from the truth in place of the content", "InST", from_truth=True
        ),
    }
)

#: The rows that need no diffusion: copies and rivals that a method has to beat, what words could
#: say at best, and bounds that none can pass.
COPIES: Mapping[str, str] = MappingProxyType(
    {
        "content": "the content picture itself",
        "style picture": "the style picture itself",
        "recoloured content": "the content in the style's true palette, without its technique",
        "colour transfer": "the content with the colour statistics of the style picture",
        "perfect reader": "what somebody paints who understands the best caption perfectly",
        "AdaIN": "the content latent with the style latent's statistics, decoded",
        "truth, other strokes": "the truth painted again with other strokes",
        "truth, round trip": "the truth, encoded and decoded by the painter",
    }
)

#: What is drawn from noise, with the content's own words in the prompt.
DRAWINGS: Mapping[str, Method] = MappingProxyType(
    {
        "best caption": Method("the content's words and the best caption", prompt="{style}"),
        "free vector": Method("the content's words and the free vector", "free vector"),
        "InST": Method("the content's words and the attention embedder's word", "InST"),
    }
)
