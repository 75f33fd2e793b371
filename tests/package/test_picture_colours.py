"""A picture looks as its file says: colours, numbers, transparency, orientation."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_files import (
    ADOBE_RGB,
    PROPHOTO,
    chunk,
    cmyk_profile,
    grey_profile,
    iccp,
    png,
    rgb_profile,
    tiff,
)
from PIL import Image, ImageCms

from inst_tutorial.picture_colours import to_srgb
from inst_tutorial.pictures import PictureError, PictureWarning, open_picture

RED, WHITE = (200, 30, 40), (255, 255, 255)
SIDE = 32  # of the pictures that are made here


def opened(file: bytes | Image.Image, format: str = "PNG", **options: Any) -> np.ndarray:
    """The file's bytes, or the picture saved with options, through `open_picture`: (32, 32, 3)."""
    if isinstance(file, Image.Image):
        stream = io.BytesIO()
        file.save(stream, format=format, **options)
        file = stream.getvalue()
    return np.asarray(open_picture(io.BytesIO(file), SIDE)).astype(int)


def plain(colour: Any, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), colour)


def one_colour(values: np.ndarray) -> list[int]:
    colours = np.unique(values.reshape(-1, 3), axis=0)  # (H, W, 3) -> (H * W, 3)
    assert len(colours) == 1, colours
    return colours[0].tolist()


def columns(values: np.ndarray) -> list[int]:
    """The grey of the first and the last column."""
    assert (values == values[:1, :, :1]).all()
    return [int(values[0, 0, 0]), int(values[0, -1, 0])]


# ------------------------------------------------------------------------------ profiles


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_adobe_rgb_becomes_srgb(format: str) -> None:
    profile = rgb_profile(ADOBE_RGB, 2.19921875)
    exact = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}
    options = exact.get(format, {"quality": 100})
    got = opened(plain((200, 40, 30)), format, icc_profile=profile, **options).mean((0, 1))
    assert np.abs(got - (233, 35, 23)).max() <= (1 if format in exact else 3)


def test_prophoto_becomes_srgb() -> None:
    profile = rgb_profile(PROPHOTO, 1.8)
    assert one_colour(opened(plain((128, 128, 128)), icc_profile=profile)) == [146, 146, 146]
    red, green, blue = one_colour(opened(plain((120, 90, 80)), icc_profile=profile))
    assert red > 155 and red > green > blue  # more colourful than its numbers


def test_srgb_stays_as_it_is() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert np.abs(opened(Image.fromarray(noise), icc_profile=profile) - noise).max() <= 1


