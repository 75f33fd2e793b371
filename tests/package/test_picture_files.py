"""Every file that people have opens as a picture, or is refused with its name and a way out."""

from __future__ import annotations

import importlib.util
import io
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import ADOBE_RGB, chunk, iccp, png, rgb_profile, tiff
from PIL import Image

from inst_tutorial.picture_files import LEAST_SIDE, MOST_PIXELS
from inst_tutorial.pictures import PictureError, PictureWarning, open_picture

SIDE = 40
RNG = np.random.default_rng(0)
NOISE = Image.fromarray(RNG.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
RED = Image.new("RGB", (SIDE, SIDE), (200, 30, 40))


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=format, **options)
    return stream.getvalue()


def is_red(content: bytes) -> bool:
    values = np.asarray(open_picture(io.BytesIO(content), 16)).astype(int)
    return np.abs(values - (200, 30, 40)).max() <= 12


def red_png(before: bytes = b"", after: bytes = b"") -> bytes:
    row = b"\0" + bytes([200, 30, 40]) * SIDE
    return png(SIDE, SIDE, row * SIDE, before=before, after=after)


# ------------------------------------------------------------------------------- formats


@pytest.mark.parametrize(
    "format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"]
)
def test_formats(format: str) -> None:
    assert is_red(saved(RED, format))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_compressions_of_tiff(compression: str) -> None:
    assert is_red(saved(RED, "TIFF", compression=compression))


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(RED, "JPEG"))
    open_picture(tmp_path / "a.png", 16)


def test_a_stream_that_cannot_go_back() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation("seek")

    assert open_picture(Pipe(saved(RED, "PNG")), 16).size == (16, 16)


def heic(picture: Image.Image = RED, **options: Any) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, quality=90, **options)
    return stream.getvalue()


def test_heic() -> None:
    assert is_red(heic())


def test_heic_follows_its_colour_profile() -> None:
    picture = Image.new("RGB", (SIDE, SIDE), (200, 40, 30))
    picture.info["icc_profile"] = rgb_profile(ADOBE_RGB, 2.19921875)
    values = np.asarray(open_picture(io.BytesIO(heic(picture)), 16)).astype(int)
    assert np.abs(values - (233, 35, 23)).max() <= 6


def test_heic_without_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    head = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r'HEIC.*JPEG.*pip install "inst-tutorial\[heic\]"'):
        open_picture(io.BytesIO(head + b"\0" * 99), 16)


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="needs pillow-heif")
def test_a_damaged_heic() -> None:
    with pytest.raises(PictureError, match="cannot be read: it is damaged"):
        open_picture(io.BytesIO(heic()[:200]), 16)


# ------------------------------------------------------------------------------ previews


def pages(*kinds: int) -> bytes:
    """A TIFF of red, blue, green ... pages; 0 is a full page, 1 a smaller version, 4 a mask."""
    first, *rest = (
        Image.new("RGB", (SIDE, SIDE), colour)
        for colour in ((200, 30, 40), "blue", "green")[: len(kinds)]
    )
    content = bytearray(saved(first, "TIFF", save_all=True, append_images=rest, tiffinfo={254: 0}))
    at, kinds_left = struct.unpack_from("<I", content, 4)[0], list(kinds)
    while at:  # along the directories
        count = struct.unpack_from("<H", content, at)[0]
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from("<H", content, entry)[0] == 254:
                struct.pack_into("<I", content, entry + 8, kinds_left.pop(0))
        at = struct.unpack_from("<I", content, at + 2 + 12 * count)[0]
    assert not kinds_left
    return bytes(content)


def test_smaller_versions_and_masks_are_no_pages() -> None:
    assert is_red(pages(0))
    assert is_red(pages(0, 1, 1)) and is_red(pages(0, 1, 4))


def test_several_pages_are_refused() -> None:
    with pytest.raises(PictureError, match="2 frames; save the one"):
        is_red(pages(0, 1, 0))


def test_a_raw_picture_that_shows_its_preview_is_refused() -> None:
    with pytest.raises(PictureError, match=r"preview first.* raw picture: open it in"):
        is_red(pages(1, 0))


