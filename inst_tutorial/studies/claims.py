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

    text: understood without the sentences before it, for tables are read a row at a time.
    gains: a number for each style, in `unit`; above zero it speaks for the claim.
    """

    text: str
    source: str
    unit: str
    gains: Callable[[Comparisons], Array]


CLAIMS = (
    # the word
    Claim(
        "With a learned word, results are nearer to the truth than with the best caption",
        PAPER,
        LAB,
        lambda m: m.gain("truth", "InST", "best caption"),
    ),
    Claim(
        "Drawn from noise, pictures with a learned word are nearer to the style (Gram) than with "
        "the best caption",
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
        "After a fifth of its steps, InST's embedder has passed the end of the free vector",
        AUTHORS,
        SAVED,
        lambda m: m.early("InST", "free vector"),
    ),
    Claim(
        "InST's embedder learns faster than a free vector, in seconds",
        READER,
        SAVED,
        lambda m: m.lead_in_seconds("InST", "free vector"),
    ),
    Claim(
        "InST's embedder learns faster than a free vector, on other content in the style",
        READER,
        SAVED,
        lambda m: m.lead("InST", "free vector", "others"),
    ),
    Claim(
        "InST's embedder learns faster than a free vector at the matched rate, in steps",
        READER,
        SAVED,
        lambda m: m.lead("InST", MATCHED),
    ),
    Claim(
        "InST's embedder learns faster than a free vector at the matched rate, in seconds",
        READER,
        SAVED,
        lambda m: m.lead_in_seconds("InST", MATCHED),
    ),
    Claim(
        "With the word of InST's embedder, results are nearer to the truth than with a free vector",
        PAPER,
        LAB,
        lambda m: m.gain("truth", "InST", "free vector"),
    ),
    Claim(
        "With the word of InST's embedder, results are nearer to the truth than with a free vector "
        "at the matched rate",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", MATCHED),
    ),
    Claim(
        "Dropout makes a learned word better on other content in the style",
        PAPER,
        SAVED,
        lambda m: m.at_the_end("InST", "no dropout", "others"),
    ),
    Claim(
        "Dropout lets fewer edges of the style picture leak into the results",
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
        "Stochastic inversion brings the result nearer to the truth than plain noise",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "plain noise"),
    ),
    Claim(
        "Stochastic inversion brings the result nearer to the truth than plain noise, each at its "
        "own best strength",
        READER,
        LAB,
        lambda m: m.gain_at_best("truth", "InST", "plain noise"),
    ),
    Claim(
        "Stochastic inversion takes more style (palette) than DDIM inversion",
        READER,
        LAB,
        lambda m: m.gain("palette", "InST", "DDIM inversion"),
    ),
    Claim(
        "Stochastic inversion brings the result nearer to the truth than DDIM inversion",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "DDIM inversion"),
    ),
    Claim(
        "AdaIN of the latents brings InST's result nearer to the truth",
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
        "InST is nearer to the truth than a colour transfer from the style picture",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "colour transfer"),
    ),
    Claim(
        "InST is nearer to the truth than a perfect reader of the best caption",
        READER,
        LAB,
        lambda m: m.gain("truth", "InST", "perfect reader"),
    ),
    Claim(
        "The strokes of InST are nearer to the true ones than no strokes (recoloured content)",
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
