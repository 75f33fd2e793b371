"""Stable Diffusion 1.x or 2.x in one file, in the layout of the original code.

Most programs share a checkpoint as a single .safetensors file (github CompVis/stable-diffusion).
It has neither the configuration of its parts, which is in `layouts`, nor a tokenizer. Book:
chapter "Stable Diffusion on a GPU".
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from inst_tutorial.configs import (
    AutoencoderSettings,
    PainterError,
    TransformerSettings,
    UNetSettings,
    read_settings,
)
from inst_tutorial.folders import clip_tokenizer, read_shapes, read_tokenizer
from inst_tutorial.layouts import CLASSES, LAYOUTS, write_layout
from inst_tutorial.validation import one_line

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.",
}
"""How the names of a part's weights begin in the original layout."""

GUESSED = (
    "is Stable Diffusion 2.x, and is read as the model for 768 pixels. The model for 512 pixels "
    "(2.1-base) has weights of the same shapes; read like this, its pictures would be wrong. For "
    "that model give config='sd21-base' (--config sd21-base), for this one config='sd21'."
)


class LayoutWarning(UserWarning):
    """What a single file holds is a guess."""


def read_single_file(path: Path, config: str | Path | None, dtype: torch.dtype) -> dict[str, Any]:
    """The parts of a painter by name (the keys of CLASSES), read from one .safetensors file.

    config: a name of LAYOUTS, a diffusers folder whose configurations and tokenizer are used (its
    weights are not), or None, which finds the layout from the weights (see `layout_of`). Raises
    PainterError.
    """
    if path.suffix.lower() != ".safetensors":
        raise PainterError(
            f"{path} is not a .safetensors file. Pickled checkpoints (.ckpt, .pt, .bin) are never "
            f"read, because reading one runs the code in it: look for a .safetensors version"
        )
    layout = config or layout_of(path)
    _check_parts(path)
    with _configured(layout) as folder, _with_lower_suffix(path) as file:
        parts = _load(path, file, folder, dtype)
    for name in PREFIXES:
        lost = [key for key, value in parts[name].named_parameters() if value.is_meta]
        if lost:
            raise PainterError(f"{path}: its {name} lacks {len(lost)} weights, such as {lost[0]}")
    return parts


def _load(path: Path, file: Path, folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """The parts in `file`, which is named `path` in errors. Raises PainterError."""
    from diffusers import StableDiffusionPipeline

    try:
        pipeline = StableDiffusionPipeline.from_single_file(
            str(file),
            config=str(folder),
            local_files_only=True,
            torch_dtype=dtype,
            **dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder")),
        )
    except NotImplementedError as error:  # raised for a part whose weights are not in the file
        raise PainterError(
            f"{path} lacks some of its weights: perhaps its download was cut short"
        ) from error
    except Exception as error:  # the library checks little, and fails in any way
        raise PainterError(f"cannot load {path}: {_reason(error)}") from error
    return {name: getattr(pipeline, name) for name in CLASSES}


def _reason(error: Exception) -> str:
    """What went wrong in one line; diffusers' advice for a wrong shape does not apply here."""
    shapes = r"because (\S+) expected shape torch\.Size\((.*?)\), but got torch\.Size\((.*?)\)"
    if found := re.search(shapes, str(error)):
        name, needed, shape = found.groups()
        return (
            f"{name} has shape {shape}, but its configuration needs {needed}. Take another "
            f"`config`, or download the file again"
        )
    return one_line(error)


def _check_parts(path: Path) -> None:
    """A checkpoint must have weights of all parts. Raises PainterError."""
    names = read_shapes(path)
    for part, prefix in PREFIXES.items():
        if not any(name.startswith(prefix) for name in names):
            raise PainterError(
                f"{path} lacks all weights of its {part}: no name begins with {prefix!r}. It is "
                f"not a whole checkpoint (perhaps a LoRA or one part): take the whole one"
            )


def layout_of(path: Path) -> str:
    """The name in LAYOUTS of a file, found from the width of the text that its UNet reads.

    The weights of 2.x have the same shapes at 512 and at 768 pixels: "sd21", 768 pixels, is a
    guess, and a LayoutWarning says so. Raises PainterError.
    """
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    shape = read_shapes(path).get(key)
    if shape is None:
        raise PainterError(f"{path} is not Stable Diffusion 1.x or 2.x: it lacks {key}")
    for name in ("sd15", "sd21"):
        if shape[1:] == (LAYOUTS[name]["unet"]["cross_attention_dim"],):
            if name == "sd21":
                warnings.warn(f"{path} {GUESSED}", LayoutWarning, stacklevel=2)
            return name
    raise PainterError(
        f"{path}: {key} has shape {shape}. With Stable Diffusion 1.x its width is 768, with 2.x "
        f"1024: the file is neither Stable Diffusion 1.x nor 2.x"
    )


@contextmanager
def _configured(config: str | Path) -> Iterator[Path]:
    """A diffusers folder with the configurations of all parts. Raises PainterError."""
    if Path(config).is_dir():
        _check_configurations(Path(config))
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


def _check_configurations(folder: Path) -> None:
    """A folder that configures a single file must have what a painter's folder has."""
    read_settings(folder / "unet/config.json", UNetSettings)
    read_settings(folder / "vae/config.json", AutoencoderSettings)
    read_settings(folder / "text_encoder/config.json", TransformerSettings)
    read_tokenizer(folder / "tokenizer")


@contextmanager
def _with_lower_suffix(path: Path) -> Iterator[Path]:
    """The file under a name that ends in ".safetensors": diffusers unpickles any other."""
    lower = path.with_suffix(path.suffix.lower())
    if lower.exists() and lower.samefile(path):
        yield lower
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / lower.name
        link.symlink_to(path.absolute())
        yield link
