"""Every ordinary picture file opens; everything else is refused with its name and a reason."""

from __future__ import annotations

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
import torch
from PIL import Image

from inst_tutorial.pictures import (
    MOST_PIXELS,
    PictureError,
    open_picture,
    save_picture,
    to_pictures,
    to_tensor,
)

RED, WHITE = (200, 30, 40), (255, 255, 255)


def half_red(mode: str = "RGB", size: int = 32) -> Image.Image:
    """White, with the left half red."""
    picture = Image.new("RGB", (size, size), WHITE)
    picture.paste(RED, (0, 0, size // 2, size))
    return picture.convert(mode)


def assert_half_red(picture: Image.Image, within: int = 3) -> None:
    assert (picture.mode, picture.size) == ("RGB", (16, 16))
    values = np.asarray(picture).astype(int)
    assert np.abs(values[:, 1:6] - RED).max() <= within
    assert np.abs(values[:, 10:15] - WHITE).max() <= within


# -------------------------------------------------------------------------- accepted


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("a.png", "P", {}),
        ("a.gif", "P", {}),
        ("a.bmp", "RGB", {}),
        ("a.jpg", "RGB", {"quality": 95}),
        ("a.jpg", "CMYK", {"quality": 95}),
        ("a.tiff", "CMYK", {}),
        ("a.webp", "RGB", {"lossless": True}),
    ],
)
def test_formats_and_modes(tmp_path: Path, name: str, mode: str, options: dict[str, Any]) -> None:
    half_red(mode).save(tmp_path / name, **options)
    # gif and palette pictures round to the palette, and JPEG rounds anyway
    assert_half_red(open_picture(tmp_path / name, 16), within=26 if mode == "P" else 6)
    assert_half_red(open_picture(str(tmp_path / name), 16), within=26 if mode == "P" else 6)


def test_an_open_file_and_bytes_in_memory(tmp_path: Path) -> None:
    half_red().save(tmp_path / "a.png")
    with open(tmp_path / "a.png", "rb") as file:
        assert_half_red(open_picture(file, 16))
        assert not file.closed
    assert_half_red(open_picture(io.BytesIO((tmp_path / "a.png").read_bytes()), 16))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_stands_upright(tmp_path: Path, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = half_red()
    upright.paste((0, 0, 0), (0, 0, 8, 4))  # a corner, so that every orientation differs
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    opened = np.asarray(open_picture(tmp_path / "a.jpg", 32)).astype(int)
    assert np.abs(opened - np.asarray(upright)).mean() < 4


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str, suffix: str) -> None:
    picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 128), (0, 0, 16, 32))
    picture.convert(mode).save(tmp_path / f"a{suffix}", lossless=True)
    values = np.asarray(open_picture(tmp_path / f"a{suffix}", 16)).astype(int)
    assert np.abs(values[:, 1:6] - 127).max() <= 1
    assert values[:, 10:15].min() == 255


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_palette_with_a_transparent_colour(tmp_path: Path, suffix: str) -> None:
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([*RED, 0, 0, 0])
    picture.paste(0, (0, 0, 16, 32))
    picture.save(tmp_path / f"a{suffix}", transparency=1)
    assert_half_red(open_picture(tmp_path / f"a{suffix}", 16))