def test_a_phone_jpeg_with_a_preview_inside() -> None:
    other = Image.new("RGB", (SIDE, SIDE), "blue")
    assert is_red(saved(RED, "MPO", save_all=True, append_images=[other]))


# ----------------------------------------------------------------------- broken metadata

BOMB = zlib.compress(b"a" * 5_000_000)
PROFILE = rgb_profile(ADOBE_RGB, 2.2)
LARGE = rgb_profile(ADOBE_RGB, 2.2, padding=3_000_000)
METADATA = {
    "no EXIF data": chunk(b"eXIf", b""),
    "EXIF data that are junk": chunk(b"eXIf", b"junk" * 40),
    "a raw profile of junk": chunk(b"tEXt", b"Raw profile type exif\0no\nhex\nat\nall zz"),
    "a raw profile that is cut": chunk(b"tEXt", b"Raw profile type exif\0\nexif\n8\nabc"),
    "a raw profile of APP1": chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(b"zz")),
    "a compressed text of megabytes": chunk(b"zTXt", b"Comment\0\0" + BOMB),
    "an international text of megabytes": chunk(b"iTXt", b"prompt\0\1\0\0\0" + BOMB),
    "XMP of megabytes": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB),
    "many plain texts": chunk(b"tEXt", b"workflow\0" + b"{" * 900_000) * 80,
    "an unknown compression": chunk(b"zTXt", b"Comment\0\7abc"),
    "a text with a wrong checksum": chunk(b"tEXt", b"Comment\0hello", damaged=True),
    "a text that is no text": chunk(b"iTXt", b"\xff\xfe\0\1\0\xff\0\xfe\0\xff"),
    "a cut resolution": chunk(b"pHYs", b"\0"),
    "cut primaries": chunk(b"cHRM", b"\0" * 9),
    "an unknown chunk": chunk(b"quUx", b"?" * 99, damaged=True),
}


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("case", METADATA)
def test_broken_metadata_of_a_png_are_left_out(case: str, where: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is lost that shows
        assert is_red(red_png(**{where: METADATA[case]}))


@pytest.mark.parametrize("case", METADATA)
def test_a_good_profile_beside_broken_metadata_is_used(case: str) -> None:
    row = b"\0" + bytes([200, 40, 30]) * SIDE
    file = png(SIDE, SIDE, row * SIDE, before=METADATA[case] + iccp(PROFILE))
    values = np.asarray(open_picture(io.BytesIO(file), 16)).astype(int)
    assert np.abs(values - (233, 35, 23)).max() <= 2


LOST = {
    "a wrong animation": chunk(b"acTL", b"\0"),
    "an empty sRGB": chunk(b"sRGB", b""),
    "a cut gamma": chunk(b"gAMA", b"\0\0"),
    "EXIF data with a wrong checksum": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0", damaged=True),
    "a profile of megabytes": iccp(b"a" * 5_000_000),
    "a profile that is not packed": chunk(b"iCCP", b"name\0\7" + PROFILE),
    "a profile with a wrong checksum": chunk(b"iCCP", b"name\0\0no", damaged=True),
    "a profile without a name": chunk(b"iCCP", b"abcd"),
    "a cut transparent colour": chunk(b"tRNS", b"\0\1"),
}


@pytest.mark.parametrize("case", LOST)
def test_metadata_that_show_are_left_out_with_a_warning(case: str) -> None:
    with pytest.warns(PictureWarning, match="is damaged, and is left out|profile cannot be used"):
        assert is_red(red_png(LOST[case]))


def test_what_is_whole_is_kept_beside_what_is_damaged() -> None:
    damaged = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0", damaged=True)
    linear = chunk(b"gAMA", struct.pack(">I", 100_000))
    with pytest.warns(PictureWarning, match="its orientation is damaged") as caught:
        picture = open_picture(io.BytesIO(red_png(damaged + linear)), 16)
    assert picture.getpixel((8, 8)) == (228, 96, 110) and len(caught) == 1


@pytest.mark.parametrize("profile", [LARGE, PROFILE])
def test_the_profile_of_a_measured_screen_is_used(profile: bytes) -> None:
    row = b"\0" + bytes([200, 40, 30]) * SIDE
    metadata = METADATA["a compressed text of megabytes"] + iccp(profile)
    values = np.asarray(open_picture(io.BytesIO(png(SIDE, SIDE, row * SIDE, before=metadata)), 16))
    assert np.abs(values.astype(int) - (233, 35, 23)).max() <= 2


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
@pytest.mark.parametrize("junk", [b"junk" * 9, b"Exif\0\0MM\0*", b"MM\0*\0\0\0\x08\xff\xff", b""])
def test_broken_exif_data_of_other_formats(format: str, junk: bytes) -> None:
    assert is_red(saved(RED, format, exif=junk))


# ------------------------------------------------------------------------------- refused


def frames(format: str, **options: Any) -> bytes:
    others = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("blue", "green")]
    return saved(RED, format, save_all=True, append_images=others, **options)


