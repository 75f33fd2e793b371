"""Painters that are damaged or odd get one line that says the file, the key, the value, what to do.

Each kind has examples, and a bounded search by hypothesis.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from test_checkpoints import original

from inst_tutorial.configs import PainterError
from inst_tutorial.painter import Painter, PrecisionError

UNET, VAE = "unet/config.json", "vae/config.json"
TEXT, TOWER = "text_encoder/config.json", "image_encoder/config.json"
SCHEDULER = "scheduler/scheduler_config.json"
PREPROCESSOR = "feature_extractor/preprocessor_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"
FILES = (UNET, VAE, TEXT, TOWER, SCHEDULER, PREPROCESSOR, TOKENIZER_CONFIG)


def use(source: Path, **options: Any) -> None:
    """Load a painter, and let every part of it compute once."""
    painter = Painter.load(source, device="cpu", **options)
    z = torch.zeros(1, *painter.latent_shape)
    painter.predict_noise(z, 5, painter.embed("a red house"))
    picture = torch.zeros(1, 3, painter.picture_size, painter.picture_size)
    if "config" not in options:
        painter.image_features(picture)
    with suppress(PrecisionError):  # a setting may make large numbers
        painter.decode(painter.encode(picture))


def refused(source: Path, **options: Any) -> str:
    """The refusal of a painter, which is one line."""
    with pytest.raises(PainterError) as refusal:
        use(source, **options)
    message = str(refusal.value)
    assert message and "\n" not in message
    return message


@pytest.fixture
def folder(sd1_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sd1_folder, tmp_path / "painter")


def change(path: Path, key: str, *value: Any) -> None:
    """Give a key of a JSON file another value, or none."""
    config = json.loads(path.read_text(encoding="utf-8"))
    del config[key]
    if value:
        (config[key],) = value
    path.write_text(json.dumps(config))


# ------------------------------------------------------------------------------- JSON files


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (UNET, "sample_size", "16"),
        (UNET, "sample_size", [16, 16]),
        (UNET, "block_out_channels", "16, 32"),
        (UNET, "cross_attention_dim", None),
        (UNET, "in_channels", 4.5),
        (UNET, "layers_per_block", -1),
        (UNET, "layers_per_block", 10**9),
        (UNET, "down_block_types", {}),
        (UNET, "norm_eps", "small"),
        (UNET, "flip_sin_to_cos", 1),
        (VAE, "scaling_factor", "0.18"),
        (VAE, "scaling_factor", -0.1),
        (VAE, "scaling_factor", float("nan")),
        (VAE, "latent_channels", True),
        (VAE, "block_out_channels", []),
        (TEXT, "hidden_size", "32"),
        (TEXT, "num_attention_heads", 0),
        (TEXT, "max_position_embeddings", [77]),
        (TOWER, "patch_size", None),
        (TOWER, "num_hidden_layers", "2"),
        (SCHEDULER, "beta_start", "0.00085"),
        (SCHEDULER, "beta_end", 2),
        (SCHEDULER, "num_train_timesteps", 1e3),
        (SCHEDULER, "num_train_timesteps", 10**12),
        (SCHEDULER, "steps_offset", None),
        (SCHEDULER, "set_alpha_to_one", "false"),
        (SCHEDULER, "prediction_type", ["epsilon"]),
        (PREPROCESSOR, "crop_size", "28"),
        (PREPROCESSOR, "crop_size", {"width": 28}),
        (PREPROCESSOR, "image_mean", [0.5]),
        (PREPROCESSOR, "image_std", [0.5, 0.5, 0]),
        (TOKENIZER_CONFIG, "model_max_length", "77"),
        (TOKENIZER_CONFIG, "model_max_length", 2),
    ],
)
def test_a_value_of_another_type_or_range(folder: Path, name: str, key: str, value: Any) -> None:
    change(folder / name, key, value)
    message = refused(folder)
    assert str(folder / name) in message and key in message and "it should" in message
    assert "original painter" in message


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (UNET, "sample_size"),
        (PREPROCESSOR, "crop_size"),
        (PREPROCESSOR, "image_mean"),
        (SCHEDULER, "clip_sample"),
    ],
)
def test_a_key_that_is_missing(folder: Path, name: str, key: str) -> None:
    change(folder / name, key)
    message = refused(folder)
    assert str(folder / name) in message and f"{key} is missing" in message


@pytest.mark.parametrize("name", [*FILES, TOKENIZER])
@pytest.mark.parametrize("content", ["", "{", "[]", "null", "\xff", "[" * 100_000])
def test_content_that_is_no_settings(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, encoding="latin-1")
    assert str(folder / name) in refused(folder)


@pytest.mark.parametrize("name", [UNET, VAE, TEXT, TOWER, SCHEDULER, PREPROCESSOR])
def test_a_file_that_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert str(folder / name) in refused(folder)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (UNET, "act_fn", "shout"),
        (UNET, "norm_num_groups", 7),
        (UNET, "down_block_types", ["NoBlock", "DownBlock2D"]),
        (VAE, "norm_num_groups", 0),
        (TEXT, "num_attention_heads", 3),
        (TEXT, "hidden_act", "shout"),
        (TOKENIZER_CONFIG, "pad_token", 7),
    ],
)
def test_settings_from_which_no_network_can_be_built(
    folder: Path, name: str, key: str, value: Any
) -> None:
    change(folder / name, key, value)
    message = refused(folder)
    assert str((folder / name).parent) in message and "original painter" in message


def test_a_tokenizer_with_more_tokens_than_the_text_encoder(folder: Path) -> None:
    tokenizer = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["unheard"] = max(tokenizer["model"]["vocab"].values()) + 1
    (folder / TOKENIZER).write_text(json.dumps(tokenizer))
    assert "its tokenizer has" in refused(folder)


def test_a_tower_with_the_preprocessing_of_another(folder: Path) -> None:
    change(folder / PREPROCESSOR, "crop_size", {"height": 224, "width": 224})
    assert "crop_size is 224, but the tower" in refused(folder)


# ---------------------------------------------------------------------------------- weights


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "image_encoder/model.safetensors",
    ],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 5, 7)])
def test_a_weight_of_another_shape(folder: Path, name: str, shape: tuple[int, ...]) -> None:
    tensors = load_file(folder / name)
    key = sorted(tensors)[len(tensors) // 2]
    save_file({**tensors, key: torch.zeros(shape)}, folder / name, metadata={"format": "pt"})
    message = refused(folder)
    assert f"{folder / name}: {key} has shape {shape}" in message
    assert f"{tuple(tensors[key].shape)}" in message and "get both again" in message


def test_older_names_of_the_text_encoders_weights(folder: Path) -> None:
    path = folder / "text_encoder/model.safetensors"
    tensors = {f"text_model.{name}": value for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    use(folder)
    key = "text_model.embeddings.token_embedding.weight"
    save_file({**tensors, key: torch.zeros(5, 32)}, path, metadata={"format": "pt"})
    assert f"{key} has shape (5, 32)" in refused(folder)


# ----------------------------------------------------------------------------- single files


@pytest.fixture
def single(sd1_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file({name: value.contiguous() for name, value in original(sd1_folder).items()}, path)
    return path


@pytest.mark.parametrize("part", ["model.diffusion", "first_stage", "cond_stage"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5, 7)])
def test_a_weight_of_another_shape_in_a_single_file(
    single: Path, sd1_folder: Path, part: str, shape: tuple[int, ...]
) -> None:
    tensors = load_file(single)
    names = [name for name in tensors if name.startswith(part)]
    save_file({**tensors, names[len(names) // 3]: torch.zeros(shape)}, single)
    message = refused(single, config=sd1_folder)
    assert str(single) in message and f"has shape {[*shape]}" in message and "needs [" in message


@pytest.mark.parametrize("shape", [(), (768,), (2, 768, 1), (2, 0)])
def test_a_layout_cannot_be_found_from_another_shape(tmp_path: Path, shape: tuple) -> None:
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file({key: torch.zeros(shape)}, tmp_path / "m.safetensors")
    message = refused(tmp_path / "m.safetensors")
    assert f"{key} has shape {shape}" in message and "neither Stable Diffusion 1.x nor" in message


@pytest.mark.parametrize("part", ["model.diffusion_model.", "first_stage_model."])
def test_a_file_with_one_part_only(single: Path, sd1_folder: Path, part: str) -> None:
    save_file({n: v for n, v in load_file(single).items() if n.startswith(part)}, single)
    assert "not a whole checkpoint" in refused(single, config=sd1_folder)


@pytest.mark.parametrize("suffix", [".SAFETENSORS", ".SafeTensors"])
def test_a_suffix_in_capitals(single: Path, sd1_folder: Path, suffix: str) -> None:
    capitals = single.rename(single.with_name(f"Model{suffix}"))
    loaded = Painter.load(capitals, config=sd1_folder, device="cpu")
    expected = Painter.load(sd1_folder, device="cpu")
    assert torch.equal(loaded.embed("a red house"), expected.embed("a red house"))
    assert loaded.source == str(capitals)


@pytest.mark.parametrize("suffix", [".CKPT", ".Pt", ".BIN"])
def test_a_pickle_in_capitals_stays_shut(
    single: Path, sd1_folder: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "load", lambda *args, **options: pytest.fail("unpickled"))
    capitals = single.rename(single.with_name(f"model{suffix}"))
    assert "Pickled checkpoints" in refused(capitals, config=sd1_folder)
    assert "Pickled checkpoints" in refused(capitals.with_name(f"gone{suffix}"))


def test_a_damaged_configuration_of_a_single_file(single: Path, folder: Path) -> None:
    change(folder / VAE, "scaling_factor", None)
    assert str(folder / VAE) in refused(single, config=folder)


def test_names_that_no_file_system_has(tmp_path: Path) -> None:
    for name in ("x" * 5000, "a/b\0c", f"{tmp_path}/{'y' * 300}.safetensors"):
        assert "no painter at" in refused(Path(name))


# ---------------------------------------------------------------------------------- searches

NUMBERS = st.integers(-3, 2000) | st.floats(allow_nan=True) | st.integers(-(10**30), 10**30)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SEARCH = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def works_or_is_refused(attempt: Callable[[], None]) -> None:
    """A painter computes, or is refused in one line."""
    try:
        attempt()
    except PainterError as error:
        assert str(error) and "\n" not in str(error)


@pytest.mark.slow
@SEARCH
@given(data=st.data())
def test_any_change_of_a_setting_works_or_is_refused(folder: Path, data: st.DataObject) -> None:
    path = folder / data.draw(st.sampled_from(FILES))
    whole = path.read_text(encoding="utf-8")
    config = json.loads(whole)
    key = data.draw(st.sampled_from(sorted(config)))
    config[key] = data.draw(VALUES)
    path.write_text(json.dumps(config))
    try:
        works_or_is_refused(lambda: use(folder))
    finally:
        path.write_text(whole)


@pytest.mark.slow
@SEARCH
@given(data=st.data())
def test_any_damage_to_a_json_file_works_or_is_refused(folder: Path, data: st.DataObject) -> None:
    path = folder / data.draw(st.sampled_from([*FILES, TOKENIZER]))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = start + data.draw(st.integers(0, 40))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:])
    try:
        works_or_is_refused(lambda: use(folder))
    finally:
        path.write_bytes(whole)


@pytest.mark.slow
@SEARCH
@given(data=st.data())
def test_any_header_of_a_single_file_works_or_is_refused(
    single: Path, sd1_folder: Path, data: st.DataObject
) -> None:
    whole = single.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header, numbers = whole[8 : 8 + length], whole[8 + length :]
    names = json.loads(header)
    if data.draw(st.booleans()):  # a header that can be read, with one other entry
        name = data.draw(st.sampled_from(sorted(names)))
        names[name] = {**names[name], data.draw(st.sampled_from(["dtype", "shape"])): None}
        entry = data.draw(st.sampled_from(["dtype", "shape", "data_offsets", "new"]))
        names[name] = {**json.loads(header)[name], entry: data.draw(VALUES)}
        header = json.dumps(names).encode()
    else:  # any damage to its bytes
        start = data.draw(st.integers(0, length))
        header = header[:start] + data.draw(st.binary(max_size=6)) + header[start + 3 :]
    damaged = single.with_name("damaged.safetensors")
    damaged.write_bytes(struct.pack("<Q", len(header)) + header + numbers)
    works_or_is_refused(lambda: use(damaged, config=sd1_folder))
    works_or_is_refused(lambda: use(damaged))
