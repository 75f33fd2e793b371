"""The JSON files that describe a painter's parts: what they must contain, and how they are read.

A schema lists the settings that must be there or must have a certain type. Where a file lacks a
setting, diffusers and transformers take their own default.
"""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from inst_tutorial.validation import Schema, first_fault, one_line

Config = dict[str, Any]
Settings = TypeVar("Settings", bound=Schema)
WAY_OUT = "Compare the file with the original painter's, or get the painter again"


class PainterError(RuntimeError):
    """A painter that cannot be loaded; the message says what is wrong and what to do."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Depth = Annotated[int, Field(ge=1, le=200)]
Side = Annotated[int, Field(ge=1, le=8192)]
Scale = Annotated[float, Field(gt=0)]
Counts = Annotated[list[Count], BeforeValidator(_as_list), Field(min_length=1)]
Depths = Annotated[list[Depth], BeforeValidator(_as_list), Field(min_length=1)]


class UNetSettings(Schema):
    """unet/config.json, for diffusers' UNet2DConditionModel."""

    sample_size: Side
    in_channels: Count = 4
    out_channels: Count = 4
    block_out_channels: Counts = Field(default=[])
    layers_per_block: Depths = Field(default=[])
    transformer_layers_per_block: Depths = Field(default=[])
    attention_head_dim: Counts = Field(default=[])
    cross_attention_dim: Count = 1280
    down_block_types: list[str] = Field(default=[])
    up_block_types: list[str] = Field(default=[])
    norm_eps: Scale = 1e-5
    mid_block_scale_factor: Scale = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0
    freq_shift: float = 0
    flip_sin_to_cos: bool = True
    center_input_sample: bool = False
    use_linear_projection: bool = False
    upcast_attention: bool | None = False


class AutoencoderSettings(Schema):
    """vae/config.json, for diffusers' AutoencoderKL."""

    latent_channels: Count = 4
    block_out_channels: Counts = Field(default=[64])
    layers_per_block: Depth = 1
    down_block_types: list[str] = Field(default=["DownEncoderBlock2D"])
    up_block_types: list[str] = Field(default=["UpDecoderBlock2D"])
    scaling_factor: Scale = 0.18215

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:  # diffusers checks those of a UNet only
        lengths = {
            name: len(getattr(self, name))
            for name in ("block_out_channels", "down_block_types", "up_block_types")
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(f"these lists should have the same length, and have {lengths}")
        return self


class TransformerSettings(Schema):
    """config.json of a text encoder or a vision tower, for transformers' CLIP models."""

    hidden_size: Count = 512
    intermediate_size: Count = 2048
    num_hidden_layers: Depth = 12
    num_attention_heads: Count = 8
    max_position_embeddings: Count = 77
    vocab_size: Count = 49408
    image_size: Side = 224
    patch_size: Side = 32
    projection_dim: Count = 512
    eos_token_id: Annotated[int, Field(ge=0)] = 49407
    layer_norm_eps: Scale = 1e-5


class TokenizerSettings(Schema):
    """tokenizer/tokenizer_config.json, for transformers' CLIPTokenizer."""

    model_max_length: Annotated[int, Field(ge=3)] = 77


def _height(value: Any) -> Any:
    return value.get("height", value) if isinstance(value, dict) else value


class PreprocessorSettings(Schema):
    """preprocessor_config.json of a vision tower; a size is a number or has a "height"."""

    crop_size: Annotated[Side, BeforeValidator(_height)]
    image_mean: Annotated[list[float], Field(min_length=3, max_length=3)]
    image_std: Annotated[list[Scale], Field(min_length=3, max_length=3)]


def read_json(path: Path) -> Config:
    """The settings in a JSON file. Raises PainterError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PainterError(f"cannot read {path}: {one_line(error)}. {WAY_OUT}.") from error
    if not isinstance(content, dict):
        raise PainterError(
            f"{path}: the content is {reprlib.repr(content)}, but it should be an object like "
            f'{{"key": "value"}}. {WAY_OUT}.'
        )
    return content


def read_settings(path: Path, schema: type[Settings]) -> Settings:
    """The settings in a JSON file, which must fit `schema`. Raises PainterError."""
    try:
        return schema.model_validate(read_json(path))
    except ValidationError as error:
        raise PainterError(f"{path}: {first_fault(error)}. {WAY_OUT}.") from error