@pytest.mark.parametrize("mode", ["1", "L", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_greyscale_keeps_its_range(tmp_path: Path, mode: str, suffix: str) -> None:
    top, dtype = {"1": (1, bool), "L": (255, np.uint8), "I;16": (65535, np.uint16)}[mode]
    ramp = np.array([[0, top // 2, top]]).repeat(3, 0).astype(dtype)
    Image.fromarray(ramp).save(tmp_path / f"a{suffix}")
    values = np.asarray(open_picture(tmp_path / f"a{suffix}", 3))
    expected = [0, 0 if mode == "1" else 127, 255]
    assert values[0].tolist() == [[value] * 3 for value in expected]


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"") -> bytes:
    """A PNG file by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_16_bit_colour(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 0, 32896, 65535, 65535, 257, 0)
    (tmp_path / "a.png").write_bytes(png(2, 2, depth=16, rows=row * 2))
    values = np.asarray(open_picture(tmp_path / "a.png", 2))
    assert values[0].tolist() == [[0, 128, 255], [255, 1, 0]]


def test_a_phone_jpeg_with_a_preview_inside(tmp_path: Path) -> None:
    other = Image.new("RGB", (32, 32), "blue")
    half_red().save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[other])
    assert_half_red(open_picture(tmp_path / "a.jpg", 16), within=8)


@pytest.mark.parametrize("size", [(48, 16), (16, 48)])
def test_the_central_square_is_taken(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "blue")
    left, top = (size[0] - 16) // 2, (size[1] - 16) // 2
    picture.paste(half_red(size=16), (left, top))
    picture.save(tmp_path / "a.png")
    assert_half_red(open_picture(tmp_path / "a.png", 16), within=0)


def test_small_pictures_grow(tmp_path: Path) -> None:
    Image.new("RGB", (1, 5), RED).save(tmp_path / "a.png")
    assert (
        np.asarray(open_picture(tmp_path / "a.png", 16)).reshape(-1, 3).tolist() == [[*RED]] * 256
    )


# --------------------------------------------------------------------------- refused


def save_bytes(picture: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, **options)
    return stream.getvalue()


def noise(size: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8))


def frames(format: str) -> bytes:
    others = [Image.new("RGB", (32, 32), colour) for colour in ("blue", "green")]
    return save_bytes(half_red(), format=format, save_all=True, append_images=others)


REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("a.png", lambda: b"", "empty"),
    "text": ("a.png", lambda: b"not a picture at all\n" * 9, "no picture, or"),
    "html": ("a.jpg", lambda: b"<html>404</html>", "no picture, or"),
    "svg": ("a.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture, or"),
    "postscript": ("a.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9, "no picture, or"),
    "cut png": ("a.png", lambda: save_bytes(noise(), format="PNG")[:5000], "cannot be read"),
    "cut jpeg": ("a.jpg", lambda: save_bytes(noise(), format="JPEG")[:1500], "cannot be read"),
    "cut webp": ("a.webp", lambda: save_bytes(noise(), format="WEBP")[:900], "cannot be read|no p"),
    "cut gif": ("a.gif", lambda: save_bytes(noise(), format="GIF")[:1500], "cannot be read"),
    "cut header": ("a.png", lambda: save_bytes(noise(), format="PNG")[:20], "cannot be read|no p"),
    "broken png": (
        "a.png",
        lambda: save_bytes(noise(), format="PNG").replace(b"IDAT", b"IDAT?"),
        "cannot be read",
    ),
    "animated gif": ("a.gif", lambda: frames("GIF"), "3 frames"),
    "animated png": ("a.png", lambda: frames("PNG"), "3 frames"),
    "animated webp": ("a.webp", lambda: frames("WEBP"), "3 frames"),
    "pages": ("a.tiff", lambda: frames("TIFF"), "3 frames"),
    "zero png": ("a.png", lambda: png(0, 0), "without pixels"),
    "zero wide png": ("a.png", lambda: png(0, 5, rows=b"\0" * 5), "without pixels"),
    "large png": ("a.png", lambda: png(10_001, 10_000), "10001 x 10000, more than"),
    "gigantic png": ("a.png", lambda: png(50_000, 50_000), "more than"),
    "bomb": ("a.png", lambda: png(2**31 - 1, 2**31 - 1), "more than"),
    "float": ("a.tiff", lambda: save_bytes(Image.new("F", (8, 8)), format="TIFF"), "floating"),
    "32 bit": ("a.tiff", lambda: save_bytes(Image.new("I", (8, 8), 70_000), format="TIFF"), "16 b"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused(tmp_path: Path, case: str) -> None:
    name, content, reason = REFUSED[case]
    (tmp_path / name).write_bytes(content())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureError, match=reason) as error:
            open_picture(tmp_path / name, 16)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_just_small_enough_is_decided_by_the_header_alone(tmp_path: Path) -> None:
    side = int(MOST_PIXELS**0.5)
    (tmp_path / "a.png").write_bytes(png(side + 1, side))
    with pytest.raises(PictureError, match="more than 100,000,000 pixels"):
        open_picture(tmp_path / "a.png", 16)


def test_an_empty_stream_is_refused() -> None:
    with pytest.raises(PictureError, match="the picture: no picture, or"):
        open_picture(io.BytesIO(b""), 16)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(PictureError, match=str(path)):
            open_picture(path, 16)


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_of_nothing_is_refused(tmp_path: Path, size: int) -> None:
    half_red().save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=f"1 pixel or more, got {size}"):
        open_picture(tmp_path / "a.png", size)


# ---------------------------------------------------------------------------- saving


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".jpg", ".jpeg", ".webp"])
def test_what_is_saved_opens_again(tmp_path: Path, suffix: str) -> None:
    path = save_picture(half_red(size=16), tmp_path / "new" / f"a{suffix}")
    assert_half_red(open_picture(path, 16), within=0 if suffix.lower() == ".png" else 12)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    tagged = tmp_path / "tagged.png"
    half_red(size=16).save(tagged, icc_profile=b"x" * 200, dpi=(72, 72))
    first = save_picture(half_red(size=16), tmp_path / f"a{suffix}")
    second = save_picture(open_picture(tagged, 16), tmp_path / f"b{suffix}")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["a.txt", "a", "a.png.exe"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match=r"must end in \.png, \.jpg"):
        save_picture(half_red(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = save_picture(half_red(), tmp_path / "a.jpg")
    before = path.read_bytes()
    with pytest.raises(PictureError, match=r"a\.jpg: cannot be written: .*RGBA"):
        save_picture(half_red("RGBA"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PictureError, match="cannot be written"):
        save_picture(half_red(), tmp_path / "file" / "a.png")


# --------------------------------------------------------------------------- tensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_the_round_trip_is_exact(dtype: torch.dtype) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(np.stack([values, values[::-1], values.T], -1))
    tensor = to_tensor(picture, dtype=dtype)
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.dtype == dtype
    assert (tensor.min(), tensor.max()) == (-1, 1)
    (back,) = to_pictures(tensor)
    assert np.array_equal(np.asarray(back), np.asarray(picture))


def test_channels_rows_and_columns_keep_their_places() -> None:
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 0))
    tensor = to_tensor([picture, Image.new("RGB", (3, 2), WHITE)])
    assert tensor.shape == (2, 3, 2, 3)
    assert (tensor[0] > 0).nonzero().tolist() == [[0, 1, 2]]
    assert (tensor[1] == 1).all()
    assert [p.size for p in to_pictures(tensor)] == [(3, 2), (3, 2)]


def test_values_beyond_the_range_are_clamped() -> None:
    tensor = torch.tensor([-9.0, 0.0, 9.0]).expand(1, 3, 1, 3)
    assert np.asarray(to_pictures(tensor)[0])[0, :, 0].tolist() == [0, 128, 255]


def test_wrong_batches_are_refused() -> None:
    with pytest.raises(PictureError, match=r"one size, got \[\(3, 2\), \(4, 2\)\]"):
        to_tensor([Image.new("RGB", (3, 2)), Image.new("RGB", (4, 2))])
    with pytest.raises(PictureError, match="no picture"):
        to_tensor([])
    with pytest.raises(PictureError, match=r"\(b, 3, H, W\), got \(3, 8, 8\)"):
        to_pictures(torch.zeros(3, 8, 8))
    with pytest.raises(PictureError, match="no numbers"):
        to_pictures(torch.full((1, 3, 2, 2), float("nan")))


def test_pictures_need_no_torch() -> None:
    import subprocess

    code = "import sys, inst_tutorial.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
