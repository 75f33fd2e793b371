"""Manifests and states of learning with any content: an error for the reader, and no file left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny import toy_picture

from inst_tutorial.files import OutputError
from inst_tutorial.learning import LearningError, LearningSettings, learn
from inst_tutorial.learning_state import StateError
from inst_tutorial.many.manifest import Manifest, ManyError
from inst_tutorial.many.planning import plan
from inst_tutorial.words import read_tensors

pytestmark = pytest.mark.slow

BOUNDED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PICTURE = {"state": "done", "sha256": "0", "word": "a.png.safetensors", "steps": 1, "loss": 0.5}
RECORD = {
    "version": 1,
    "run": {"steps": 1},
    "groups": {"000001": ["b.png", "c.png"]},
    "pictures": {"a.png": PICTURE, "b.png": {**PICTURE, "state": "waiting"}},
    "last_group": 1,
}


def leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths to all values in a JSON value."""
    inner = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(leaf for key, below in inner for leaf in leaves(below, (*path, key)))]


def changed(value: Any, path: tuple, other: Any) -> Any:
    """A copy of a JSON value with another value at one place."""
    if not path:
        return other
    copy = json.loads(json.dumps(value))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = other
    return copy


def bitten(content: bytes, data: st.DataObject) -> bytes:
    """A file's content with some bytes changed, cut off or put in."""
    at = data.draw(st.integers(0, len(content)))
    width = data.draw(st.sampled_from([0, 1, 8, len(content)]))
    return content[:at] + data.draw(st.binary(max_size=9)) + content[at + width :]


# ----------------------------------------------------------------------------- manifests


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate("abc"):
        toy_picture(seed).save(folder / f"{name}.png")
    return folder


def read_as_a_manifest(content: bytes, pictures: Path, words: Path) -> None:
    """Plan with such a manifest: a whole plan, or an error that leaves all as it was."""
    words.mkdir(exist_ok=True)
    manifest = Manifest(words)
    manifest.path.write_bytes(content)
    try:
        record = plan(pictures, words, {"steps": 2}, together=2)
    except (ManyError, OutputError) as error:
        assert str(manifest.path) in str(error) or "learned differently" in str(error)
        assert "\n" not in str(error) and len(str(error)) < 1000
        assert manifest.path.read_bytes() == content
    else:
        waiting = [name for group in record["groups"].values() for name in group]
        assert {"a.png", "b.png", "c.png"} <= {*waiting, *record["pictures"]}
        assert manifest.read() == record
    assert {path.name for path in words.iterdir()} <= {"manifest.json", ".learning"}
    assert {path.name for path in (words / ".learning").glob("*")} <= {
        "manifest.lock",
        *(f"{group}.lock" for group in (*RECORD["groups"], "000002", "000003")),
    }


@BOUNDED
@given(value=JSON)
def test_any_json_as_a_manifest(value, pictures, tmp_path) -> None:
    read_as_a_manifest(json.dumps(value).encode(), pictures, tmp_path / "words")


@BOUNDED
@given(path=st.sampled_from(leaves(RECORD)), other=JSON)
def test_a_manifest_with_one_wrong_value(path, other, pictures, tmp_path) -> None:
    content = json.dumps(changed(RECORD, path, other)).encode()
    read_as_a_manifest(content, pictures, tmp_path / "words")


@BOUNDED
@given(data=st.data())
def test_a_damaged_manifest(data, pictures, tmp_path) -> None:
    content = bitten(json.dumps(RECORD).encode(), data)
    read_as_a_manifest(content, pictures, tmp_path / "words")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}", b"1e999"])
def test_json_that_is_hard_to_read(content, pictures, tmp_path) -> None:
    read_as_a_manifest(content, pictures, tmp_path / "words")


# ------------------------------------------------------------------------------- states

LEARNING = LearningSettings(kind="pooled", steps=1, batch=1, pairs=1, vectors=2)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, sd1_painter) -> Path:
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    learn(sd1_painter, toy_picture(1), LEARNING, resume=path, progress=False)
    return path


def continue_from(path: Path, painter) -> None:
    """Learning that continues from such a file: a word, or an error that leaves all as it was."""
    content, around = path.read_bytes(), sorted(path.parent.iterdir())
    try:
        word = learn(painter, toy_picture(1), LEARNING, resume=path, progress=False)
    except LearningError as error:
        assert str(path) in str(error) and "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert word.vectors.isfinite().all() and word.vectors.shape == (2, 32)
    assert path.read_bytes() == content and sorted(path.parent.iterdir()) == around


@BOUNDED
@given(data=st.data())
def test_a_damaged_state(data, state, sd1_painter, tmp_path) -> None:
    content = state.read_bytes()
    header = int.from_bytes(content[:8], "little")
    path = tmp_path / "damaged.safetensors"
    head = data.draw(st.booleans())  # the numbers are many, and the header is where faults matter
    path.write_bytes(
        bitten(content[: header + 8], data) + content[header + 8 :]
        if head
        else bitten(content, data)
    )
    continue_from(path, sd1_painter)


@BOUNDED
@given(data=st.data())
def test_a_state_with_one_wrong_value(data, state, sd1_painter, tmp_path) -> None:
    tensors, metadata = read_tensors(state)
    run = json.loads(metadata["run"])
    where = data.draw(st.sampled_from([path for path in leaves(run) if path != ("mark",)]))
    metadata = {"run": json.dumps(changed(run, where, data.draw(JSON)))}
    save_file(tensors, tmp_path / "wrong.safetensors", metadata=metadata)
    continue_from(tmp_path / "wrong.safetensors", sd1_painter)


TENSORS = {
    "missing": None,
    "empty": lambda tensor: tensor.flatten()[:0],
    "of another shape": lambda tensor: tensor[None],
    "of another format": lambda tensor: tensor.to(torch.float16),
    "not finite": lambda tensor: (
        torch.full_like(tensor, torch.nan)
        if tensor.is_floating_point()
        else torch.zeros_like(tensor)
    ),
}


@pytest.mark.parametrize("fault", TENSORS)
def test_a_state_with_one_wrong_tensor(fault, state, sd1_painter, tmp_path) -> None:
    tensors, metadata = read_tensors(state)
    path = tmp_path / "wrong.safetensors"
    for name in tensors:
        wrong = dict(tensors)
        tensor = wrong.pop(name)
        if change := TENSORS[fault]:
            wrong[name] = change(tensor)
        save_file(wrong, path, metadata=metadata)
        with pytest.raises(StateError, match=f"is damaged .{name} "):
            learn(sd1_painter, toy_picture(1), LEARNING, resume=path, progress=False)


def test_a_state_with_an_unknown_tensor(state, sd1_painter, tmp_path) -> None:
    tensors = load_file(state) | {"1.best": torch.zeros(2, 32)}
    save_file(tensors, tmp_path / "wrong.safetensors", metadata=read_tensors(state)[1])
    with pytest.raises(StateError, match=r"1\.best is unknown"):
        learn(
            sd1_painter,
            toy_picture(1),
            LEARNING,
            resume=tmp_path / "wrong.safetensors",
            progress=False,
        )
