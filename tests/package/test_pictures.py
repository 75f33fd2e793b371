"""Pictures from files, to files and as tensors."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inst_tutorial.pictures import (
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


def test_a_phone_jpeg_with_a_preview_inside(tmp_path: Path) -> None:
    other = Image.new("RGB", (32, 32), "blue")
    half_red().save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[other])
    assert_half_red(open_picture(tmp_path / "a.jpg", 16), within=8)


@pytest.mark.parametrize("size", [(96, 32), (32, 96)])
def test_the_central_square_is_taken(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "blue")
    left, top = (size[0] - 32) // 2, (size[1] - 32) // 2
    picture.paste(half_red(size=32), (left, top))
    picture.save(tmp_path / "a.png")
    opened = np.asarray(open_picture(tmp_path / "a.png", 32))
    assert np.array_equal(opened, np.asarray(half_red(size=32)))


def test_small_pictures_grow(tmp_path: Path) -> None:
    half_red(size=32).save(tmp_path / "a.png")
    values = np.asarray(open_picture(tmp_path / "a.png", 64)).astype(int)
    assert values.shape == (64, 64, 3)
    assert np.abs(values[:, :24] - RED).max() <= 3 and np.abs(values[:, 40:] - WHITE).max() <= 3


# --------------------------------------------------------------------------- refused


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
    path = save_picture(half_red(), tmp_path / "new" / f"a{suffix}")
    assert_half_red(open_picture(path, 16), within=1 if suffix.lower() == ".png" else 12)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_the_same_picture_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    tagged, comment = tmp_path / "tagged.png", PngInfo()
    comment.add_text("Comment", "of the camera")
    half_red().save(tagged, dpi=(72, 72), pnginfo=comment)
    first = save_picture(half_red(), tmp_path / f"a{suffix}")
    second = save_picture(open_picture(tagged, 32), tmp_path / f"b{suffix}")
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


def test_pictures_in_other_modes_are_converted() -> None:
    grey = Image.fromarray(np.array([[0, 32896, 65535]], np.uint16))
    assert to_tensor(grey)[0, :, 0].tolist() == [[-1.0, pytest.approx(1 / 255, abs=1e-6), 1.0]] * 3
    half = Image.new("RGBA", (3, 2), (0, 0, 0, 102))
    assert to_tensor(half).unique().tolist() == [pytest.approx(153 / 127.5 - 1)]


def test_wrong_batches_are_refused() -> None:
    with pytest.raises(PictureError, match=r"one size, got \[\(3, 2\), \(4, 2\)\]"):
        to_tensor([Image.new("RGB", (3, 2)), Image.new("RGB", (4, 2))])
    with pytest.raises(PictureError, match="no picture"):
        to_tensor([])
    for name in ("a.png", Path("a.png"), ["a.png"]):
        with pytest.raises(
            PictureError, match=r"a\.png'\)?\]? is not an .* open_picture\(path, painter.picture"
        ):
            to_tensor(name)
    with pytest.raises(PictureError, match=r"\(b, 3, H, W\), got \(3, 8, 8\)"):
        to_pictures(torch.zeros(3, 8, 8))
    with pytest.raises(PictureError, match="NaN or infinite"):
        to_pictures(torch.full((1, 3, 2, 2), float("nan")))


def test_pictures_need_no_torch() -> None:
    import subprocess

    code = "import sys, inst_tutorial.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
