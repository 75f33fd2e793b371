"""The stages "text" and "clip": the text tower from captions, then the vision tower beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inst_tutorial.pretraining.data.hard_negatives import hard_negatives
from inst_tutorial.pretraining.networks import clip
from inst_tutorial.pretraining.stages import parts
from inst_tutorial.pretraining.stages.pictures import enough_pictures
from inst_tutorial.pretraining.stages.run import PretrainingRun

WATCHED = 128  # captions with hard negatives that watch the text tower


def fit_text(run: PretrainingRun) -> None:
    """Build the tokenizer, train the text tower, and put both into the work folder."""
    done = run.work / "text"
    if done.exists():
        return
    recipe, tokens = run.recipe, parts.tokenizer(run)
    model = parts.earlier(run, "text") or clip.build(
        recipe.clip, tokens, recipe.picture_size, recipe.seed + 1
    )
    training = run.training("text", clip.Describing(model), recipe.fit_text)
    watched, ids = np.split(_captions(run, tokens), [WATCHED])

    def validate(model: Any) -> dict[str, float]:
        return {"caption_accuracy": clip.caption_accuracy(model.clip, watched, training.device)}

    training.run(
        lambda training: clip.text_loss(training, ids), validate, lambda: len(ids), run.progress
    )
    parts.keep(training.average.clip, done)


def _captions(run: PretrainingRun, tokens: Any) -> NDArray[np.int64]:
    """Captions with hard negatives, as tokens: (n, 4, L)."""
    count, workers = run.recipe.clip.hard_negative_captions, run.recipe.pictures.worker_processes
    negatives = hard_negatives(count + WATCHED, workers=workers, progress=run.progress)
    return np.stack([clip.tokenize(tokens, captions) for captions in negatives])


def fit_clip(run: PretrainingRun) -> None:
    """Train the vision tower beside the text tower; put both into the work folder."""
    done = run.work / "clip"
    if done.exists():
        return
    settings, pool, tokens = run.recipe.clip, enough_pictures(run), parts.tokenizer(run)
    model = clip.Matching(parts.finished(run, "text"), settings)
    training = run.training("clip", model, run.recipe.fit_clip)
    towers = training.average.clip  # the text tower is locked: it is the same in both
    texts = clip.texts(towers, tokens, pool.texts(0), training.device)
    watched = run.validation_pool.pictures.view()
    answers = clip.texts(towers, tokens, run.validation_pool.texts(0), training.device)

    def grow() -> int:
        nonlocal texts
        if len(pool) > len(texts):
            texts = clip.texts(towers, tokens, pool.texts(0), training.device)
        return len(texts)

    training.run(
        lambda training: clip.loss(training, pool.pictures.view(), texts, settings),
        lambda model: clip.retrieval_accuracy(model.clip, watched, answers, training.device),
        grow,
        run.progress,
    )
    parts.keep(towers, done)
