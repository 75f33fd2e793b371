"""The parts of a painter that stages hand on: tokenizer, autoencoder, towers, UNet.

A part is in the work folder when its stage is finished. Before, it is that of the painter to go on
from, if there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from inst_tutorial.pretraining import assembly, processes
from inst_tutorial.pretraining.data.tokenizer import add as add_names
from inst_tutorial.pretraining.data.tokenizer import build as build_tokenizer
from inst_tutorial.pretraining.networks import clip
from inst_tutorial.pretraining.settings import TrainingError
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.world import artists, sample_caption

VOCABULARY_CAPTIONS = 2048  # captions that have every word


def tokenizer(run: PretrainingRun) -> Any:
    """The tokenizer of the work folder, or of the painter to go on from, or a new one."""
    from transformers import CLIPTokenizer

    folder = run.work / "tokenizer"
    if folder.exists():
        return CLIPTokenizer.from_pretrained(folder)
    if run.start is not None:
        tokens = CLIPTokenizer.from_pretrained(run.start / "tokenizer")
    else:
        captions = (sample_caption(seed) for seed in range(VOCABULARY_CAPTIONS))
        tokens = build_tokenizer(captions, run.recipe.clip.text_length)
    add_names(tokens, artists())
    keep(tokens, folder)
    return tokens


def finished(run: PretrainingRun, name: str) -> Any:
    """A finished part, "vae", "text" or "clip".

    Raises TrainingError, with the stage to do first, if no such part has the recipe's size.
    """
    from diffusers import AutoencoderKL
    from transformers import CLIPModel

    folder = run.work / name
    if folder.exists():
        kind: Any = AutoencoderKL if name == "vae" else CLIPModel
        return kind.from_pretrained(folder).eval()
    part, channels = earlier(run, name), run.recipe.autoencoder.latent_channels
    if part is None or (name == "vae" and part.config.latent_channels != channels):
        stage = "autoencoder" if name == "vae" else name
        raise TrainingError(f"no {name} in {run.work}: do the stage {stage!r} first")
    return part.eval()


def earlier(run: PretrainingRun, name: str) -> Any | None:
    """A part of the painter to go on from, "vae", "unet", "text" or "clip", in single precision;
    None without such a painter."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    if run.start is None:
        return None
    if name in ("text", "clip"):
        return clip.with_room(assembly.load_clip(run.start), len(tokenizer(run)))
    kind = AutoencoderKL if name == "vae" else UNet2DConditionModel
    return kind.from_pretrained(run.start / name, torch_dtype=torch.float32)


def keep(part: Any, folder: Path) -> None:
    """Save a finished part, whole or not at all. The first process does it."""
    if processes.rank() > 0:
        return
    with assembly.swapped(folder) as temporary:
        part.save_pretrained(temporary)
