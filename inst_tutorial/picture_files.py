"""Picture files: which are read, and what helps where one is not.

Damaged metadata is not a damaged picture: a PNG whose texts, profile or EXIF data are broken is
read without them. Nothing is decoded before its size is known.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
MOST_PIXELS = 100_000_000
MOST_PROFILE = 16_000_000  # bytes; that of a measured screen has some millions
LEAST_SIDE = 32  # pixels of the shorter side: smaller pictures show no style
ANEW = "open it in an image program and save it anew as PNG"
SMALLER = "save it smaller in an image program"

HEIC_BRANDS = re.compile(rb"hei[cmsx]|hev[cx]")
OTHER_KINDS = {  # how a file begins -> what it is, and the way out
    rb"8BPS": "a Photoshop document: export it as PNG",
    rb"gimp xcf": "a GIMP document: export it as PNG",
    rb"PK\x03\x04": "an archive (Krita's documents are archives, too): take the picture out of it",
    rb"%PDF": "a PDF: export the picture in it as PNG",
    rb"%!PS": "PostScript: export it as PNG",
    rb"<svg|<\?xml.*<svg": "an SVG drawing: export it as PNG",
    rb"<!doctype html|<html|<head": "a web page: download the picture itself",
    rb"version https://git-lfs": "a placeholder of Git LFS: `git lfs pull` gets the picture",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "a JPEG XL picture: save it as PNG",
    rb"v/1\x01|#\?RADIANCE": "a picture in floating point: save it with 8 or 16 bits as PNG",
    rb"FUJIFILM|IIRO|IIRS|IIU\0|II\*\0.{4}CR": "a camera's raw picture: develop it and save it "
    "as PNG",
    rb".{4}ftyp(?!avi|mif|msf)": "a film, or a picture in a film's format: save one as PNG",
    rb".{8}\{\"": "a .safetensors file: a word or a model",
}
KNOWN_KINDS = {
    rb"\x89PNG": "a PNG",
    rb"\xff\xd8": "a JPEG",
    rb"RIFF.{4}WEBP": "a WebP",
    rb"GIF8": "a GIF",
    rb"BM": "a BMP",
    rb"II[*+]\0|MM\0[*+]": "a TIFF",
    rb".{4}ftyp": "an AVIF",
    rb"\0\0\0\x0cjP|\xff\x4f\xff\x51": "a JPEG 2000",
}
PNG = b"\x89PNG\r\n\x1a\n"
# Chunks of a PNG: without these it has no picture ...
PNG_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# ... and these say how it looks: what about it, and how many bytes they need.
PNG_LOOKS = {
    b"tRNS": ("transparency", 1),
    b"sRGB": ("colour space", 1),
    b"gAMA": ("gamma", 4),
    b"eXIf": ("orientation", 1),
    b"acTL": ("animation", 8),
}


class PictureError(ValueError):
    """A picture that cannot be read or written; the text names the file and the reason."""


class PictureWarning(UserWarning):
    """A picture was read, but not all that its file says about it."""


def read_picture(source: str | Path | BinaryIO) -> Image.Image:
    """The decoded picture in a file, in the mode and orientation that it is stored in.

    Raises PictureError for what is no single picture of `LEAST_SIDE` and `MOST_PIXELS`, and
    OSError or a decoder's own error for a file that cannot be read.
    """
    if isinstance(source, str | Path):
        with open(source, "rb") as file:
            return read_picture(file)
    if not source.seekable():
        return read_picture(io.BytesIO(source.read()))
    source.seek(0)
    head = source.read(512)
    if not head:
        raise PictureError("the file is empty")
    try:
        return _load(source, head)
    except PictureError:
        raise
    except Exception as error:  # decoders raise nearly anything on broken data
        if head.startswith(PNG) and (picture := _repaired_png(source)):
            return picture
        if isinstance(error, UnidentifiedImageError):
            raise PictureError(_what_it_is(head)) from error
        raise


def _load(file: BinaryIO, head: bytes) -> ImageFile.ImageFile:
    """Read the header, check it, decode."""
    try:
        picture = _open(file, head)
    except Image.DecompressionBombError as error:  # Pillow's own limit, about twice ours
        raise PictureError(f"it has more than {MOST_PIXELS:,} pixels: {SMALLER}") from error
    _check_size(*picture.size)
    _check_frames(picture)
    _colour_key_in_8_bits(picture)
    picture.load()
    return picture


def _open(file: BinaryIO, head: bytes) -> ImageFile.ImageFile:
    """Read the header."""
    if head[4:8] != b"ftyp" or not HEIC_BRANDS.search(head[8 : head[3]]):
        return Image.open(file, formats=FORMATS)
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise PictureError(
            "it is a HEIC picture: save it as JPEG or PNG, or install what reads it with "
            '`pip install "inst-tutorial[heic]"`'
        ) from error
    file.seek(0)
    return HeifImageFile(file)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise PictureError(
            f"it has {width} x {height}, more than {MOST_PIXELS:,} pixels: {SMALLER}"
        )
    if min(width, height) < LEAST_SIDE:
        raise PictureError(
            f"it has {width} x {height} pixels; a picture needs {LEAST_SIDE} or more on its "
            f"shorter side: take a larger version, or enlarge it in an image program"
        )


def _check_frames(picture: ImageFile.ImageFile) -> None:
    """Refuse films and documents. Previews that phones and museums add are no frames."""
    frames = getattr(picture, "n_frames", 1)
    if picture.format == "TIFF":
        frames = _full_pages(picture, frames)
    if frames > 1 and picture.format not in ("MPO", "HEIF"):
        raise PictureError(f"it has {frames} frames; save the one you want as a picture")


def _full_pages(picture: ImageFile.ImageFile, pages: int) -> int:
    """How many pages of a TIFF are no smaller version or mask of another (tag NewSubfileType)."""
    full = []
    for page in range(pages):
        picture.seek(page)
        full.append(not picture.tag_v2.get(254, 0) & 0b101)  # type: ignore[attr-defined]
    picture.seek(0)
    if not full[0]:
        raise PictureError("it shows only a preview first, as a camera's raw picture: " + ANEW)
    return sum(full)


def _colour_key_in_8_bits(picture: ImageFile.ImageFile) -> None:
    """A PNG names its transparent colour in its own depth, but Pillow's pixels have 8 bits."""
    key, depth = picture.info.get("transparency"), picture.tile[0].args if picture.tile else None
    if picture.format != "PNG" or key is None:
        return
    if depth in ("L;2", "L;4"):
        picture.info["transparency"] = key * {"L;2": 85, "L;4": 17}[depth]
    elif depth == "RGB;16B":
        picture.info["transparency"] = tuple(value >> 8 for value in key)