def sized(width: int, height: int) -> bytes:
    return png(width, height)


def ftyp(brand: bytes) -> bytes:
    return struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, brand) + b"\0" * 80


DAMAGED = r"cannot be read: it is damaged \(.*\): open it in an image program"
BEGINS = "it begins as an? {}, but is damaged, without pixels, or of a kind that is not read"
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("a.png", lambda: b"", "the file is empty"),
    "text": ("a.png", lambda: b"not a picture at all\n" * 9, "no picture in a format"),
    "one byte": ("a.png", lambda: b"x", "no picture in a format"),
    "web page": ("a.jpg", lambda: b"<html>404</html>", "a web page: download the picture"),
    "web page, new": ("a.jpg", lambda: b"\n<!DOCTYPE html>\n<html>", "a web page"),
    "svg": ("a.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG.*: export it"),
    "xml svg": ("a.svg", lambda: b'<?xml version="1.0"?>\n<!-- a -->\n<svg/>', "SVG.*: export it"),
    "postscript": ("a.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9, "PostScript: export"),
    "pdf": ("a.pdf", lambda: b"%PDF-1.7\n", "a PDF: export"),
    "photoshop": ("a.psd", lambda: b"8BPS\0\1" + b"\0" * 99, "Photoshop document: export"),
    "gimp": ("a.xcf", lambda: b"gimp xcf v011\0", "GIMP document: export"),
    "krita": ("a.kra", lambda: b"PK\3\4" + b"\0" * 99, "an archive"),
    "git lfs": ("a.png", lambda: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "jpeg xl": ("a.jxl", lambda: b"\xff\x0a" + b"\0" * 99, "JPEG XL picture: save it as PNG"),
    "openexr": ("a.exr", lambda: b"v/1\1\2\0\0\0", "floating point: save it with 8 or 16"),
    "radiance": ("a.hdr", lambda: b"#?RADIANCE\n", "floating point: save it with 8 or 16"),
    "film": ("a.mp4", lambda: ftyp(b"isom"), "a film"),
    "live photo": ("a.mov", lambda: ftyp(b"qt  "), "a film"),
    "canon raw": ("a.cr2", lambda: b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 99, "camera's raw picture"),
    "word": ("a.png", lambda: struct.pack("<Q", 64) + b'{"<inst>":' + b" " * 60, "safetensors"),
    "float tiff": (
        "a.tif",
        lambda: tiff(SIDE, SIDE, b"\0" * SIDE * SIDE * 12, bits=32, sample_format=3, samples=3),
        BEGINS.format("TIFF") + r" here \(floating point",
    ),
    "avif": ("a.avif", lambda: ftyp(b"avif"), "begins as an AVIF"),
    "cut png": ("a.png", lambda: saved(NOISE, "PNG")[:2500], DAMAGED),
    "cut jpeg": ("a.jpg", lambda: saved(NOISE, "JPEG")[:1200], DAMAGED),
    "cut webp": ("a.webp", lambda: saved(NOISE, "WEBP")[:600], f"{DAMAGED}|begins as a WebP"),
    "cut gif": ("a.gif", lambda: saved(NOISE, "GIF")[:1500], DAMAGED),
    "cut tiff": ("a.tif", lambda: saved(NOISE, "TIFF")[:1500], DAMAGED),
    "cut bmp": ("a.bmp", lambda: saved(NOISE, "BMP")[:1500], DAMAGED),
    "cut avif": ("a.avif", lambda: saved(NOISE, "AVIF")[:900], f"{DAMAGED}|as an AVIF"),
    "cut header": ("a.png", lambda: saved(NOISE, "PNG")[:20], f"{DAMAGED}|begins as a PNG"),
    "broken png": (
        "a.png",
        lambda: saved(NOISE, "PNG").replace(b"IDAT", b"IDAT?"),
        f"{DAMAGED}|begins as a PNG",
    ),
    "animated gif": ("a.gif", lambda: frames("GIF"), "3 frames"),
    "animated png": ("a.png", lambda: frames("PNG"), "3 frames"),
    "animated webp": ("a.webp", lambda: frames("WEBP"), "3 frames"),
    "animated avif": ("a.avif", lambda: frames("AVIF"), "3 frames"),
    "animated png, broken text": (
        "a.png",
        lambda: frames("PNG")[:33] + METADATA["an unknown compression"] + frames("PNG")[33:],
        "frames",
    ),
    "pages": ("a.tiff", lambda: frames("TIFF"), "3 frames"),
    "zero png": ("a.png", lambda: sized(0, 0), BEGINS.format("PNG")),
    "zero wide png": ("a.png", lambda: sized(0, 5), BEGINS.format("PNG")),
    "a pixel": ("a.png", lambda: saved(RED.resize((1, 1)), "PNG"), "1 x 1 pixels.* 32 or more"),
    "a line": ("a.png", lambda: sized(4000, 2), "4000 x 2 pixels.* take a larger version"),
    "an icon": ("a.png", lambda: sized(31, 31), "31 x 31 pixels; a picture needs 32"),
    "large png": ("a.png", lambda: sized(10_001, 10_000), "10001 x 10000, more than 100,000,000"),
    "gigantic png": ("a.png", lambda: sized(50_000, 50_000), "more than .*: save it smaller"),
    "bomb": ("a.png", lambda: sized(2**31 - 1, 2**31 - 1), "more than .*: save it smaller"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused(tmp_path: Path, case: str) -> None:
    name, content, reason = REFUSED[case]
    (tmp_path / name).write_bytes(content())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureError, match=reason) as error:
            open_picture(tmp_path / name, 16)
    assert str(error.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_least_and_the_most(tmp_path: Path) -> None:
    assert open_picture(io.BytesIO(saved(RED.resize((LEAST_SIDE, 3000)), "PNG")), 8)
    side = int(MOST_PIXELS**0.5)
    with pytest.raises(PictureError, match="damaged"):  # size is in order, only its pixels lack
        open_picture(io.BytesIO(sized(side, side)), 8)
    with pytest.raises(PictureError, match="more than"):
        open_picture(io.BytesIO(sized(side + 1, side)), 8)


# ------------------------------------------------------------------------------- fuzzing

SEEDS = [
    red_png(
        chunk(b"gAMA", b"\0\0\xb1\x8f") + iccp(PROFILE) + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0")
    ),
    *(saved(NOISE, format) for format in ("GIF", "BMP", "PPM")),
    saved(NOISE, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0", icc_profile=PROFILE),
    saved(NOISE, "WEBP", icc_profile=PROFILE),
    saved(NOISE.convert("CMYK"), "TIFF", icc_profile=PROFILE),
    tiff(SIDE, SIDE, bytes(SIDE * SIDE * 2), bits=16, photometric=0),
    pages(0, 1),
]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A good file with some bytes changed, mostly in its head, and perhaps cut off."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    places = st.one_of(st.integers(0, 600), st.integers(0, len(content) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        content[place % len(content)] = value
    return bytes(content[: draw(st.one_of(st.none(), st.integers(0, len(content))))])


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(damaged_files(), st.binary(max_size=200)))
def test_any_bytes_are_a_picture_or_a_picture_error(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        try:
            picture = open_picture(io.BytesIO(content), 8)
        except PictureError as error:
            assert str(error).startswith("the picture: ") and "\n" not in str(error)
        else:
            assert (picture.mode, picture.size) == ("RGB", (8, 8))
