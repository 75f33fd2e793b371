"""InST's official embeddings.pt: read as published, and nothing in it is run."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

from inst_tutorial import cli
from inst_tutorial.official import NAMES, convert, nearly_black, read_official
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import save_picture, to_tensor
from inst_tutorial.words import Word, WordError

PLACES = {"Attentions": "embedding_manager", "CrossAttention": "attention"}


class CrossAttention(nn.Module):
    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.scale, self.heads = head_width**-0.5, heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(nn.Linear(inner, width), nn.Dropout(0.05))

    def forward(self, x, context):
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        share = (q @ k.transpose(-1, -2) * self.scale).softmax(-1)
        return self.to_out((share @ v).transpose(1, 2).flatten(2))


class Attentions(nn.Module):
    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.attn1, self.attn2 = CrossAttention(width, 8, 4), CrossAttention(width, 8, 4)
        self.net = nn.Sequential(nn.Dropout(0.05), nn.Linear(width, words))

    def forward(self, x):
        return self.net(self.attn2(self.attn1(x, x), x))


@pytest.fixture
def official(monkeypatch):
    """The class under its official name, so that it is pickled as such."""
    for name in ("ldm", "ldm.modules", *(f"ldm.modules.{place}" for place in PLACES.values())):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for kind in (Attentions, CrossAttention):
        place = f"ldm.modules.{PLACES[kind.__name__]}"
        monkeypatch.setattr(kind, "__module__", place)
        setattr(sys.modules[place], kind.__name__, kind)
    torch.manual_seed(0)
    return Attentions(16, 32)  # the widths of the tiny painter


@pytest.fixture
def embeddings(official, tmp_path: Path, monkeypatch) -> Path:
    path = tmp_path / "embeddings.pt"
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "attention": official}, path)
    for name in [name for name in sys.modules if name.split(".")[0] == "ldm"]:
        monkeypatch.delitem(sys.modules, name)  # where it is read, the official code is not there
    return path


def test_it_is_the_published_module_without_dropout(embeddings, official, sd1_painter) -> None:
    from tiny import toy_picture

    features = sd1_painter.image_features(nearly_black(to_tensor(toy_picture(3))))
    seen = torch.nn.functional.normalize(features.pooled, dim=-1)  # CLIPModel's image_embeds
    expected = official.eval()(seen[:, None])[0]
    word = convert(embeddings, sd1_painter, toy_picture(3))
    torch.testing.assert_close(word.vectors, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(word.vectors, convert(embeddings, sd1_painter, toy_picture(3)).vectors)
    seen = convert(embeddings, sd1_painter, toy_picture(3), as_published=False)
    assert not torch.allclose(seen.vectors, word.vectors, atol=1e-3)


def test_every_tensor_arrives(embeddings, official) -> None:
    ours, theirs = read_official(embeddings).state_dict(), official.state_dict()
    assert theirs.keys() == NAMES.keys() and ours.keys() == set(NAMES.values())
    assert all(torch.equal(ours[NAMES[name]], value) for name, value in theirs.items())


def test_nearly_black_is_the_cast_to_eight_bits() -> None:
    import numpy as np

    picture = torch.tensor([-1.0, -0.999, -0.5, 0.0, 0.7, 0.999, 1.0]).view(1, 1, 1, 7)
    cast = picture.numpy().astype(np.int64).astype(np.uint8)  # wraps as a cast to uint8 does
    assert cast.ravel().tolist() == [255, 0, 0, 0, 0, 0, 1]
    expected = torch.from_numpy(cast.astype(np.float32)) / 127.5 - 1
    torch.testing.assert_close(nearly_black(picture), expected)


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_what_else_is_in_a_file_is_refused_and_not_run(tmp_path, official, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    contents = {
        "bomb": {"string_to_token": {}, "attention": Bomb()},
        "bomb-inside": {"attention": official, "more": Bomb()},
        "vector": {"string_to_param": {"*": torch.zeros(1, 32)}},
        "tensor": torch.zeros(3),
        "other": {"attention": nn.Sequential(nn.Linear(3, 3))},
    }
    for name, content in contents.items():
        torch.save(content, f"{name}.pt")
        with pytest.raises(WordError, match=rf"{name}.pt (is not|has no)") as refused:
            read_official(f"{name}.pt")
        assert "load failed" not in str(refused.value)  # PyTorch's advice how to run it
    assert not Path("exploded").exists()
    Path("text.pt").write_text("no pickle")
    with pytest.raises(WordError, match="nothing in it was run"):
        read_official("text.pt")


@pytest.mark.parametrize("shape", [(), (16,), (8, 16, 2), (32, 15)])
@pytest.mark.parametrize("name", ["attn1.to_q", "attn2.to_k", "net.1"])
def test_a_tensor_of_another_shape_is_refused(tmp_path: Path, official, name, shape) -> None:
    official.get_submodule(name).weight = nn.Parameter(torch.zeros(shape))
    torch.save({"attention": official}, tmp_path / "odd.pt")
    with pytest.raises(WordError, match=r"odd\.pt is not an embeddings\.pt of InST") as refused:
        read_official(tmp_path / "odd.pt")
    assert "\n" not in str(refused.value)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, official) -> None:
    official.net[1].weight.data[0, 0] = torch.nan
    torch.save({"attention": official}, tmp_path / "nan.pt")
    with pytest.raises(WordError, match=r"net\.1\.weight has numbers that are not finite"):
        read_official(tmp_path / "nan.pt")


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_damage_is_read_or_refused(embeddings: Path, data: st.DataObject) -> None:
    whole = embeddings.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = start + data.draw(st.integers(0, 100))
    damaged = embeddings.with_name("damaged.pt")
    damaged.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
    try:
        read_official(damaged)
    except WordError as error:
        assert str(error) and "\n" not in str(error)


def test_it_fits_its_own_painter_only(embeddings, sd1_folder, sd2_folder) -> None:
    from tiny import toy_picture

    other = Painter.load(sd2_folder, vision=sd1_folder, device="cpu")
    with pytest.raises(WordError, match="words of width 32; this painter's are 16 and 40"):
        convert(embeddings, other, toy_picture(3))


def test_the_command_says_what_the_word_can_do(embeddings, tmp_path, sd1_folder) -> None:
    from tiny import toy_picture

    save_picture(toy_picture(3), tmp_path / "style.png")
    arguments = ["convert", embeddings, "--style", tmp_path / "style.png", "--painter", sd1_folder]
    arguments += ["-o", tmp_path / "word.safetensors"]
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert "cannot reproduce" in result.stdout and "dropout stays on" in result.stdout
    assert Word.load(tmp_path / "word.safetensors").info["official"] == "embeddings.pt"
    (tmp_path / "bad.pt").write_text("no pickle")
    arguments[1] = tmp_path / "bad.pt"
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    assert result.exit_code == 2 and "nothing in it was run" in result.stderr


@pytest.mark.parametrize("name", ["damaged.pt", "damaged.safetensors"])
def test_a_damaged_or_missing_file_is_refused_whatever_its_name(tmp_path, name) -> None:
    with pytest.raises(WordError, match="no such file"):
        read_official(tmp_path / name)
    (tmp_path / name).write_bytes(b"no weights at all, and not even a header")
    with pytest.raises(WordError, match="nothing in it was run"):
        read_official(tmp_path / name)
