"""Any file is a word or a WordError of one line, and a word's token can be used."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from tiny import TOY_WORDS

from inst_tutorial.word_files import FLOATS
from inst_tutorial.words import Word, WordError


def made(dtype: str, data: bytes, shape: tuple[int, ...], **metadata: str) -> bytes:
    """A safetensors file of one tensor by hand, in a format that torch may not have."""
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}
    header: dict[str, Any] = {"a": entry} | ({"__metadata__": metadata} if metadata else {})
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def word_in(tmp_path: Path, content: bytes | dict[str, torch.Tensor]) -> Word:
    path = tmp_path / "word.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else save(content))
    return Word.load(path)


def refuses(tmp_path: Path, content: bytes | dict[str, torch.Tensor], match: str) -> None:
    with pytest.raises(WordError, match=match) as error:
        word_in(tmp_path, content)
    assert str(error.value).startswith(str(tmp_path / "word.safetensors"))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


# ------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
    ],
)
def test_every_floating_point_format_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    word = word_in(tmp_path, {"<cat>": torch.tensor([[1.5, -0.25, 0.0, 2.0]]).to(dtype)})
    assert word.vectors.dtype == torch.float32
    assert word.vectors.tolist() == [[1.5, -0.25, 0.0, 2.0]]


@pytest.mark.parametrize("dtype", ["I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"])
def test_other_numbers_are_refused_by_name(tmp_path: Path, dtype: str) -> None:
    size = int(dtype[1:]) // 8 if dtype != "BOOL" else 1
    refuses(tmp_path, made(dtype, b"\1" * 4 * size, (1, 4)), f"type {dtype}.*one of F64, F32")


@pytest.mark.parametrize(("dtype", "size"), [("C64", 8), ("F8_E8M0", 1), ("F4", 0.5)])
def test_numbers_of_newer_or_stranger_kinds_are_refused(
    tmp_path: Path, dtype: str, size: float
) -> None:
    refuses(tmp_path, made(dtype, b"\0" * int(4 * size), (1, 4)), f"{dtype}|is not a word")
    assert dtype not in FLOATS


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.float8_e5m2])
def test_numbers_that_are_none_are_refused(tmp_path: Path, bad: float, dtype: torch.dtype) -> None:
    refuses(tmp_path, {"a": torch.tensor([[1.0, bad]]).to(dtype)}, "NaN or infinite")


def test_numbers_beyond_float32_are_refused(tmp_path: Path) -> None:
    refuses(tmp_path, {"a": torch.tensor([[1.0, 1e300]], dtype=torch.float64)}, "too large for f")


def test_a_word_does_not_follow_its_file(tmp_path: Path) -> None:
    word = word_in(tmp_path, {"a": torch.ones(1, 4)})
    with (tmp_path / "word.safetensors").open("rb+") as file:
        file.seek(-16, 2)
        file.write(b"\0" * 16)
    assert torch.equal(word.vectors, torch.ones(1, 4))


def test_the_way_out_fits_the_kind_of_file(tmp_path: Path) -> None:
    refuses(tmp_path, b"version https://git-lfs.github.com/spec/v1\n", "download it.*git lfs pull")
    refuses(tmp_path, b"", "the file is empty. If it was downloaded, download it again")
    refuses(tmp_path, b"PK\3\4 as torch.save writes", "Pickled ones")
    (tmp_path / "word.pt").write_bytes(b"\x80\x02pickle")
    with pytest.raises(WordError, match=r"Pickled ones \(\.pt, \.bin\) are not opened"):
        Word.load(tmp_path / "word.pt")
    for path, reason in (
        (tmp_path / "none.safetensors", "no such file. A word is what `inst learn` writes"),
        (tmp_path, "cannot be read: Is a directory|cannot be read: Permission denied"),
        ("a\0b", "cannot be read: embedded null byte"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long|no such file"),
    ):
        with pytest.raises(WordError, match=reason):
            Word.load(path)


# -------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("shape", [(), (1, 2, 3), (0, 4), (2, 0), (0,)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    refuses(tmp_path, {"a": torch.ones(shape)}, r"shape \(.*A word has shape \(k, d\) or \(d,\)")


def test_one_vector_without_a_row_is_a_word(tmp_path: Path) -> None:
    assert word_in(tmp_path, {"a": torch.ones(4)}).vectors.shape == (1, 4)


def test_a_whole_table_of_tokens_is_no_word(tmp_path: Path) -> None:
    refuses(tmp_path, {"a": torch.ones(49408, 4)}, "49408 vectors of 4 numbers.*75 vectors at most")


def test_a_lora_is_named_in_one_line(tmp_path: Path) -> None:
    names = (f"lora_unet_block_{i}.lora_up.weight" for i in range(400))
    refuses(
        tmp_path,
        {name: torch.ones(4, 4) for name in names},
        r"400 tensors, such as 'lora_unet_block_0.* of shape \(4, 4\): it is a LoRA",
    )


def test_other_files_are_named_in_one_line(tmp_path: Path) -> None:
    refuses(tmp_path, {}, "holds no tensor. A word is one tensor")
    refuses(tmp_path, {"clip_g": torch.ones(1, 4), "clip_l": torch.ones(1, 2)}, "Diffusion XL")
    checkpoint = {"model.diffusion_model.a": torch.ones(2), "first_stage_model.b": torch.ones(2)}
    refuses(tmp_path, checkpoint, "it is a checkpoint, which --painter reads")
    refuses(tmp_path, {"a": torch.ones(2), "b": torch.ones(2)}, r"2 tensors, such as 'a'")


def test_the_numbers_of_a_checkpoint_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors

    class HeaderOnly:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.file = safetensors_open(*args, **options)

        def __enter__(self) -> HeaderOnly:
            self.file.__enter__()
            return self

        def __exit__(self, *seen: Any) -> None:
            self.file.__exit__(*seen)

        def keys(self) -> list[str]:
            return self.file.keys()

        def get_slice(self, name: str) -> Any:
            return self.file.get_slice(name)

    safetensors_open = safetensors.safe_open
    monkeypatch.setattr(safetensors, "safe_open", HeaderOnly)
    refuses(tmp_path, {"a": torch.ones(2), "b": torch.ones(2)}, "2 tensors")
    refuses(tmp_path, {"a": torch.ones(49408, 4)}, "49408 vectors")
    refuses(tmp_path, {"a": torch.ones(1, 4, dtype=torch.int64)}, "type I64")


# ------------------------------------------------------------------------------ metadata


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "null", '"text"', "[1, 2]", "[" * 100_000, '{"a": ' * 5000, "9" * 5000, "\0"],
)
def test_damaged_metadata_is_no_damaged_word(tmp_path: Path, text: str) -> None:
    path = tmp_path / "word.safetensors"
    save_file({"a": torch.ones(1, 4)}, path, metadata={"inst_word": text})
    word = Word.load(path)
    assert torch.equal(word.vectors, torch.ones(1, 4))
    assert word.info == {"metadata": "damaged"}


ODD: list[dict[str, Any]] = [
    {"curve": 3},
    {"curve": []},
    {"curve": ["a", None]},
    {"curve": [{"loss": "x"}, {}]},
    {"curve": [{"loss": float("nan")}]},
    {"curve": {"loss": 1}},
    {"settings": 3},
    {"settings": ["steps"]},
    {"settings": {"steps": {"deep": [None]}}},
    {"size": "999 x 999", "": None, "painter": {"a": 1}},
    {"painter": "two\nlines\r\x1b[2J\ud800 \u202e"},
    {"painter": "x" * 1_000_000},
    {"x" * 100_000: 1},
]


@pytest.mark.parametrize("info", ODD, ids=lambda info: str(info)[:30])
def test_inst_info_shows_odd_metadata(
    tmp_path: Path, info: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from inst_tutorial.cli import app

    path = Word(torch.ones(1, 4), info).save(tmp_path / "word.safetensors")
    result = CliRunner().invoke(app, ["info", "--word", str(path)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["size", "1", "x", "4", "numbers"]
    assert all(len(line) < 700 and line.isprintable() for line in lines)


# -------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("\n", "is empty"),
        (" <mine>", "blanks around it"),
        ("<mine>\t", "blanks around it"),
        ("a\0b", "cannot be seen"),
        ("__metadata__", "the file format keeps"),
    ],
)
def test_a_token_that_nobody_can_use_is_refused(tmp_path: Path, token: str, reason: str) -> None:
    with pytest.raises(WordError, match=f"{reason}.*such as '<mine>'"):
        Word(torch.ones(1, 4)).export(tmp_path / "mine.safetensors", token=token)
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_the_painter_knows_is_refused(tmp_path: Path, sd1_folder: Path) -> None:
    known = TOY_WORDS[0]
    for painter, token in ((str(sd1_folder), known), ("paintbox", "house"), ("paintbox", "House")):
        word = Word(torch.ones(1, 4), {"painter": painter})
        with pytest.raises(WordError, match=f"already knows the word '{token.lower()}'"):
            word.export(tmp_path / "mine.safetensors", token=token)
        assert word.export(tmp_path / "mine.safetensors", token="<mine>").exists()
        assert word.export(tmp_path / "house.safetensors", token=token, kind="a1111").exists()


@pytest.mark.parametrize("painter", [None, "owner/name", "gone/folder", 3, "x" * 9999, "\0"])
def test_an_unknown_painter_knows_no_word(tmp_path: Path, painter: object) -> None:
    word = Word(torch.ones(1, 4), {"painter": painter})
    assert word.export(tmp_path / "mine.safetensors", token="house").exists()


# ------------------------------------------------------------------------------- fuzzing

SEEDS = [
    made("F32", struct.pack("<4f", 1, 2, 3, 4), (2, 2), inst_word='{"painter": "paintbox"}'),
    made("F16", b"\0" * 8, (4,), format="pt"),
    made("F8_E4M3", b"\1" * 4, (1, 4)),
    save({"a": torch.ones(1, 4), "b": torch.ones(2)}),
]


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A good file with some bytes changed, and perhaps cut off or grown."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    changes = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in draw(st.lists(changes, max_size=5)):
        content[place] = value
    end = draw(st.one_of(st.none(), st.integers(0, len(content))))
    return bytes(content[:end]) + draw(st.binary(max_size=3))


@st.composite
def odd_headers(draw: st.DrawFn) -> bytes:
    """A header of the right length whose JSON says anything."""
    json_values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    )
    keys = ("dtype", "shape", "data_offsets", "__metadata__")
    entry = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, json_values))
    header = draw(st.dictionaries(st.sampled_from(["a", "__metadata__"]), entry | json_values))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + draw(st.binary(max_size=16))


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("words")


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(content=st.one_of(damaged_files(), odd_headers(), st.binary(max_size=100)))
def test_any_bytes_are_a_word_or_a_word_error(anywhere: Path, content: bytes) -> None:
    path = anywhere / "word.safetensors"
    path.write_bytes(content)
    try:
        word = Word.load(path)
    except WordError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
    else:
        assert word.vectors.ndim == 2 and word.vectors.isfinite().all()
        assert isinstance(word.info, dict)
    assert list(anywhere.iterdir()) == [path]
