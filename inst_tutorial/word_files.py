"""Files that hold a word: textual inversion in safetensors, of this package and of others.

The header of a file is checked before its numbers are read, so that a whole checkpoint given by
mistake costs no time. Nothing is ever unpickled. When only the metadata is damaged,
the numbers are still read, and only how the word was learned is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inst_tutorial.folders import folder_of, read_tokenizer

FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
MOST_VECTORS = 75  # Stable Diffusion reads 77 tokens, and two of them are begin and end
PICKLES = (
    "Words are .safetensors files. Pickled ones (.pt, .bin) are not opened, because opening them "
    "runs whatever is in them"
)
DAMAGED = (
    "If it was downloaded, download it again; if it came with `git clone`, `git lfs pull` gets it"
)


class WordError(ValueError):
    """A file that holds no word, or a word that cannot be written as asked; the text says why."""


# ------------------------------------------------------------------------------- reading


def read_word(path: str | Path) -> tuple[Tensor, dict[str, Any]]:
    """The vectors (k, d) in a file, float32, and how the word came about as far as it is known.

    Files of diffusers and of AUTOMATIC1111 are read, too, in any floating-point format down to
    8 bits. Raises WordError.
    """
    from safetensors import SafetensorError, safe_open

    start = _start(path)
    try:
        with safe_open(path, framework="pt") as file:
            name = _check_header(path, file)
            stored, metadata = file.get_tensor(name), file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WordError(f"{path} is not a word: {error}. {_way_out(path, start)}") from error
    vectors = stored.float().clone()  # `stored` is the file itself, which may be written again
    if not vectors.isfinite().all():
        beyond = stored.dtype == torch.float64 and stored.isfinite().all()
        reason = "that are too large for float32" if beyond else "that are NaN or infinite"
        raise WordError(f"{path} holds numbers {reason}: the word is damaged")
    info = _read_info(metadata.get("inst_word", "{}"))
    return vectors.reshape(-1, vectors.shape[-1]), info or {"token": name}  # (d,) -> (1, d)


def _start(path: str | Path) -> bytes:
    """The first bytes of a file; safetensors itself says little about why it cannot open one."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        raise WordError(
            f"{path}: there is no such file. A word is what `inst learn` writes"
        ) from error
    except (OSError, ValueError) as error:
        raise WordError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    if not start:
        raise WordError(f"{path} is not a word: the file is empty. {DAMAGED}")
    return start


def _way_out(path: str | Path, start: bytes) -> str:
    """What helps with a file that is no safetensors file."""
    is_pickle = Path(path).suffix.lower() != ".safetensors" or start.startswith((b"PK", b"\x80"))
    return PICKLES if is_pickle else DAMAGED


def _check_header(path: str | Path, file: Any) -> str:
    """The name of the only tensor, if it can be a word's."""
    parts = {name: file.get_slice(name) for name in sorted(file.keys())}
    if len(parts) != 1:
        raise WordError(f"{path} holds {_contents(parts)}. A word is one tensor")
    ((name, part),) = parts.items()
    shape, dtype = tuple(part.get_shape()), part.get_dtype()
    if len(shape) not in (1, 2) or 0 in shape:
        raise WordError(f"{path} holds a tensor of shape {shape}. A word has shape (k, d) or (d,)")
    if len(shape) == 2 and shape[0] > MOST_VECTORS:
        raise WordError(
            f"{path} holds {shape[0]} vectors of {shape[1]} numbers. A word has {MOST_VECTORS} "
            f"vectors at most: no prompt has room for more"
        )
    if dtype not in FLOATS:
        raise WordError(
            f"{path} holds numbers of type {dtype}. A word's numbers are floating point: one of "
            f"{', '.join(FLOATS)}"
        )
    return name


def _contents(parts: Mapping[str, Any]) -> str:
    """What is in a file of none or several tensors, in a few words."""
    if not parts:
        return "no tensor"
    name, part = next(iter(parts.items()))
    many = f"{len(parts)} tensors, such as {name!r} of shape {tuple(part.get_shape())}"
    if any("lora" in other for other in parts):
        return f"{many}: it is a LoRA"
    if {"clip_l", "clip_g"} <= parts.keys():
        return f"{many}: it is a word for Stable Diffusion XL, whose text encoders are two"
    if any(other.startswith("model.diffusion_model.") for other in parts):
        return f"{many}: it is a checkpoint, which --painter reads"
    return many


def _read_info(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        return {"metadata": "damaged"}


# ----------------------------------------------------------------------------- exporting


def check_token(token: str, painter: object) -> None:
    """Raise WordError for a token that no prompt can have for a word of this painter."""
    if not token.strip():
        raise WordError(f"the token {token!r} is empty: give one such as '<mine>'")
    if token != token.strip() or not token.isprintable():
        raise WordError(
            f"the token {token!r} has blanks around it or signs that cannot be seen: give one such "
            f"as '<mine>'"
        )
    if token == "__metadata__":
        raise WordError(f"the file format keeps {token!r} for itself: give one such as '<mine>'")
    if token.lower() in vocabulary_of(painter):
        raise WordError(
            f"{painter} already knows the word {token.lower()!r}, and programs refuse to give it "
            f"another meaning: give one such as '<mine>'"
        )


def vocabulary_of(painter: object) -> Container[str]:
    """The tokens that a painter knows, if it is a folder on this machine; otherwise none."""
    try:
        return read_tokenizer(folder_of(str(painter)) / "tokenizer").get_vocab()
    except Exception:  # any, as with broken data: the word is still good
        return ()
