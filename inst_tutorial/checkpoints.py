"""A painter's checkpoint: its parts, from a folder, a single file, the hub, or Paintbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inst_tutorial.configs import (
    WAY_OUT,
    AutoencoderSettings,
    PainterError,
    TransformerSettings,
    UNetSettings,
    read_json,
)
from inst_tutorial.folders import PARTS, find_folder, quiet, read_part, read_tokenizer
from inst_tutorial.hub import SUGGESTION
from inst_tutorial.noise_schedule import Schedule, ScheduleError
from inst_tutorial.single_file import PICKLES, read_single_file

if TYPE_CHECKING:  # for mypy, `from diffusers import` gives classes without methods
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The parts of a painter, on the CPU.

    tower: where a CLIP vision tower comes with them. revision: the hub's commit, if any.
    """

    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    unet: UNet2DConditionModel
    schedule: Schedule
    tower: Path | None = None
    revision: str | None = None


def read_checkpoint(
    source: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    revision: str | None = None,
    config: str | Path | None = None,
) -> Checkpoint:
    """The checkpoint at `source`, in the number format `dtype`; see `Painter.load`.

    Raises PainterError, also for models of this layout whose parts do not fit each other.
    """
    check_source(source, revision=revision, config=config)
    with quiet():
        if _is_single_file(source):
            checkpoint = _from_single_file(Path(source), config, dtype)
        else:
            checkpoint = _from_folder(*find_folder(source, revision, PARTS), dtype)
    _check_fit(checkpoint, source)
    return checkpoint


def check_source(
    source: str | Path, *, revision: str | None = None, config: str | Path | None = None
) -> None:
    """Raise PainterError for a revision or config that has no effect on this kind of source."""
    single_file = _is_single_file(source) or Path(source).suffix.lower() == ".safetensors"
    local = str(source) == "paintbox" or os.path.isdir(source) or single_file
    if revision is not None and local:
        raise PainterError(
            f"the revision {revision!r} has no effect: only hub ids such as {SUGGESTION!r} have "
            f"revisions, and {str(source)!r} is not a hub id. Leave it out"
        )
    if config is not None and not single_file:
        raise PainterError(
            f"the configuration {str(config)!r} has no effect: only a painter in one .safetensors "
            f"file needs it, and {str(source)!r} is not such a file. Leave it out"
        )


def _is_single_file(source: str | Path) -> bool:
    # os.path takes any name; Path.is_file raises OSError for one that is too long
    return os.path.isfile(source) or Path(source).suffix.lower() in PICKLES


def _from_single_file(path: Path, config: str | Path | None, dtype: torch.dtype) -> Checkpoint:
    parts = read_single_file(path, config, dtype)
    schedule = _schedule(parts.pop("scheduler").config, path)
    return Checkpoint(**parts, schedule=schedule)


def _from_folder(folder: Path, revision: str | None, dtype: torch.dtype) -> Checkpoint:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel

    scheduler = folder / "scheduler/scheduler_config.json"
    return Checkpoint(
        vae=read_part(AutoencoderKL, folder / "vae", AutoencoderSettings, torch_dtype=dtype),
        text_encoder=read_part(
            CLIPTextModel, folder / "text_encoder", TransformerSettings, dtype=dtype
        ),
        tokenizer=read_tokenizer(folder / "tokenizer"),
        unet=read_part(UNet2DConditionModel, folder / "unet", UNetSettings, torch_dtype=dtype),
        schedule=_schedule(read_json(scheduler), scheduler),
        tower=folder if (folder / "image_encoder").is_dir() else None,
        revision=revision,
    )


def _schedule(config: Mapping[str, Any], source: Path) -> Schedule:
    try:
        return Schedule.from_config(config)
    except ScheduleError as error:
        raise PainterError(f"{source}: {error}") from error


def _check_fit(checkpoint: Checkpoint, source: str | Path) -> None:
    """The parts must fit each other, which those of other models of this layout do not.

    Raises PainterError.
    """
    unet, vae = checkpoint.unet.config, checkpoint.vae.config
    reads = unet["in_channels"], unet["cross_attention_dim"]
    written = vae["latent_channels"], checkpoint.text_encoder.config.hidden_size
    if reads != written:
        raise PainterError(
            f"{source} is not a Stable Diffusion 1.x or 2.x that draws from text: its UNet "
            f"reads (channels, width of texts) {reads}, its other parts write {written}. Models "
            f"for inpainting (9 channels) and SDXL (width 2048) do not fit: take {SUGGESTION!r}"
        )
    tokenizer, vocabulary = checkpoint.tokenizer, checkpoint.text_encoder.config.vocab_size
    marks = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    if None in marks or len(tokenizer) > vocabulary:
        raise PainterError(
            f"{source}: its tokenizer has {len(tokenizer)} tokens and the marks {marks} (begin, "
            f"end, padding), but its text encoder reads {vocabulary} tokens and needs all three "
            f"marks. {WAY_OUT}."
        )
