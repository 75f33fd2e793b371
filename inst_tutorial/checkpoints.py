"""Stable Diffusion in one file: what its parts look like, and how they are read.

Most programs share a checkpoint as a single .safetensors file in the layout of the original code
(github CompVis/stable-diffusion), without the configuration of its parts. Here are those of
Stable Diffusion 1.x and 2.x. A tokenizer is never in such a file. Book: chapter "Stable
Diffusion on a GPU".
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

Config = dict[str, Any]
PICKLES = (".ckpt", ".pt", ".pth", ".bin")


class PainterError(RuntimeError):
    """A painter that cannot be loaded; the text says what is missing and the way out."""


# -------------------------------------------------------------------------------- layouts

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


# --------------------------------------------------------------------------- single files


def read_single_file(
    path: Path, config: str | Path | None, tokenizer: Callable[[], CLIPTokenizer], dtype: Any
) -> dict[str, Any]:
    """The parts of a painter by name, read from one .safetensors file.

    `config` is a name of LAYOUTS, a diffusers folder whose configurations and tokenizer are used
    (its weights are not), or None: told from the weights. Raises PainterError.
    """
    from diffusers import StableDiffusionPipeline
    from safetensors import SafetensorError

    if path.suffix != ".safetensors":
        raise PainterError(
            f"{path} is not a .safetensors file. Pickled checkpoints (.ckpt, .pt, .bin) are never "
            f"read, because reading one runs whatever is in it: look for a .safetensors version"
        )
    try:
        with _configured(config or layout_of(path), tokenizer) as folder:
            pipeline = StableDiffusionPipeline.from_single_file(
                str(path),
                config=str(folder),
                local_files_only=True,
                torch_dtype=dtype,
                **dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder")),
            )
    except NotImplementedError as error:  # a part still without data was to be moved
        raise PainterError(
            f"{path} lacks some of its weights: was its download cut short?"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise PainterError(f"cannot load {path}: {error}") from error
    parts = {name: getattr(pipeline, name) for name in CLASSES}
    for name in ("unet", "vae", "text_encoder"):
        lost = [key for key, value in parts[name].named_parameters() if value.is_meta]
        if lost:
            raise PainterError(f"{path}: its {name} lacks {len(lost)} weights, such as {lost[0]}")
    return parts


def layout_of(path: Path) -> str:
    """The name in LAYOUTS, told by the width of the text that the file's UNet reads."""
    from safetensors import safe_open

    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    with safe_open(path, framework="pt") as file:
        if key not in file.keys():  # noqa: SIM118
            raise PainterError(f"{path} holds no Stable Diffusion 1.x or 2.x: it lacks {key}")
        width = file.get_slice(key).get_shape()[1]
    for name in ("sd15", "sd21"):
        if LAYOUTS[name]["unet"]["cross_attention_dim"] == width:
            return name
    raise PainterError(f"{path} reads texts of width {width}: neither Stable Diffusion 1.x nor 2.x")


@contextmanager
def _configured(config: str | Path, tokenizer: Callable[[], CLIPTokenizer]) -> Iterator[Path]:
    """A diffusers folder with the configurations of all parts."""
    if Path(config).is_dir():
        yield Path(config)
    elif str(config) not in LAYOUTS:
        raise PainterError(
            f"no configuration {str(config)!r}: give a diffusers folder, or one of "
            f"{', '.join(LAYOUTS)}"
        )
    else:
        with tempfile.TemporaryDirectory() as folder:
            write_layout(LAYOUTS[str(config)], tokenizer(), Path(folder))
            yield Path(folder)


def write_layout(layout: Mapping[str, Config], tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the configurations of a layout, and its tokenizer, as diffusers keeps them."""
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


def random_parts(layout: Mapping[str, Config], dtype: torch.dtype, device: str) -> dict[str, Any]:
    """UNet, autoencoder and text encoder of a layout with random weights: right for time and
    memory, and for nothing else."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device(device):
        parts: dict[str, Any] = {
            "unet": UNet2DConditionModel(**layout["unet"]),
            "vae": AutoencoderKL(**layout["vae"]),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**layout["text_encoder"])),
        }
    # PyTorch's own `to`: that of diffusers warns of every change of the number format.
    return {name: torch.nn.Module.to(part, dtype) for name, part in parts.items()}
