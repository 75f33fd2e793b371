"""Painters of Stable Diffusion's sizes with random weights, and pictures to give them.

Random weights are right for time and memory, and for nothing else: no number that is measured with
them says how good a picture is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from inst_tutorial.layouts import LAYOUTS, empty_parts, random_parts, write_layout
from inst_tutorial.noise_schedule import Schedule
from inst_tutorial.painter import Painter

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

Layout = dict[str, Any]

TINY: Layout = {
    "unet": {
        "sample_size": 8,
        "block_out_channels": [16, 32],
        "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    },
    "vae": {
        "sample_size": 16,
        "latent_channels": 4,
        "block_out_channels": [8, 16],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "norm_num_groups": 4,
    },
    "text_encoder": {
        **LAYOUTS["sd15"]["text_encoder"],
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    },
    "scheduler": LAYOUTS["sd15"]["scheduler"],
}
"""The layout of Stable Diffusion 1.5 at the size of a toy: pictures of 16 pixels."""


def tokenizer() -> CLIPTokenizer:
    """A tokenizer of CLIP's size that needs no download: letters, and 49 thousand fillers."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += [f"<filler-{i}>" for i in range(49_406 - len(pieces))]
    vocabulary = {p: i for i, p in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(
        vocab=vocabulary, merges=[], pad_token="<|endoftext|>", model_max_length=77
    )


def random_painter(layout: Layout, dtype: torch.dtype, device: str) -> Painter:
    """A painter with random weights, made on `device`; on "meta" it has shapes only."""
    if device == "meta":
        parts = empty_parts(layout, dtype)
    else:
        parts = random_parts(layout, dtype, torch.Generator(device).manual_seed(0))
    return Painter(
        **parts,
        tokenizer=tokenizer(),
        schedule=Schedule.from_config(layout["scheduler"]),
        source="random weights",
    )


def save_random_painter(layout: Layout, dtype: torch.dtype, device: str, folder: Path) -> None:
    """A diffusers folder with random weights, for programs that load one."""
    write_layout(layout, tokenizer(), folder)
    parts = random_parts(layout, dtype, torch.Generator(device).manual_seed(0))
    for name, part in parts.items():
        part.save_pretrained(folder / name)


def pictures(count: int, size: int) -> list[Image.Image]:
    """Random pictures, `size` pixels square, with structure at every scale."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return [Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC) for c in coarse]
