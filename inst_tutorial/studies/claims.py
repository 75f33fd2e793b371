"""The claims of the paper, and the questions that a reader asks beside them, each as a gain.

Every claim is listed once, with the measured gain that decides it: above zero speaks for the
claim. Book: chapter "The experiments".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inst_tutorial.studies.comparisons import Array, Comparisons
from inst_tutorial.studies.methods import MATCHED
from inst_tutorial.studies.report import gain_text
from inst_tutorial.studies.statistics import Verdict, verdict

PAPER = "paper"  # Zhang et al. 2023
AUTHORS = "authors"  # in github.com/zyxElsa/InST/issues/3
NOTEBOOK = "notebook"  # what the official notebook does by default
READER = "reader"  # asked by this book

SAVED = "% of the loss"
LAB = "CIELAB"


@dataclass(frozen=True)
class Claim:
    """A sentence that can be true or false, who says or asks it, and what decides it.

    gains: a number for each style, in `unit`; above zero it speaks for the claim.
    """

    text: str
    source: str
    unit: str
    gains: Callable[[Comparisons], Array]


CLAIMS = (
    # the word
    Claim(
        "A learned word is nearer to the truth than the best caption",
        PAPER,
        LAB,
        lambda m: m.gain("truth", "InST", "best caption"),
    ),
    Claim(
        "Drawn from noise, the word is nearer to the style (Gram) than the caption",
        READER,
        "% of the photograph",
        lambda m: m.drawn("Gram", "best caption") - m.drawn("Gram", "InST"),
    ),
    # the embedder
    Claim(
        "InST's embedder learns faster than a free vector, in steps",
        PAPER,
        SAVED,
        lambda m: m.lead("InST", "free vector"),
    ),
    Claim(
        "After a fifth of its steps it has passed the end of the free vector",
        AUTHORS,
        SAVED,
        lambda m: m.early("InST", "free vector"),
    ),
    Claim(
        "It learns faster in seconds",
        READER,
        SAVED,
        lambda m: m.lead_in_seconds("InST", "free vector"),
    ),
    Claim(
        "It learns faster on content that it never saw",
        READER,
        SAVED,
        lambda m: m.lead("InST", "free vector", "others"),
    ),
    Claim(
        "It learns faster than a free vector at the matched rate, in steps",
        READER,
        SAVED,
        lambda m: m.lead("InST", MATCHED),
    ),
    Claim(
        "It learns faster than a free vector at the matched rate, in seconds",
        READER,
        SAVED,
        lambda m: m.lead_in_seconds("InST", MATCHED),
    ),
    Claim(
        "Its word is nearer to the truth than a free vector's",
        PAPER,
        LAB,
        lambda m: m.gain("truth", "InST", "free vector"),
    ),
    Claim(
        "Its word is nearer to the truth than a free vector's at the matched rate",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", MATCHED),
    ),
    Claim(
        "Dropout makes the word better on content that it never saw",
        PAPER,
        SAVED,
        lambda m: m.at_the_end("InST", "no dropout", "others"),
    ),
    Claim(
        "Dropout lets less of the style picture's edges leak into the results",
        READER,
        "edges",
        lambda m: m.gain("leak", "InST", "no dropout"),
    ),
    # the inversion
    Claim(
        "Stochastic inversion keeps more content than plain noise",
        PAPER,
        "structure",
        lambda m: m.gain("structure", "InST", "plain noise"),
    ),
    Claim(
        "It brings the result nearer to the truth than plain noise",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "plain noise"),
    ),
    Claim(
        "The same, each at its own best strength",
        READER,
        LAB,
        lambda m: m.gain_at_best("truth", "InST", "plain noise"),
    ),
    Claim(
        "It takes more style (palette) than DDIM inversion",
        READER,
        LAB,
        lambda m: m.gain("palette", "InST", "DDIM inversion"),
    ),
    Claim(
        "It brings the result nearer to the truth than DDIM inversion",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "DDIM inversion"),
    ),
    Claim(
        "AdaIN of the latents brings the result nearer to the truth",
        NOTEBOOK,
        LAB,
        lambda m: m.gain("truth", "InST + AdaIN", "InST"),
    ),
    # the whole
    Claim(
        "InST is nearer to the truth than the content",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "content"),
    ),
    Claim(
        "InST is nearer to the truth than the style picture",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "style picture"),
    ),
    Claim(
        "InST is nearer to the truth than img2img with the best caption",
        PAPER,
        LAB,
        lambda m: m.gain("truth", "InST", "caption, plain noise"),
    ),
    Claim(
        "InST is nearer to the truth than the recoloured content",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "recoloured content"),
    ),
    Claim(
        "Its strokes are nearer to the true ones than no strokes at all (recoloured content)",
        READER,
        "dB",
        lambda m: m.gain("strokes", "InST", "recoloured content"),
    ),
)


@dataclass(frozen=True, eq=False)
class Finding:
    """A claim, and the gain of each style."""

    claim: Claim
    gains: Array

    @property
    def verdict(self) -> Verdict:
        """Whether the claim holds here."""
        return verdict(self.gains)

    def row(self) -> tuple[str, str, str, str, str]:
        """The cells of COLUMNS."""
        gain = f"{gain_text(self.gains)} {self.claim.unit}"
        styles = f"{(self.gains > 0).sum()} of {len(self.gains)}"
        return self.claim.text, self.verdict, gain, styles, self.claim.source


COLUMNS = ("Claim", "Holds here", "Gain and 95 % interval", "Styles for it", "Who")


def findings(measured: Comparisons) -> Iterator[Finding]:
    """What was measured about each of the CLAIMS, in their order."""
    for claim in CLAIMS:
        yield Finding(claim, claim.gains(measured))