def test_transparency_survives_a_profile() -> None:
    picture = plain((200, 40, 30, 255), "RGBA")
    picture.paste((0, 0, 0, 0), (SIDE // 2, 0, SIDE, SIDE))
    values = opened(picture, icc_profile=rgb_profile(ADOBE_RGB, 2.19921875))
    assert np.abs(values[:, 0] - (233, 35, 23)).max() <= 1
    assert (values[:, -1] == 255).all()


def test_a_palette_follows_its_profile() -> None:
    picture = plain(0, "P")
    picture.putpalette([200, 40, 30])
    values = one_colour(opened(picture, icc_profile=rgb_profile(ADOBE_RGB, 2.19921875)))
    assert np.abs(np.array(values) - (233, 35, 23)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_grey_profile(mode: str) -> None:
    """Also where the greys are stored as three equal channels, as 16 bit PNGs are read."""
    linear = plain(128, "L").convert(mode)
    assert one_colour(opened(linear, icc_profile=grey_profile(1.0))) == [188] * 3


def test_grey_values_with_a_profile_for_rgb() -> None:
    assert one_colour(opened(plain(128, "L"), icc_profile=rgb_profile(ADOBE_RGB, 1.0))) == [188] * 3


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_inks_follow_their_profile(format: str) -> None:
    cyan = plain((255, 0, 0, 0), "CMYK")
    assert one_colour(opened(cyan, format)) == [0, 255, 255]
    strange = one_colour(opened(cyan, format, icc_profile=cmyk_profile()))  # prints red
    assert strange[0] > 240 and max(strange[1:]) < 20


def test_lab_becomes_srgb() -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(plain((200, 40, 30)), srgb, lab, outputMode="LAB")
    assert np.abs(np.array(one_colour(opened(picture, "TIFF"))) - (200, 40, 30)).max() <= 1


BROKEN_PROFILES = {
    "junk": b"no profile at all" * 9,
    "cut": rgb_profile(ADOBE_RGB, 2.2)[:200],
    "a header only": rgb_profile(ADOBE_RGB, 2.2)[:128],
    "without its tags": rgb_profile(ADOBE_RGB, 2.2).replace(b"rXYZ", b"zXYZ"),
    "for greys": grey_profile(1.0),
    "for inks": cmyk_profile(),
    "of an unknown kind": rgb_profile(ADOBE_RGB, 2.2).replace(b"RGB ", b"9CLR"),
}


@pytest.mark.parametrize("case", BROKEN_PROFILES)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_a_profile_that_cannot_be_used_is_left_out_with_a_warning(case: str, format: str) -> None:
    options = {"quality": 100} if format == "JPEG" else {}
    with pytest.warns(PictureWarning, match="the picture: its colour profile cannot be used"):
        values = opened(plain(RED), format, icc_profile=BROKEN_PROFILES[case], **options)
    assert np.abs(values - RED).max() <= 3


def test_the_warning_names_the_file_and_the_line_that_opened_it(tmp_path: Path) -> None:
    plain(RED).save(tmp_path / "a.png", icc_profile=b"junk")
    with pytest.warns(PictureWarning, match=r"a\.png: its colour") as caught:
        open_picture(tmp_path / "a.png", 16)
    assert [warning.filename for warning in caught] == [__file__]


def test_the_command_line_warns_in_one_line(tmp_path: Path, sd1_folder: Path) -> None:
    from typer.testing import CliRunner

    from inst_tutorial.cli import app

    path = tmp_path / "a.png"
    plain(RED).save(path, icc_profile=b"junk")
    options = f"--prompt house --steps 2 --painter {sd1_folder} --out {tmp_path / 'b.png'}"
    result = CliRunner().invoke(app, ["transfer", str(path), *options.split()])
    assert result.exit_code == 0, result.output
    said = [line for line in result.stderr.splitlines() if "colour" in line]
    assert len(said) == 1 and said[0].startswith(f"inst: {path}: its colour profile cannot be used")


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (chunk(b"gAMA", struct.pack(">I", 100_000)), 186),  # linear: 255 * (128 / 255) ** (1 / 2.2)
        (chunk(b"gAMA", struct.pack(">I", 45_455)), 128),  # the usual one
        (chunk(b"gAMA", struct.pack(">I", 100_000)) + chunk(b"sRGB", b"\0"), 128),  # sRGB wins
        (chunk(b"gAMA", struct.pack(">I", 0)), 128),  # impossible
        (chunk(b"gAMA", b"\0"), 128),  # cut
        (chunk(b"cHRM", b"\0\1\2"), 128),
        (chunk(b"gAMA", struct.pack(">I", 45_455)) + iccp(grey_profile(1.0)), 188),  # the profile
    ],
)
@pytest.mark.parametrize("colour", [0, 2])  # grey, RGB
def test_the_gamma_of_a_png(chunks: bytes, expected: int, colour: int) -> None:
    row = b"\0" + b"\x80" * SIDE * (3 if colour else 1)
    assert (
        one_colour(opened(png(SIDE, SIDE, row * SIDE, colour=colour, before=chunks)))
        == [expected] * 3
    )


# ------------------------------------------------------------------------------- numbers


def halves(left: int, right: int, kind: str, order: str = "<") -> bytes:
    """The pixels of a picture with two halves, as struct type `kind`."""
    row = [left] * (SIDE // 2) + [right] * (SIDE // 2)
    return struct.pack(f"{order}{SIDE}{kind}", *row) * SIDE


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize(("mode", "top"), [("1", 1), ("L", 255), ("I;16", 65535)])
def test_greyscale_keeps_its_range(tmp_path: Path, mode: str, top: int, suffix: str) -> None:
    dtype = {"1": bool, "L": np.uint8, "I;16": np.uint16}[mode]
    for value, expected in ((0, 0), (top // 2, 0 if mode == "1" else 127), (top, 255)):
        Image.fromarray(np.full((SIDE, SIDE), value, dtype)).save(tmp_path / f"a{suffix}")
        values = np.asarray(open_picture(tmp_path / f"a{suffix}", 16))
        assert one_colour(values) == [expected] * 3


def test_16_bit_colour() -> None:
    row = b"\0" + struct.pack(">3H", 257, 32896, 65535) * SIDE
    assert one_colour(opened(png(SIDE, SIDE, row * SIDE, depth=16))) == [1, 128, 255]


TIFFS: dict[str, tuple[Callable[[], bytes], list[int]]] = {
    "16 bit": (lambda: tiff(SIDE, SIDE, halves(0, 65535, "H"), bits=16), [0, 255]),
    "big-endian": (
        lambda: tiff(SIDE, SIDE, halves(257, 65535, "H", ">"), bits=16, order=">"),
        [1, 255],
    ),
    "zero is white": (
        lambda: tiff(SIDE, SIDE, halves(0, 65278, "H"), bits=16, photometric=0),
        [255, 1],
    ),
    "zero is white, 8 bit": (
        lambda: tiff(SIDE, SIDE, halves(0, 254, "B"), photometric=0),
        [255, 1],
    ),
    "12 bit": (lambda: tiff(SIDE, SIDE, (b"\0" * 24 + b"\xff" * 24) * SIDE, bits=12), [0, 255]),
    "signed": (lambda: tiff(SIDE, SIDE, halves(0, 257, "h"), bits=16, sample_format=2), [0, 1]),
    "signed, 8 bit": (lambda: tiff(SIDE, SIDE, halves(0, 99, "b"), sample_format=2), [0, 99]),
    "32 bit": (lambda: tiff(SIDE, SIDE, halves(257, 65535, "I"), bits=32), [1, 255]),
}


@pytest.mark.parametrize("case", TIFFS)
def test_scanners_greys(case: str) -> None:
    content, expected = TIFFS[case]
    assert columns(opened(content())) == expected


@pytest.mark.parametrize("scale", [1, 257])
def test_a_palette_of_8_bits_in_a_tiff(scale: int) -> None:
    """Where the format wants 16, which is `scale` 257."""
    palette = [[0] * 255 + [value * scale] for value in RED]
    tags = {320: ("H", [value for channel in palette for value in channel])}
    file = tiff(SIDE, SIDE, b"\xff" * SIDE * SIDE, photometric=3, tags=tags)
    assert one_colour(opened(file)) == list(RED)


def test_a_portable_greymap_keeps_its_range() -> None:
    assert columns(opened(b"P5 32 32 1023\n" + halves(0, 1023, "H", ">"))) == [0, 255]


REFUSED = {
    "float": (lambda: tiff(SIDE, SIDE, halves(0, 1, "f"), bits=32, sample_format=3), "floating"),
    "above 16 bits": (lambda: tiff(SIDE, SIDE, halves(0, 70_000, "I"), bits=32), "0 to 70000, out"),
    "negative": (
        lambda: tiff(SIDE, SIDE, halves(-5, 9, "h"), bits=16, sample_format=2),
        "from -5 to 9, outside of 0 to 65535",
    ),
    "negative bytes": (
        lambda: tiff(SIDE, SIDE, halves(-5, 9, "b"), sample_format=2),
        "from -5 to 9, outside of 0 to 255",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_numbers_that_are_no_greys_are_refused(case: str) -> None:
    content, reason = REFUSED[case]
    with pytest.raises(PictureError, match=f"{reason}.*: save it with 8 or 16 bits"):
        opened(content())


# -------------------------------------------------------------------------- transparency


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(mode: str, format: str) -> None:
    picture = plain((0, 0, 0, 0), "RGBA")
    picture.paste((0, 0, 0, 128), (0, 0, SIDE // 2, SIDE))
    options = {"lossless": True} if format == "WEBP" else {}
    values = opened(picture.convert(mode), format, **options)
    assert np.abs(values[:, 0] - 127).max() <= 1
    assert (values[:, -1] == 255).all()


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour(format: str) -> None:
    picture = plain(1, "P")
    picture.putpalette([*RED, 0, 0, 0])
    picture.paste(0, (0, 0, SIDE // 2, SIDE))
    values = opened(picture, format, transparency=1)
    assert (values[:, 0] == RED).all() and (values[:, -1] == 255).all()


def test_a_palette_with_half_transparent_colours() -> None:
    picture = plain(0, "P")
    picture.putpalette([0, 0, 0])
    assert one_colour(opened(picture, transparency=bytes([128]))) == [127] * 3


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png(depth: int) -> None:
    """The left half has the value of the key and turns white; the right half stays black."""
    key = 1 if depth == 1 else 2 ** (depth - 1) + 1
    row = f"{key:0{depth}b}" * (SIDE // 2) + f"{0:0{depth}b}" * (SIDE // 2)
    rows = (b"\0" + int(row, 2).to_bytes(SIDE * depth // 8, "big")) * SIDE

    def with_key(value: int) -> np.ndarray:
        trns = chunk(b"tRNS", struct.pack(">H", value))
        return opened(png(SIDE, SIDE, rows, depth=depth, colour=0, before=trns))

    grey = round(255 * key / (2**depth - 1))
    assert columns(with_key(key)) == [255, 0]
    assert columns(with_key(0)) == [grey, 255]


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_a_png(depth: int) -> None:
    pack = f">{3 * SIDE}{'B' if depth == 8 else 'H'}"
    key = [200, 0, 7] if depth == 8 else [0xC812, 0x0034, 0x0756]
    row = b"\0" + struct.pack(pack, *key * (SIDE // 2), *[0] * 3 * (SIDE // 2))
    file = png(SIDE, SIDE, row * SIDE, depth=depth, before=chunk(b"tRNS", struct.pack(">3H", *key)))
    assert columns(opened(file)) == [255, 0]


def test_colours_that_were_multiplied_with_their_alpha() -> None:
    """Half transparent black and white, stored as 0 and 128; in a TIFF that is ExtraSamples 1."""
    row = bytes([0, 0, 0, 128] * (SIDE // 2) + [128] * 4 * (SIDE // 2))
    tags = {338: ("H", [1])}
    file = tiff(SIDE, SIDE, row * SIDE, photometric=2, samples=4, tags=tags)
    assert columns(opened(file)) == [127, 255]
    for mode, pixel in (("La", (0, 128)), ("RGBa", (0, 0, 0, 128))):
        assert one_colour(np.asarray(to_srgb(plain(pixel, mode)))) == [127] * 3


def bitmap(alpha: int) -> bytes:
    """A 32 bit BMP with an alpha channel of one value (BITMAPV4HEADER)."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, SIDE, SIDE, 1, 32, 3, 0, 0, 0, 0, 0) + masks
    header = header.ljust(108, b"\0")
    pixels = bytes([*RED[::-1], alpha]) * SIDE * SIDE
    start = 14 + len(header)
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + header + pixels


def test_a_bitmap_whose_alpha_was_never_set_is_opaque() -> None:
    assert one_colour(opened(bitmap(0))) == list(RED)
    assert one_colour(opened(bitmap(255))) == list(RED)
    half = one_colour(opened(bitmap(128)))
    assert np.abs(np.array(half) - (np.array(RED) + 255) / 2).max() <= 1


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_a_picture_of_nothing_is_refused(format: str) -> None:
    with pytest.raises(PictureError, match="transparent throughout"):
        opened(plain((9, 9, 9, 0), "RGBA"), format)


# --------------------------------------------------------------------------- orientation

UPRIGHT = Image.fromarray(
    np.kron(np.array([[0, 90, 180], [255, 30, 60], [220, 120, 150]], np.uint8), np.ones((16, 16)))
).convert("RGB")
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def is_upright(file: bytes) -> bool:
    values = np.asarray(open_picture(io.BytesIO(file), 48)).astype(int)
    return np.abs(values - np.asarray(UPRIGHT)).mean() < 6


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=format, **options)
    return stream.getvalue()


def exif(orientation: Any, number: int = 0x0112) -> Image.Exif:
    data = Image.Exif()
    data[number] = orientation
    return data


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_turned_photo_stands_upright(format: str, orientation: int) -> None:
    turn = STORED[orientation]
    stored = UPRIGHT if turn is None else UPRIGHT.transpose(turn)
    assert is_upright(saved(stored, format, exif=exif(orientation)))
    assert is_upright(saved(stored, format)) == (turn is None)


TURNED = UPRIGHT.transpose(Image.Transpose.ROTATE_90)  # as orientation 6 stores it


def raw_profile(data: bytes) -> bytes:
    """EXIF data in a text, as ImageMagick wrote it."""
    text = f"\nexif\n{len(data):8}\n{data.hex()}\n"
    return chunk(b"tEXt", b"Raw profile type exif\0" + text.encode())


def png_of(picture: Image.Image, *, before: bytes = b"", after: bytes = b"") -> bytes:
    values = np.asarray(picture.convert("RGB"))
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    return png(*picture.size, rows, before=before, after=after)


GOOD = exif(6).tobytes()
ORIENTATIONS = {
    "at the end": (b"", chunk(b"eXIf", GOOD[6:])),
    "a raw profile": (raw_profile(GOOD), b""),
    "two headers": (chunk(b"eXIf", GOOD), b""),
    "with junk behind it": (chunk(b"eXIf", GOOD[6:] + b"\xff" * 40), b""),
    "beside a broken text": (chunk(b"zTXt", b"x\0\7junk") + chunk(b"eXIf", GOOD[6:]), b""),
    "beside a broken gamma": (chunk(b"gAMA", b"\0") + chunk(b"eXIf", GOOD[6:]), b""),
    "XMP": (
        chunk(
            b"iTXt",
            b'XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation="6"/>',
        ),
        b"",
    ),
}


@pytest.mark.parametrize("case", ORIENTATIONS)
def test_orientation_is_read_where_it_can_be(case: str) -> None:
    before, after = ORIENTATIONS[case]
    assert is_upright(png_of(TURNED, before=before, after=after))


def typed(kind: int, value: bytes) -> bytes:
    """EXIF data whose orientation has another type: 2 text, 3 short, 4 long, 7 bytes."""
    count = 1 if kind in (3, 4) else len(value)
    entry = struct.pack(">HHHI", 1, 0x0112, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0MM\0*\0\0\0\x08" + entry + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("kind", "value", "turned"),
    [
        (3, b"\0\6", True),
        (4, b"\0\0\0\6", True),
        (2, b"6\0", True),
        (3, b"\0\0", False),
        (3, b"\0\x09", False),
        (4, b"\xff\xff\xff\xff", False),
        (2, b"top", False),
        (7, b"\6\6", False),
        (99, b"\0\6", False),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_of_any_type(format: str, kind: int, value: bytes, turned: bool) -> None:
    assert is_upright(saved(TURNED if turned else UPRIGHT, format, exif=typed(kind, value)))
