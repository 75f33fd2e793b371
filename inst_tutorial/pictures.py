"""Pictures: opened from files, saved, and as tensors.

Everything that a phone, a scanner, a museum or a browser saves becomes what a painter reads: a
square RGB picture. Everything that is no such picture is refused with a reason and a way out.
"""

from __future__ import annotations

import reprlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from inst_tutorial.files import OutputError, atomic_path
from inst_tutorial.picture_colours import to_srgb
from inst_tutorial.picture_files import ANEW, read_picture
from inst_tutorial.picture_files import PictureError as PictureError
from inst_tutorial.picture_files import PictureWarning as PictureWarning

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# How a picture is written, by suffix. The same picture gives the same bytes.
SAVE_OPTIONS: dict[str, dict[str, object]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": {"format": "JPEG", "quality": 95},
    ".jpeg": {"format": "JPEG", "quality": 95},
    ".webp": {"format": "WEBP", "quality": 90, "method": 6},
}


# ------------------------------------------------------------------------------ files


def open_picture(path: str | Path | BinaryIO, size: int) -> Image.Image:
    """The picture at `path` (or in an open binary file) as RGB, `size` pixels square.

    Read are PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, and HEIC where the extra
    "heic" is installed. The picture is turned as its EXIF data say, converted to sRGB by its
    colour profile, laid on white where it is transparent, and cut to its central square. Grey
    values of 12 or 16 bits become 8; CMYK, Lab and palette pictures become RGB. Damaged
    metadata are left out; where that can change colours, a PictureWarning says so.

    Raises PictureError for a file that is missing, empty, cut off, no picture, animated, of
    several pages, transparent throughout, in floating point, above `MOST_PIXELS`, or below
    `LEAST_SIDE` pixels on its shorter side. The text names the way out.
    """
    if size < 1:
        raise PictureError(f"the size of a picture must be 1 pixel or more, got {size}")
    name = str(path) if isinstance(path, str | Path) else getattr(path, "name", "the picture")
    with _named(name):
        picture = to_srgb(read_picture(path))
        square = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
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
    except OutputError as error:
        raise PictureError(str(error)) from error
    return path


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Inside, errors and our warnings get the file's name; other warnings are Pillow's, dropped."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from error
    except Exception as error:  # decoders raise nearly anything on broken data
        raise PictureError(f"{name}: cannot be read: {_reason(error)}") from error
    for warning in seen:
        if issubclass(warning.category, PictureWarning):
            warnings.warn(f"{name}: {warning.message}", PictureWarning, stacklevel=4)


def _reason(error: Exception) -> str:
    """What went wrong, without the file's name again."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"it is damaged ({str(error) or type(error).__name__}): {ANEW}"


# ---------------------------------------------------------------------------- tensors


def opened(pictures: Image.Image | Sequence[Image.Image]) -> list[Image.Image]:
    """One picture, or several, as a list. Raises PictureError for a path, which is no picture."""
    several = [pictures] if isinstance(pictures, Image.Image | str | Path) else list(pictures)
    for picture in several:
        if not isinstance(picture, Image.Image):
            raise PictureError(
                f"{reprlib.repr(picture)} is not an opened picture: open_picture(path, "
                f"painter.picture_size) opens a file as a painter needs it"
            )
    return several


def to_tensor(
    picture: Image.Image | Sequence[Image.Image],
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """One picture, or several of one size -> picture_pm1 (b, 3, H, W) in [-1, 1], float32.

    Pictures in other modes than RGB are converted as `open_picture` does. Raises PictureError.
    """
    import torch

    pictures = [to_srgb(picture) for picture in opened(picture)]
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) != 1:
        raise PictureError(f"a batch needs pictures of one size, got {sizes or 'no picture'}")
    values = np.stack([np.asarray(picture) for picture in pictures])  # (b, H, W, 3)
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
        raise PictureError(
            "the picture has values that are NaN or infinite: what it was computed from was "
            "damaged, or overflowed in float16"
        )
    values = (picture_pm1.detach().float().clamp(-1, 1) + 1) * 127.5
    bytes_ = values.round().byte().permute(0, 2, 3, 1).cpu()  # (b, 3, H, W) -> (b, H, W, 3)
    return [Image.fromarray(array) for array in bytes_.numpy()]
