"""What the parts of Stable Diffusion 1.x and 2.x look like: their configurations, by name.

A checkpoint in a single file has no configuration of its parts, so it is here. Book: chapter
"Stable Diffusion on a GPU".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inst_tutorial.configs import Config

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

_UNET: Config = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
_VAE: Config = {
    "sample_size": 512,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "scaling_factor": 0.18215,
}
_TEXT: Config = {
    "model_type": "clip_text_model",
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "pad_token_id": 49407,
}
_SCHEDULER: Config = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}
_UNET_2: Config = {
    **_UNET,
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
_TEXT_2: Config = {
    **_TEXT,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,  # OpenCLIP's 24th is not used
    "num_attention_heads": 16,
    "hidden_act": "gelu",
    "projection_dim": 512,
    "pad_token_id": 0,
}

LAYOUTS: dict[str, dict[str, Config]] = {
    "sd15": {"unet": _UNET, "vae": _VAE, "text_encoder": _TEXT, "scheduler": _SCHEDULER},
    "sd21-base": {"unet": _UNET_2, "vae": _VAE, "text_encoder": _TEXT_2, "scheduler": _SCHEDULER},
    "sd21": {
        "unet": {**_UNET_2, "sample_size": 96, "upcast_attention": True},
        "vae": {**_VAE, "sample_size": 768},
        "text_encoder": _TEXT_2,
        "scheduler": {**_SCHEDULER, "prediction_type": "v_prediction"},
    },
}
"""Stable Diffusion 1.x; 2.x at 512 pixels; 2.x at 768 pixels, which predicts the velocity."""

CLASSES = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}


def write_layout(layout: Mapping[str, Config], tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the configurations of a layout, and its tokenizer, to `folder` as diffusers does."""
    for part, config in layout.items():
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part).mkdir(parents=True)
        named = {"_class_name": CLASSES[part][1], **config}
        (folder / part / name).write_text(json.dumps(named), encoding="utf-8")
    pad = layout["text_encoder"]["pad_token_id"]
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad)  # "!" in Stable Diffusion 2.x
    tokenizer.save_pretrained(folder / "tokenizer")
    index = {"_class_name": "StableDiffusionPipeline", **CLASSES}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


def empty_parts(layout: Mapping[str, Config], dtype: torch.dtype) -> dict[str, Any]:
    """UNet, autoencoder and text encoder of a layout on PyTorch's device "meta": shapes without
    numbers, which take no memory and no time."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        parts: dict[str, Any] = {
            "unet": UNet2DConditionModel(**layout["unet"]),
            "vae": AutoencoderKL(**layout["vae"]),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**layout["text_encoder"])),
        }
    # PyTorch's own `to`: that of diffusers warns about every change of the number format.
    return {name: torch.nn.Module.to(part, dtype) for name, part in parts.items()}


def random_parts(
    layout: Mapping[str, Config], dtype: torch.dtype, generator: torch.Generator
) -> dict[str, Any]:
    """The parts of a layout with random weights, made on the generator's device and nowhere else.

    They serve to measure time and memory; their pictures mean nothing. Every layer keeps the size
    of what it reads, so that no number format overflows.
    """
    parts = empty_parts(layout, dtype)
    return {name: _filled(part, generator) for name, part in parts.items()}


@torch.no_grad()
def _filled(part: torch.nn.Module, generator: torch.Generator) -> torch.nn.Module:
    """Numbers for a part that has shapes only."""
    part.to_empty(device=generator.device)
    for name, parameter in part.named_parameters():
        if parameter.ndim > 1:  # of a linear layer, a convolution or a table of embeddings
            parameter.normal_(std=parameter[0].numel() ** -0.5, generator=generator)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)  # of a norm; a bias
    for buffer in part.buffers():  # there is one: the text encoder counts positions, (1, L)
        buffer.copy_(torch.arange(buffer.shape[-1]))
    return part
