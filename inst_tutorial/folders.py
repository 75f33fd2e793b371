"""A painter's folder in diffusers' layout: where it is, and how its parts are read.

Each part has its own folder in it, with its configuration and its weights. Only safetensors are
read, never pickles.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from inst_tutorial.configs import WAY_OUT, PainterError, TokenizerSettings, read_settings
from inst_tutorial.hub import SUGGESTION, VARIANTS, is_hub_id, snapshot
from inst_tutorial.validation import Schema, one_line

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

PAINTBOX = Path(__file__).parent / "paintbox"
VISION = "openai/clip-vit-large-patch14"  # the tower that InST's official code uses
VISION_REVISION = "32bd64288804d66eefd0ccbe215aa642df71cc41"
PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
SETTINGS = (
    "vae/config.json",
    "text_encoder/config.json",
    "unet/config.json",
    "scheduler/scheduler_config.json",
)
VISION_PARTS = ("image_encoder", "feature_extractor")
TOWER_FILES = ("config.json", "preprocessor_config.json", "model*.safetensors")
TOKENIZER_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")


def folder_of(source: str | Path) -> Path:
    """The folder that a painter's `source` names, whether it exists or not."""
    return PAINTBOX if source == "paintbox" else Path(source)


def find_folder(
    source: str | Path, revision: str | None, parts: Sequence[str]
) -> tuple[Path, str | None]:
    """The local folder of `source`, and its commit when it comes from the hub.

    source: "paintbox", a folder, or a hub id ("owner/name"). parts: the folders that must be in
    it; without any, the files of a vision tower are fetched. Raises PainterError.
    """
    folder = folder_of(source)
    if os.path.isdir(folder):  # unlike Path's, it takes any name
        check_folder(folder, parts)
        return folder, revision
    if folder.suffix.lower() == ".safetensors" or not is_hub_id(str(source)):
        raise PainterError(
            f"no painter at {str(source)!r}: give 'paintbox', a folder in diffusers' layout, a "
            f".safetensors file, or a hub id such as {SUGGESTION!r}"
        )
    kinds = ("*.json", "*.txt", "*.safetensors")
    files = [f"{part}/{kind}" for part in (*parts, *VISION_PARTS) for kind in kinds]
    wanted = files if parts else TOWER_FILES
    folder = snapshot(str(source), revision, wanted, lambda found: check_snapshot(found, parts))
    return folder, folder.name  # the hub's cache names a snapshot by its commit


def check_folder(folder: Path, parts: Sequence[str]) -> None:
    """A folder must have all `parts`, and their weights as safetensors. Raises PainterError."""
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        raise PainterError(f"{folder} is not a painter: it lacks {', '.join(missing)}")
    for part in parts:
        weights = _files(folder, f"{part}/*.safetensors")
        if not weights and part not in ("tokenizer", "scheduler"):
            found = sorted(f.name for f in (folder / part).glob("*"))
            raise PainterError(
                f"{folder / part} has no .safetensors file to read (it has {', '.join(found)}). "
                f"Neither pickled weights nor variants such as fp16 are read: convert them, or "
                f"take a revision with safetensors"
            )


def check_snapshot(folder: Path, parts: Sequence[str]) -> None:
    """A folder of the hub's cache must have all that is read of it. Raises PainterError.

    It has not if a download was cut short, or if only a tokenizer was fetched. parts: as in
    `find_folder`.
    """
    check_folder(folder, parts)
    missing = [name for name in (SETTINGS if parts else TOWER_FILES) if not _files(folder, name)]
    if missing:
        raise PainterError(f"{folder} is not complete: it lacks {', '.join(missing)}")
    if parts:
        read_tokenizer(folder / "tokenizer")


def _files(folder: Path, pattern: str) -> list[Path]:
    """The files of that pattern in a folder, without variants of the weights."""
    return [path for path in folder.glob(pattern) if not any(map(path.match, VARIANTS))]


def read_part(kind: Any, folder: Path, schema: type[Schema], **dtype: torch.dtype) -> Any:
    """The model of class `kind` in a folder of its own, with all its weights.

    schema: what its config.json must contain. dtype: the number format, as `torch_dtype` for
    diffusers' classes, `dtype` for transformers'. Raises PainterError.
    """
    read_settings(folder / "config.json", schema)
    try:
        _check_shapes(folder, _without_numbers(kind, folder))
        part, report = kind.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **dtype,
        )
    except PainterError:
        raise
    except Exception as error:  # the libraries build any network, and fail in any way
        raise PainterError(f"cannot load {folder}: {one_line(error)}. {WAY_OUT}.") from error
    if missing := sorted(report["missing_keys"]):
        raise PainterError(f"{folder} lacks {len(missing)} weights, such as {missing[0]}")
    return part


def _without_numbers(kind: Any, folder: Path) -> nn.Module:
    """The model that config.json describes, on the device "meta": its weights take no memory."""
    with torch.device("meta"):
        if hasattr(kind, "config_class"):  # of transformers
            return kind(kind.config_class.from_pretrained(folder, local_files_only=True))
        return kind.from_config(kind.load_config(folder, local_files_only=True))


def _check_shapes(folder: Path, model: nn.Module) -> None:
    """The weights in a folder must have the shapes of those of `model`. Raises PainterError."""
    needed = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in read_shapes(path).items():
            other_name = name.removeprefix("text_model.")  # older text encoders have this prefix
            expected = needed.get(name, needed.get(other_name, shape))
            if shape != expected:
                raise PainterError(
                    f"{path}: {name} has shape {shape}, but with {folder / 'config.json'} it needs "
                    f"{expected}. The two files do not belong together: get both again."
                )


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors in a safetensors file, by name, from its header.

    Raises PainterError.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise PainterError(
            f"cannot load {path}: it is not a whole safetensors file ({one_line(error)}). Download "
            f"it again; `git lfs pull` does so for a cloned repository."
        ) from error


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer in a folder. Raises PainterError.

    From a folder without its files transformers would make an empty tokenizer.
    """
    from transformers import CLIPTokenizer

    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise PainterError(f"{folder} has no tokenizer.json and no vocab.json")
    for path in folder.glob("*.json"):
        read_settings(path, TokenizerSettings if path.name == "tokenizer_config.json" else Schema)
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers checks few of the values in these files
        raise PainterError(
            f"cannot read the tokenizer in {folder}: {one_line(error)}. {WAY_OUT}."
        ) from error


def clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer that all Stable Diffusion 1.x and 2.x share. Raises PainterError."""
    return read_tokenizer(snapshot(VISION, VISION_REVISION, TOKENIZER_FILES, read_tokenizer))


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the `with` block, diffusers and transformers show no progress bars and warnings."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries: list[Any] = [diffusers_logging, transformers_logging]
    levels = [library.get_verbosity() for library in libraries]
    showing = [library for library in libraries if library.is_progress_bar_enabled()]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
        for library in showing:
            library.enable_progress_bar()
