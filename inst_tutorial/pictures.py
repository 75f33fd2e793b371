"""Picture files in and out, and pictures as tensors.

Everything a phone, a scanner or a browser saves becomes the one thing a painter reads: a square
RGB picture. Everything that is no such picture is refused with a reason.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inst_tutorial.files import atomic_path

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 100_000_000
# How a picture is written, by suffix. The same picture gives the same bytes.
SAVE_OPTIONS: dict[str, dict[str, object]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": {"format": "JPEG", "quality": 95},
    ".jpeg": {"format": "JPEG", "quality": 95},
    ".webp": {"format": "WEBP", "quality": 90, "method": 6},
}


class PictureError(ValueError):
    """A picture that cannot be read or written; the text names the file and the reason."""


# ------------------------------------------------------------------------------ files


def open_picture(path: str | Path | BinaryIO, size: int) -> Image.Image:
    """The picture at `path` (or in an open binary file) as RGB, `size` pixels square.

    Turned as its EXIF says, laid on white where it is transparent, cut to its central square.
    Greyscale, 16 bit, CMYK and palette pictures are accepted. Raises PictureError for a file
    that is missing, empty, no picture, cut off, animated or larger than `MOST_PIXELS`.
    """
    if size < 1:
        raise PictureError(f"the size of a picture must be 1 pixel or more, got {size}")
    name = str(path) if isinstance(path, str | Path) else getattr(path, "name", "the picture")
    try:
        with _open(path) as picture:
            _check(picture)
            upright = ImageOps.exif_transpose(picture)
        square = ImageOps.fit(_rgb(upright), (size, size), Image.Resampling.LANCZOS)
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from error
    except Exception as error:  # decoders raise nearly anything on broken data
        raise PictureError(f"{name}: cannot be read: {_reason(error)}") from error
    square.info.clear()  # colour profiles and the like would be written out again
    return square


def save_picture(picture: Image.Image, path: str | Path) -> Path:
    """Write a picture whole or not at all; the suffix says how. Raises PictureError."""
    path = Path(path)
    options = SAVE_OPTIONS.get(path.suffix.lower())
    if options is None:
        raise PictureError(f"{path}: the name of a picture must end in {', '.join(SAVE_OPTIONS)}")
    try:
        with atomic_path(path) as temporary:
            picture.save(temporary, **options)  # type: ignore[arg-type]
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {_reason(error)}") from error
    return path


def _open(path: str | Path | BinaryIO) -> Image.Image:
    """Read the header."""
    if isinstance(path, str | Path) and os.path.getsize(path) == 0:
        raise PictureError("the file is empty")
    try:
        with warnings.catch_warnings():  # instead, _check has a limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise PictureError(f"no picture, or one without pixels, in the formats {known}") from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, about twice ours
        raise PictureError(f"it has more than {MOST_PIXELS:,} pixels") from error


def _check(picture: Image.Image) -> None:
    """Refuse what should not be decoded, knowing the header only."""
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise PictureError(f"it has {width} x {height}, more than {MOST_PIXELS:,} pixels")
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # phones add previews to a JPEG
        raise PictureError(f"it has {frames} frames; save the one you want as a picture")


def _rgb(picture: Image.Image) -> Image.Image:
    """Any mode -> RGB; transparency is laid on white."""
    if picture.mode.startswith("I"):  # 16 bit greyscale
        values = np.asarray(picture).astype(np.float64)
        if values.max() > 65535:
            raise PictureError("it has more than 16 bits a value; save it with 8 or 16")
        picture = Image.fromarray(np.round(values / 257).astype(np.uint8))
    if picture.mode == "F":
        raise PictureError("its values are floating point; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("RGB")


def _reason(error: Exception) -> str:
    """What went wrong, without the file's name again."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


# ---------------------------------------------------------------------------- tensors


def to_tensor(
    picture: Image.Image | Sequence[Image.Image],
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """One picture, or several of one size -> picture_pm1 (b, 3, H, W) in [-1, 1], float32.

    Raises PictureError.
    """
    import torch

    pictures = [picture] if isinstance(picture, Image.Image) else list(picture)
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) != 1:
        raise PictureError(f"a batch needs pictures of one size, got {sizes or 'no picture'}")
    values = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    tensor = torch.from_numpy(values).permute(0, 3, 1, 2)  # (b, H, W, 3) -> (b, 3, H, W)
    picture_pm1 = tensor.to(torch.float32) / 127.5 - 1
    return picture_pm1.contiguous().to(device, dtype or torch.float32)


def to_pictures(picture_pm1: Tensor) -> list[Image.Image]:
    """picture_pm1 (b, 3, H, W) -> b RGB pictures; values beyond [-1, 1] are clamped.

    The exact inverse of `to_tensor`. Raises PictureError for another shape and for NaN.
    """
    if picture_pm1.ndim != 4 or picture_pm1.shape[1] != 3:
        raise PictureError(f"pictures are (b, 3, H, W), got {tuple(picture_pm1.shape)}")
    if not picture_pm1.isfinite().all():
        raise PictureError("the picture has values that are no numbers; float16 can do that")
    values = (picture_pm1.detach().float().clamp(-1, 1) + 1) * 127.5
    bytes_ = values.round().byte().permute(0, 2, 3, 1).cpu()  # (b, 3, H, W) -> (b, H, W, 3)
    return [Image.fromarray(array) for array in bytes_.numpy()]
