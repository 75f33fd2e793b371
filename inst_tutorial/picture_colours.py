"""Any picture -> the RGB picture (sRGB, 8 bits, opaque, upright) that it is meant to look like.

The palette is what is learned, so colours are converted, not only renamed: an embedded ICC
profile (Adobe RGB, Display P3, ProPhoto, CMYK inks, grey scales) is applied by LittleCMS.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from inst_tutorial.picture_files import PictureError, PictureWarning

PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
TURNS = {  # EXIF orientation -> how it is undone
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BITS, ZERO_IS_WHITE, PALETTE, SAMPLE_FORMAT = 258, 262, 320, 339  # tags of a TIFF
SIGNED = 2


def to_srgb(picture: Image.Image) -> Image.Image:
    """A picture in any mode of Pillow -> RGB in sRGB, upright, laid on white where transparent.

    16 bits become 8. A profile that is damaged, or made for other colours than the picture has,
    is left out with a PictureWarning: then the colours are taken as sRGB. Raises PictureError
    for numbers that are no grey values, and for a picture that is transparent throughout.
    """
    colour, alpha = _split_alpha(_in_8_bits(picture))
    if alpha is not None and picture.format == "BMP" and not alpha.getbbox():
        alpha = None  # Windows leaves the fourth byte at 0, and shows the picture
    flat = _on_white(_managed(colour, picture.info), alpha)
    turn = TURNS.get(_orientation(picture))
    return flat if turn is None else flat.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    """1 to 8, from EXIF data or XMP; 1 where they are damaged."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # any, on broken data
        return 1


# ------------------------------------------------------------------------------- numbers


def _in_8_bits(picture: Image.Image) -> Image.Image:
    """Grey values of more bits -> L, or LA where one of them is transparent; others as they are."""
    if picture.mode == "P":
        return _with_its_palette(picture)
    if picture.mode == "F":
        raise PictureError("its values are floating point: save it with 8 or 16 bits as PNG")
    signed_8_bits = picture.mode == "L" and _tag(picture, SAMPLE_FORMAT, 1) == SIGNED
    if not (picture.mode.startswith("I") or signed_8_bits):
        return picture
    values = np.asarray(picture)  # (H, W)
    if signed_8_bits:
        values = values.view(np.int8)
    table = _grey_table(picture)
    low, high, most = int(values.min()), int(values.max()), len(table) - 1
    if low < 0 or high > most:
        raise PictureError(
            f"its values go from {low} to {high}, outside of 0 to {most}: save it with 8 or 16 "
            f"bits as PNG"
        )
    grey = Image.fromarray(table[values])
    if (key := picture.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _grey_table(picture: Image.Image) -> NDArray[np.uint8]:
    """The 8-bit grey of each value that a picture can have."""
    bits = min(_tag(picture, BITS, 16), 16)
    table = np.linspace(0, 255, 2**bits).round().astype(np.uint8)
    return table[::-1] if _tag(picture, ZERO_IS_WHITE, 1) == 0 else table


def _with_its_palette(picture: Image.Image) -> Image.Image:
    """Some TIFFs have 8 bits in a palette that is to have 16: read as they say, all is black."""
    colours = getattr(picture, "tag_v2", {}).get(PALETTE, (2**16,))
    if max(colours) > 255:
        return picture
    bright = picture.copy()
    bright.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())  # (n, 3)
    return bright


def _tag(picture: Image.Image, number: int, default: int) -> int:
    """A number that a TIFF says about itself; the default for other pictures."""
    value = getattr(picture, "tag_v2", {}).get(number, default)
    return int(value[0] if isinstance(value, tuple) else value)


# -------------------------------------------------------------------------- transparency


def _split_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A picture in L, RGB, CMYK or LAB, and its alpha channel (L) if it has one."""
    if not picture.has_transparency_data:
        kept = picture.mode in PROFILE_MODES.values()
        return picture if kept else picture.convert("L" if picture.mode == "1" else "RGB"), None
    if picture.mode in ("La", "RGBa"):  # premultiplied
        picture = picture.convert(picture.mode.upper())
    grey = picture.mode in ("1", "L", "LA")
    full = picture.convert("LA" if grey else "RGBA")
    return full.convert("L" if grey else "RGB"), full.getchannel("A")


def _on_white(picture: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None:
        return picture
    if not alpha.getbbox():
        raise PictureError("it is transparent throughout: there is nothing to see in it")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=alpha)
    return paper


# ------------------------------------------------------------------------------- colours


def _managed(picture: Image.Image, info: Mapping[str | tuple[int, int], Any]) -> Image.Image:
    """L, RGB, CMYK or LAB -> RGB in sRGB, by what the file says about its colours."""
    if profile := info.get("icc_profile"):
        try:
            return _by_profile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except Exception as error:  # any, on broken data
            _warn(f"its colour profile cannot be used ({error}): its colours are taken as sRGB")
    return _by_gamma(picture, info).convert("RGB")


def _by_profile(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert as LittleCMS does: relative colorimetric, black to black."""
    space = profile.profile.xcolor_space.strip()
    mode = PROFILE_MODES.get(space, space)
    if (picture.mode, mode) == ("RGB", "L") and _is_grey(picture):
        picture = picture.getchannel("R")
    if picture.mode != mode and (picture.mode, mode) != ("L", "RGB"):
        raise ValueError(f"it is made for {space}, but the picture is {picture.mode}")
    converted = ImageCms.profileToProfile(
        picture.convert(mode),
        profile,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        "RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # only inPlace gives None
    return converted


def _is_grey(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _by_gamma(picture: Image.Image, info: Mapping[str | tuple[int, int], Any]) -> Image.Image:
    """Undo the gamma that a PNG names, for a screen of 2.2 (PNG specification, section 13.13)."""
    gamma = info.get("gamma", 1 / 2.2)
    if picture.mode not in ("L", "RGB") or "srgb" in info or not 0.1 < gamma < 5:
        return picture
    exponent = 1 / (2.2 * gamma)
    if abs(exponent - 1) < 0.05:  # as libpng: no visible difference
        return picture
    table = np.round(255 * (np.arange(256) / 255) ** exponent).astype(int).tolist()
    return picture.point(table * len(picture.getbands()))


def _warn(text: str) -> None:
    warnings.warn(text, PictureWarning, stacklevel=2)
