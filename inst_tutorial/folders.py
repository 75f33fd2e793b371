"""A painter's folder in diffusers' layout: where it is, and how its parts are read.

Each part has its own folder in it, with its configuration and its weights. Only safetensors are
read, never pickles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inst_tutorial.configs import PainterError
from inst_tutorial.hub import SUGGESTION, snapshot

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

PAINTBOX = Path(__file__).parent / "paintbox"
VISION = "openai/clip-vit-large-patch14"  # the tower that InST's official code uses
VISION_REVISION = "32bd64288804d66eefd0ccbe215aa642df71cc41"
PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
VISION_PARTS = ("image_encoder", "feature_extractor")
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
    if folder.is_dir():
        check_folder(folder, parts)
        return folder, revision
    hub_id = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", str(source))
    if folder.suffix == ".safetensors" or not hub_id:
        raise PainterError(
            f"no painter at {str(source)!r}: give 'paintbox', a folder in diffusers' layout, a "
            f".safetensors file, or a hub id such as {SUGGESTION!r}"
        )
    kinds = ("*.json", "*.txt", "*.safetensors")
    wanted = [f"{part}/{kind}" for part in (*parts, *VISION_PARTS) for kind in kinds]
    wanted = wanted if parts else ["config.json", "preprocessor_config.json", "model*.safetensors"]
    folder = snapshot(str(source), revision, wanted, lambda found: check_folder(found, parts))
    return folder, folder.name  # the hub's cache names a snapshot by its commit


def check_folder(folder: Path, parts: Sequence[str]) -> None:
    """A folder must have all `parts`, and their weights as safetensors. Raises PainterError."""
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        raise PainterError(f"{folder} is not a painter: it lacks {', '.join(missing)}")
    for part in parts:
        weights = list((folder / part).glob("*.safetensors"))
        if not weights and part not in ("tokenizer", "scheduler"):
            found = sorted(f.name for f in (folder / part).iterdir())
            raise PainterError(
                f"{folder / part} has no .safetensors file (it has {', '.join(found)}). Pickled "
                f"weights are never read: convert them, or take a revision with safetensors"
            )


def read_part(kind: Any, folder: Path, name: str, **dtype: torch.dtype) -> Any:
    """The model of class `kind` in folder/name, with all its weights. Raises PainterError.

    dtype: the number format, as `torch_dtype` for diffusers' classes, `dtype` for transformers'.
    """
    from safetensors import SafetensorError

    try:
        part, report = kind.from_pretrained(
            folder / name,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **dtype,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise PainterError(f"cannot load {folder / name}: {error}") from error
    if missing := sorted(report["missing_keys"]):
        raise PainterError(f"{folder / name} lacks {len(missing)} weights, such as {missing[0]}")
    return part


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer in a folder. Raises PainterError.

    From a folder without its files transformers would make an empty tokenizer.
    """
    from transformers import CLIPTokenizer

    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise PainterError(f"{folder} has no tokenizer.json and no vocab.json")
    return CLIPTokenizer.from_pretrained(folder)


def clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer that all Stable Diffusion 1.x and 2.x share. Raises PainterError."""
    return read_tokenizer(snapshot(VISION, VISION_REVISION, TOKENIZER_FILES, read_tokenizer))


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the `with` block, loading shows no progress bars and no reports."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging

    showing = [lib for lib in (logging, diffusers_logging) if lib.is_progress_bar_enabled()]
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    for library in showing:
        library.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        for library in showing:
            library.enable_progress_bar()
