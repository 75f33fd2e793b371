"""Stable Diffusion 1.x or 2.x in one file, in the layout of the original code.

Most programs share a checkpoint as a single .safetensors file (github CompVis/stable-diffusion).
It has neither the configuration of its parts, which is in `layouts`, nor a tokenizer. Book:
chapter "Stable Diffusion on a GPU".
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from inst_tutorial.configs import PainterError
from inst_tutorial.folders import clip_tokenizer
from inst_tutorial.layouts import CLASSES, LAYOUTS, write_layout

PICKLES = (".ckpt", ".pt", ".pth", ".bin")


def read_single_file(path: Path, config: str | Path | None, dtype: torch.dtype) -> dict[str, Any]:
    """The parts of a painter by name (the keys of CLASSES), read from one .safetensors file.

    config: a name of LAYOUTS, a diffusers folder whose configurations and tokenizer are used (its
    weights are not), or None, which finds the layout from the weights. Raises PainterError.
    """
    from diffusers import StableDiffusionPipeline
    from safetensors import SafetensorError

    if path.suffix != ".safetensors":
        raise PainterError(
            f"{path} is not a .safetensors file. Pickled checkpoints (.ckpt, .pt, .bin) are never "
            f"read, because reading one runs the code in it: look for a .safetensors version"
        )
    try:
        with _configured(config or layout_of(path)) as folder:
            pipeline = StableDiffusionPipeline.from_single_file(
                str(path),
                config=str(folder),
                local_files_only=True,
                torch_dtype=dtype,
                **dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder")),
            )
    except NotImplementedError as error:  # raised for a part whose weights are not in the file
        raise PainterError(
            f"{path} lacks some of its weights: perhaps its download was cut short"
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
    """The name in LAYOUTS of a file, found from the width of the text that its UNet reads.

    Raises PainterError.
    """
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
def _configured(config: str | Path) -> Iterator[Path]:
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
            write_layout(LAYOUTS[str(config)], clip_tokenizer(), Path(folder))
            yield Path(folder)