def _what_it_is(head: bytes) -> str:
    """The kind of a file that could not be identified, and the way out."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, what in OTHER_KINDS.items():
        if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
            return f"it is {what}"
    for pattern, name in KNOWN_KINDS.items():
        if re.match(pattern, head, re.DOTALL):
            return (
                f"it begins as {name}, but is damaged, without pixels, or of a kind that is not "
                f"read here (floating point, for example): {ANEW} with 8 or 16 bits"
            )
    return f"it is no picture in a format that is read here ({', '.join(FORMATS)})"


# ------------------------------------------------------------ PNGs with damaged metadata


def _repaired_png(file: BinaryIO) -> Image.Image | None:
    """The picture without its texts, or without all metadata; None if its pixels are damaged."""
    chunks = _chunks(file)
    good = {kind for kind, chunk in chunks if kind in PNG_LOOKS and _is_good(kind, chunk)}
    for looks in (good, set[bytes]()):
        kept = b"".join(chunk for kind, chunk in chunks if kind in PNG_PIXELS or kind in looks)
        try:
            picture = _load(io.BytesIO(PNG + kept), PNG)
        except PictureError:
            raise
        except Exception:  # decoders raise nearly anything on broken data
            continue
        for lost in {kind for kind, _ in chunks} & PNG_LOOKS.keys() - looks:
            _warn(f"what it says about its {PNG_LOOKS[lost][0]} is damaged, and is left out")
        for profile in (chunk[8:-4] for kind, chunk in chunks if kind == b"iCCP"):
            picture.info["icc_profile"] = _inflated(profile)
        return picture
    return None


def _chunks(file: BinaryIO) -> list[tuple[bytes, bytes]]:
    """The kinds and the bytes of a PNG's chunks."""
    file.seek(0)
    data, at, chunks = file.read(), len(PNG), []
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.append((kind, data[at : at + 12 + length]))
        at += 12 + length
    return chunks


def _is_good(kind: bytes, chunk: bytes) -> bool:
    """Long enough, and with the right checksum."""
    long_enough = len(chunk) - 12 >= PNG_LOOKS[kind][1]
    return long_enough and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _inflated(profile: bytes) -> bytes:
    """A colour profile in a PNG, also above Pillow's limit of 1 MB; what is damaged stays so."""
    packed = profile[profile.find(b"\0") + 2 :]
    try:
        return zlib.decompressobj().decompress(packed, MOST_PROFILE)
    except zlib.error:
        return profile


def _warn(text: str) -> None:
    warnings.warn(text, PictureWarning, stacklevel=2)
