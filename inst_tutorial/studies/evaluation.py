"""How good is Paintbox? Every claim of its model card, measured on what it has never seen.

Scenes have seeds apart from those of training, styles to be learned are the held-out ones, and
nothing is chosen by hand. `inst info --evaluate` prints the table; the full counts are those of
the model card.
"""

from __future__ import annotations

from inst_tutorial.folders import folder_of
from inst_tutorial.painter import Painter
from inst_tutorial.studies.judge import Judge
from inst_tutorial.studies.painter_quality import (
    autoencoder_rows,
    caption_row,
    size_row,
    subject_rows,
    wrong_word_rows,
)
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.studies.statistics import Measurement
from inst_tutorial.studies.transfer_quality import transfer_rows
from inst_tutorial.studies.transfers import transfers


def evaluate(
    painter: Painter, settings: EvaluationSettings | None = None, progress: bool = True
) -> list[Measurement]:
    """Measure Paintbox, or another painter of `inst_tutorial.pretraining`, against its bars.

    Raises EvaluationError for a painter without CLIP's text projection.
    """
    settings = settings or EvaluationSettings()
    judge = Judge.load(painter)
    return [
        *autoencoder_rows(painter, settings, progress),
        caption_row(judge, settings, progress),
        *subject_rows(judge, settings, progress),
        *wrong_word_rows(painter, settings, progress),
        *transfer_rows(list(transfers(painter, settings, progress))),
        size_row(folder_of(painter.source)),
    ]
