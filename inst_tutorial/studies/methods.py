"""What the experiments compare: ways to learn a word, and ways to repaint a content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from inst_tutorial.learning import LearningSettings
from inst_tutorial.style_transfer import TransferSettings

SAMPLING = TransferSettings(steps=8)  # seeds are the case's
LEARNING = LearningSettings(steps=40, batch=4, evaluate_every=10, pairs=8, patience=1_000)
BOTH_ENDS = LEARNING.steps  # evaluate_every where only the first and the last loss are shown


@dataclass(frozen=True)
class Method:
    """A way to repaint a content: what it is, and what it is made of.

    learner: a name of LEARNERS, or "" for no word. prompt: "*" is the word and "{style}" the
    best caption that the world has for the style. strengths: where it is measured.
    """

    about: str
    learner: str = ""
    prompt: str = "*"
    inversion: str = "stochastic"
    adain: bool = False
    strengths: tuple[float, ...] = (SAMPLING.strength,)


#: How words are learned. All share the batch, the number of steps and the random pairs.
LEARNERS: Mapping[str, LearningSettings] = MappingProxyType(
    {
        "free": replace(LEARNING, kind="free"),
        "attention": LEARNING,
        "patches": replace(LEARNING, kind="patches"),
        "dropout 0": replace(LEARNING, dropout=0.0, evaluate_every=BOTH_ENDS),
        "dropout 0.5": replace(LEARNING, dropout=0.5, evaluate_every=BOTH_ENDS),
    }
)

SWEEP = (0.5, SAMPLING.strength, 0.95)

#: The rows of the table that are painted by the diffusion model.
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "img2img": Method("random noise, empty prompt", prompt="", inversion="noise"),
        "caption, img2img": Method(
            "random noise, the best caption of the style as the prompt",
            prompt="{style}",
            inversion="noise",
            strengths=SWEEP,
        ),
        "caption, stochastic": Method(
            "stochastic inversion, the best caption as the prompt", prompt="{style}"
        ),
        "InST": Method(
            "stochastic inversion, the word of the attention embedder as published (dropout 0.05)",
            "attention",
            strengths=SWEEP,
        ),
        "without attention": Method("the same with a free vector (textual inversion)", "free"),
        "patches": Method("the same; the embedder also sees CLIP's patch tokens", "patches"),
        "dropout 0": Method("as InST, learned without dropout", "dropout 0"),
        "dropout 0.5": Method("as InST, learned with ten times the dropout", "dropout 0.5"),
        "noise": Method(
            "the word of InST, random noise in place of the inversion",
            "attention",
            inversion="noise",
            strengths=SWEEP,
        ),
        "DDIM": Method(
            "the word of InST, DDIM inversion", "attention", inversion="ddim", strengths=SWEEP
        ),
        "official levels": Method(
            "as InST, noised and denoised at the two levels of the official code",
            "attention",
            inversion="official",
        ),
        "InST + AdaIN": Method(
            "as InST, from a content latent with the style latent's statistics",
            "attention",
            adain=True,
        ),
    }
)

#: The rows that need no diffusion: copies that a method has to beat, and bounds that none can pass.
COPIES: Mapping[str, str] = MappingProxyType(
    {
        "content": "the content picture itself",
        "style picture": "the style picture itself",
        "recoloured content": "the content in the style's true palette, without its technique",
        "AdaIN": "the content latent with the style latent's statistics, decoded",
        "truth, other strokes": "the truth painted again with other strokes",
        "truth, round trip": "the truth, encoded and decoded by the painter",
    }
)

#: What is drawn from noise, with the content's own words in the prompt.
DRAWINGS: Mapping[str, Method] = MappingProxyType(
    {
        "caption": Method("the content's words and the best caption", prompt="{style}"),
        "free": Method("the content's words and the free vector", "free"),
        "InST": Method("the content's words and the attention embedder's word", "attention"),
    }
)
