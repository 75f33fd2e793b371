"""The painter against diffusers and transformers themselves, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import SD_BETAS, toy_picture, toy_tokenizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inst_tutorial.configs import PainterError
from inst_tutorial.folders import VISION, VISION_REVISION, clip_tokenizer
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.noise_schedule import Schedule
from inst_tutorial.painter import Painter, PromptError
from inst_tutorial.pictures import to_tensor
from inst_tutorial.pretraining.data.tokenizer import build
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.vision import ImagePreprocessing, read_vision_tower
from inst_tutorial.words import make_embedder


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def sd1_pipeline(sd1_folder: Path):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(sd1_folder, safety_checker=None)


@pytest.fixture(scope="module")
def sd2_pipeline(sd2_folder: Path):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(sd2_folder, safety_checker=None)


# -------------------------------------------------------------------------- the frozen model


class Float64Shapes(TorchDispatchMode):
    """Collects the shapes of the float64 tensors that PyTorch's functions return inside."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[torch.Size] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
        self.shapes |= {t.shape for t in tensors if t.dtype == torch.float64}
        return out


@pytest.mark.parametrize("kind", ["free", "pooled", "patches"])
def test_only_the_schedules_coefficients_are_float64(sd1_painter: Painter, kind: str) -> None:
    """Apple's mps has no float64: latents, words and pictures must never get there in it."""
    settings = LearningSettings(kind=kind, steps=2, evaluate_every=1, batch=2, pairs=2)
    with Float64Shapes() as seen:
        word = learn(sd1_painter, toy_picture(1), settings, progress=False)
        transfer(sd1_painter, toy_picture(2), word, TransferSettings(steps=3))
    assert seen.shapes <= {torch.Size(()), torch.Size((1,)), torch.Size((2,))}


@pytest.mark.parametrize(
    "wrong",
    ["./nofolder", "../no/folder", "nofolder", "models/sd--1.5", "owner/name.", "owner/name.git"],
)
def test_a_mistyped_folder_is_not_taken_for_a_hub_id(wrong):
    with pytest.raises(PainterError, match="no painter at"):
        Painter.load(wrong)
    with pytest.raises(PainterError, match="no painter at"):
        read_vision_tower(wrong, torch.float32)


def test_noise_is_the_pipelines(sd1_painter: Painter, sd1_pipeline) -> None:
    z, context = normal(2, 4, 16, 16), normal(2, 77, 32, seed=1)
    with torch.no_grad():
        theirs = sd1_pipeline.unet(z, 300, encoder_hidden_states=context).sample
        ours = sd1_painter.predict_noise(z, 300, context)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_velocity_becomes_noise(sd2_painter: Painter, sd2_pipeline) -> None:
    z, context = normal(2, 4, 16, 16), normal(2, 77, 40, seed=1)
    t = torch.tensor([10, 900])
    with torch.no_grad():
        v = sd2_pipeline.unet(z, t, encoder_hidden_states=context).sample
        ours = sd2_painter.predict_noise(z, t, context)
    abar = sd2_pipeline.scheduler.alphas_cumprod[t].view(2, 1, 1, 1)
    torch.testing.assert_close(ours, abar.sqrt() * v + (1 - abar).sqrt() * z, atol=1e-5, rtol=1e-5)


def test_one_context_serves_the_batch(sd1_painter: Painter) -> None:
    z, context = normal(3, 4, 16, 16), normal(1, 77, 32, seed=1)
    t = torch.tensor([5, 500, 900])
    with torch.no_grad():
        together = sd1_painter.predict_noise(z, t, context)
        alone = [sd1_painter.predict_noise(z[i : i + 1], int(t[i]), context) for i in range(len(z))]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_a_row_of_context_serves_its_neighbours(sd1_painter: Painter) -> None:
    z, context = normal(4, 4, 16, 16), normal(2, 77, 32, seed=1)
    with torch.no_grad():
        ours = sd1_painter.predict_noise(z, 500, context)
        spread = sd1_painter.predict_noise(z, 500, context[[0, 0, 1, 1]])
    torch.testing.assert_close(ours, spread, atol=1e-5, rtol=1e-5)


def test_sizes_come_from_the_configuration(sd1_painter: Painter, sd2_painter: Painter) -> None:
    assert sd1_painter.latent_shape == sd2_painter.latent_shape == (4, 16, 16)
    assert sd1_painter.picture_size == 32
    assert (sd1_painter.text_width, sd2_painter.text_width) == (32, 40)
    assert sd1_painter.text_length == 77
    assert sd1_painter.feature_widths == (16, 24)
    assert sd2_painter.schedule.prediction_type == "v_prediction"


def test_every_part_is_frozen(sd1_painter: Painter) -> None:
    parts = ("vae", "text_encoder", "unet", "image_encoder")
    for part in (getattr(sd1_painter, name) for name in parts):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_precision_is_chosen_when_loading(sd1_folder: Path) -> None:
    painter = Painter.load(sd1_folder, dtype=torch.bfloat16)
    noise = painter.predict_noise(normal(1, 4, 16, 16), 500, painter.embed("a house"))
    assert painter.dtype == noise.dtype == torch.bfloat16


# ---------------------------------------------------------------------------- picture <-> latent


def test_latents_are_scaled_and_pictures_come_back(sd1_painter: Painter, sd1_pipeline) -> None:
    picture = to_tensor([toy_picture(1), toy_picture(2)])
    with torch.no_grad():
        posterior = sd1_pipeline.vae.encode(picture).latent_dist
        decoded = sd1_pipeline.vae.decode(posterior.mean).sample.clamp(-1, 1)
    mean, std = sd1_painter.moments(picture)
    scale = sd1_pipeline.vae.config.scaling_factor
    torch.testing.assert_close(mean, posterior.mean * scale, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(std, posterior.std * scale, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sd1_painter.encode(picture), mean, atol=0, rtol=0)
    torch.testing.assert_close(sd1_painter.decode(mean), decoded, atol=1e-5, rtol=1e-5)


def test_decoded_pictures_stay_in_range(sd1_painter: Painter) -> None:
    picture = sd1_painter.decode(normal(1, 4, 16, 16) * 100)
    assert picture.shape == (1, 3, 32, 32)
    assert picture.abs().max() == 1


@pytest.mark.parametrize("size", [28, 40, 20])
def test_a_look_is_what_clip_sees(sd1_painter: Painter, sd1_pipeline, size: int) -> None:
    picture = toy_picture(3, size)
    pixels = sd1_pipeline.feature_extractor(picture, return_tensors="pt").pixel_values
    with torch.no_grad():
        theirs = sd1_pipeline.image_encoder(pixels)
    features = sd1_painter.image_features(to_tensor(picture))
    assert features.pooled.shape == (1, 16) and features.patches.shape == (1, 16, 24)
    torch.testing.assert_close(features.pooled, theirs.image_embeds, atol=0.01, rtol=0.01)
    torch.testing.assert_close(
        features.patches, theirs.last_hidden_state[:, 1:], atol=0.03, rtol=0.03
    )


def test_a_look_wants_squares(sd1_painter: Painter) -> None:
    with pytest.raises(ValueError, match=r"square pictures, got \(1, 3, 20, 30\)"):
        sd1_painter.image_features(torch.zeros(1, 3, 20, 30))


def test_old_and_new_preprocessor_files(tmp_path: Path) -> None:
    for size in ("224", '{"height": 224, "width": 224}'):
        path = tmp_path / "preprocessor_config.json"
        path.write_text(f'{{"crop_size": {size}, "image_mean": [1, 2, 3], "image_std": [4, 5, 6]}}')
        assert ImagePreprocessing.read(path) == ImagePreprocessing(224, (1, 2, 3), (4, 5, 6))


def test_the_eyes_of_another_folder(sd1_folder: Path, sd2_folder: Path) -> None:
    painter = Painter.load(sd2_folder, vision=sd1_folder)
    assert painter.feature_widths == (16, 24)


# -------------------------------------------------------------------------------------- prompts


@pytest.mark.parametrize("which", ["sd1", "sd2"])
def test_prompts_are_embedded_as_in_the_pipeline(which: str, request) -> None:
    painter = request.getfixturevalue(f"{which}_painter")
    pipeline = request.getfixturevalue(f"{which}_pipeline")
    prompts = ["a red house on the sea , warm", "", "xyz!"]
    theirs, _ = pipeline.encode_prompt(prompts, "cpu", 1, do_classifier_free_guidance=False)
    ours = painter.embed(prompts)
    assert ours.shape == (3, 77, painter.text_width)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_word_equal_to_a_known_one_reads_like_it(sd1_painter: Painter) -> None:
    red = sd1_painter.vectors_of("red")
    assert red.shape == (1, 32)
    prompts = ["a * house", "sea in *", "* , * boat"]
    known = sd1_painter.embed([prompt.replace("*", "red") for prompt in prompts])
    assert torch.equal(sd1_painter.embed(prompts, red), known)


def test_a_word_of_several_vectors(sd1_painter: Painter) -> None:
    vectors = sd1_painter.vectors_of("warm yellow house")
    known = sd1_painter.embed("a warm yellow house , red")
    assert torch.equal(sd1_painter.embed("a *, red", vectors), known)


def test_each_prompt_its_own_word(sd1_painter: Painter) -> None:
    words = torch.stack([sd1_painter.vectors_of(word) for word in ("red", "blue")])
    together = sd1_painter.embed_many(["a * house", "*"], words)
    assert torch.equal(together, sd1_painter.embed(["a red house", "blue"]))


def test_another_placeholder(sd1_painter: Painter) -> None:
    red = sd1_painter.vectors_of("red")
    ours = sd1_painter.embed("a <style> house", red, placeholder="<style>")
    assert torch.equal(ours, sd1_painter.embed("a red house"))


def test_gradient_reaches_the_word_and_nothing_else(sd1_painter: Painter) -> None:
    word = normal(2, 32).requires_grad_()
    context = sd1_painter.embed("a * house", word)
    noise = sd1_painter.predict_noise(normal(1, 4, 16, 16), 500, context)
    noise.square().mean().backward()
    assert word.grad is not None and (word.grad.norm(dim=1) > 0).all()
    parts = (sd1_painter.text_encoder, sd1_painter.unet)
    assert all(p.grad is None for part in parts for p in part.parameters())
    with torch.no_grad():
        assert not sd1_painter.embed("a * house", word).requires_grad
    assert not sd1_painter.embed("a house").requires_grad


def test_no_hook_stays_behind(sd1_painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sd1_painter.text_encoder.get_input_embeddings()
    red, before = sd1_painter.vectors_of("red"), sd1_painter.embed("a house")

    def fail(*args, **kwargs):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(sd1_painter.text_encoder.encoder, "forward", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            sd1_painter.embed("a * house", red)
    assert not table._forward_hooks
    sd1_painter.embed("a * house", red)
    assert not table._forward_hooks
    assert torch.equal(sd1_painter.embed("a house"), before)


def test_prompts_that_cannot_be_read(sd1_painter: Painter) -> None:
    red = sd1_painter.vectors_of("red")
    with pytest.raises(PromptError, match=r"'a house' does not say where .* put '\*' into it"):
        sd1_painter.embed(["a *", "a house"], red)
    with pytest.raises(PromptError, match="'' does not say where"):
        sd1_painter.embed("", red)
    with pytest.raises(PromptError, match=r"has '\*' but no word was given"):
        sd1_painter.embed("a *")
    with pytest.raises(PromptError, match="has 76 tokens; this painter reads at most 75"):
        sd1_painter.embed("red " * 75 + "*", red)
    assert sd1_painter.embed("red " * 74 + "*", red).shape == (1, 77, 32)
    with pytest.raises(PromptError, match="give the word fewer vectors than 80"):
        sd1_painter.embed("*", torch.zeros(80, 32))
    with pytest.raises(PromptError, match=r"\(1, 1, 32\) .*, got \(1, 1, 40\)"):
        sd1_painter.embed("*", torch.zeros(1, 40))
    with pytest.raises(PromptError, match=r"\(2, 1, 32\) .*, got \(1, 1, 32\)"):
        sd1_painter.embed_many(["*", "*"], torch.zeros(1, 1, 32))
    with pytest.raises(PromptError, match=r"got \(1, 32\)"):
        sd1_painter.embed("*", torch.zeros(32))


@pytest.mark.parametrize(("slots", "vectors"), [(1, 2), (2, 1), (0, 1), (1, 0)])
def test_a_word_must_have_as_many_vectors_as_the_prompt_has_slots(
    sd1_painter: Painter, slots: int, vectors: int
) -> None:
    tokens = sd1_painter.tokenize(["a *" if slots else "a house"], slots)
    words = torch.zeros(1, vectors, 32) if vectors else None
    got = rf"\(1, {vectors}, 32\)" if vectors else "None"
    with pytest.raises(PromptError, match=rf"words of shape \(1, {slots}, 32\) .*, got {got}"):
        sd1_painter.embed_tokens(tokens, words)


@pytest.mark.parametrize("text", ["", " "])
def test_a_text_without_words_has_no_vectors(sd1_painter: Painter, text: str) -> None:
    with pytest.raises(PromptError, match=rf"the text '{text}' has no words: give one or more"):
        sd1_painter.vectors_of(text)
    with pytest.raises(PromptError, match="has no words"):
        make_embedder("free", sd1_painter, generator=torch.Generator(), start=text)


def test_words_outside_a_closed_vocabulary(sd1_painter: Painter) -> None:
    tokenizer = build(["a red house, by the sea"], 77)  # as Paintbox's
    parts = ("vae", "text_encoder", "unet", "schedule")
    painter = Painter(tokenizer=tokenizer, **{name: getattr(sd1_painter, name) for name in parts})
    assert torch.equal(painter.embed("a RED house"), painter.embed("a red house"))
    assert torch.equal(
        painter.embed("a * sea", painter.vectors_of("red")), painter.embed("a red sea")
    )
    with pytest.raises(PromptError, match=r"'reds' \(similar: red.*'wombat' \(similar: no word"):
        painter.embed("red reds, wombat")


# ------------------------------------------------------------------------------ what is refused


def test_what_is_not_a_painter(tmp_path: Path, sd1_folder: Path) -> None:
    with pytest.raises(PainterError, match=r"no painter at 'nowhere'.*hub id"):
        Painter.load("nowhere")
    (tmp_path / "vae").mkdir()
    with pytest.raises(PainterError, match="lacks text_encoder, tokenizer, unet, scheduler"):
        Painter.load(tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path, sd1_folder: Path) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "pickled")
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PainterError, match=r"no \.safetensors file to read \(it has .*model\.bin"):
        Painter.load(folder)


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model", "text_encoder/model"])
def test_pickles_beside_safetensors_stay_shut(tmp_path: Path, sd1_folder: Path, name: str) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "mixed")
    weights = folder / f"{name}.safetensors"
    pickled = {"text_encoder/model": "text_encoder/pytorch_model"}.get(name, name)
    torch.save(load_file(weights), folder / f"{pickled}.bin")
    weights.rename(weights.with_name("other.safetensors"))
    with pytest.raises(PainterError, match="cannot load"):
        Painter.load(folder)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_damaged_weights_are_refused(tmp_path: Path, sd1_folder: Path, part: str) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "damaged")
    weights = next((folder / part).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(PainterError, match=f"cannot load .*{part}"):
        Painter.load(folder)


def test_missing_weights_are_refused(tmp_path: Path, sd1_folder: Path) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "incomplete")
    for name in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        path = folder / f"{name}.safetensors"
        tensors = load_file(path)
        tensors.pop(sorted(tensors)[0])
        save_file(tensors, path, metadata={"format": "pt"})
        with pytest.raises(PainterError, match=f"{path.parent.name} lacks 1 weights, such as"):
            Painter.load(folder)
        shutil.copy(sd1_folder / f"{name}.safetensors", path)


def test_a_tokenizer_without_files_is_refused(tmp_path: Path, sd1_folder: Path) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "mute")
    (folder / "tokenizer/tokenizer.json").unlink()
    with pytest.raises(PainterError, match="tokenizer"):
        Painter.load(folder)


def test_a_schedule_that_is_not_ours_is_refused(tmp_path: Path, sd1_folder: Path) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "other")
    path = folder / "scheduler/scheduler_config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"epsilon"', '"sample"'))
    with pytest.raises(PainterError, match=r"scheduler_config.json: .*prediction_type is 'sample'"):
        Painter.load(folder)


@pytest.mark.parametrize("unet", [{"in_channels": 9}, {"cross_attention_dim": 40}])
def test_models_of_other_kinds_are_refused(tmp_path: Path, sd1_folder: Path, unet: dict) -> None:
    from diffusers import UNet2DConditionModel

    folder = shutil.copytree(sd1_folder, tmp_path / "other")
    config = {**UNet2DConditionModel.load_config(folder / "unet"), **unet}
    UNet2DConditionModel.from_config(config).save_pretrained(folder / "unet")
    with pytest.raises(PainterError, match=r"not a Stable Diffusion 1\.x or 2\.x .* inpainting"):
        Painter.load(folder)


def test_the_tower_and_the_tokenizer_are_pinned(monkeypatch, sd2_folder: Path) -> None:
    import huggingface_hub

    asked: list[tuple[str, str]] = []

    def refuse(name: str, *, revision: str, **options: object) -> None:
        asked.append((name, revision))
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    for load in (lambda: Painter.load(sd2_folder).vision_tower, clip_tokenizer):
        with pytest.raises(PainterError, match="hf download openai/clip-vit-large-patch14"):
            load()
    assert set(asked) == {(VISION, VISION_REVISION)}
    with pytest.raises(PainterError, match="A word of kind 'free' does not need it"):
        Painter.load(sd2_folder).vision_tower  # noqa: B018


def test_a_hub_id_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PainterError, match=r"'some/painter' at revision 'v1' is not a folder"):
        Painter.load("some/painter", revision="v1")


def test_a_hub_id_in_the_cache(
    tmp_path: Path, sd1_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--some--painter"
    shutil.copytree(sd1_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    painter = Painter.load("some/painter")
    assert (painter.source, painter.revision) == ("some/painter", commit)
    shutil.rmtree(repository / "snapshots" / commit / "unet")
    with pytest.raises(PainterError, match=r"lacks unet. .* the hub's cache has of 'some/painter'"):
        Painter.load("some/painter")


def hub(monkeypatch: pytest.MonkeyPatch, cached: Path, whole: Path) -> list[str]:
    """Gives the hub's client a folder in its cache and one in the net; where it was asked."""
    import huggingface_hub

    asked: list[str] = []

    def download(name: str, *, local_files_only: bool, **options: object) -> str:
        asked.append("cache" if local_files_only else "net")
        return str(cached if local_files_only else whole)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        (UNET_WEIGHTS, "unet/diffusion_pytorch_model.fp16.safetensors"),
        (UNET_WEIGHTS, "unet/diffusion_pytorch_model.non_ema.safetensors"),
        ("vae/config.json", None),
        ("scheduler/scheduler_config.json", None),
        ("tokenizer/tokenizer.json", None),
    ],
)
def test_the_net_completes_what_the_cache_has_of_a_painter(
    tmp_path: Path, sd1_folder: Path, monkeypatch, name: str, instead: str | None
) -> None:
    cached = shutil.copytree(sd1_folder, tmp_path / "cached")
    (cached / name).rename(cached / (instead or "elsewhere"))
    asked = hub(monkeypatch, cached, sd1_folder)
    assert Painter.load("some/painter").picture_size == 32
    assert asked == ["cache", "net"]
    asked = hub(monkeypatch, sd1_folder, sd1_folder)
    Painter.load("some/painter")
    assert asked == ["cache"]


@pytest.mark.parametrize(
    "there",
    [
        [],
        ["vocab.json", "merges.txt"],  # as `clip_tokenizer` leaves the cache
        ["config.json", "model.safetensors"],
        ["config.json", "preprocessor_config.json", "model.fp16.safetensors"],
    ],
)
def test_the_net_completes_what_the_cache_has_of_a_vision_tower(
    tmp_path: Path, sd1_folder: Path, monkeypatch, there: list[str]
) -> None:
    whole = shutil.copytree(sd1_folder / "image_encoder", tmp_path / "whole")
    shutil.copy(sd1_folder / "feature_extractor/preprocessor_config.json", whole)
    cached = tmp_path / "cached"
    cached.mkdir()
    for name in there:
        (cached / name).touch()
    asked = hub(monkeypatch, cached, whole)
    model, preprocessing = read_vision_tower(VISION, torch.float32)
    assert (model.config.hidden_size, preprocessing.size) == (24, 28)
    assert asked == ["cache", "net"]
    hub(monkeypatch, cached, cached)
    with pytest.raises(
        PainterError, match=r"vision tower is missing: .* is not complete: it lacks"
    ):
        read_vision_tower(VISION, torch.float32)


def test_a_folder_with_half_precision_only_is_refused(tmp_path: Path, sd1_folder: Path) -> None:
    folder = shutil.copytree(sd1_folder, tmp_path / "half")
    (folder / UNET_WEIGHTS).rename(folder / "unet/diffusion_pytorch_model.fp16.safetensors")
    with pytest.raises(PainterError, match=r"no \.safetensors file to read .* such as fp16"):
        Painter.load(folder)


# --------------------------------------------------------------- Stable Diffusion 1.5, on paper

SD15_UNET = {
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}
SD15_VAE = {
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SD15_TEXT = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
}
SD15_SCHEDULER = {
    "_class_name": "PNDMScheduler",
    **SD_BETAS,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
CLIP_L = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 768,
}


@pytest.fixture(scope="module")
def sd15_on_paper() -> Painter:
    """The true configuration of Stable Diffusion 1.5 without its weights."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    schedule = Schedule.from_config(SD15_SCHEDULER)
    with torch.device("meta"):
        return Painter(
            vae=AutoencoderKL(**SD15_VAE),
            text_encoder=CLIPTextModel(CLIPTextConfig(**SD15_TEXT)),
            tokenizer=toy_tokenizer(),
            unet=UNet2DConditionModel(**SD15_UNET),
            schedule=schedule,
            vision_tower=(
                CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP_L)),
                ImagePreprocessing(224, (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)),
            ),
        )


@pytest.mark.slow
def test_shapes_at_stable_diffusions_size(sd15_on_paper: Painter) -> None:
    painter = sd15_on_paper
    assert sum(p.numel() for p in painter.unet.parameters()) == 859_520_964
    assert (painter.picture_size, painter.latent_shape) == (512, (4, 64, 64))
    assert (painter.text_width, painter.text_length) == (768, 77)
    assert painter.feature_widths == (768, 1024)
    picture = torch.empty(2, 3, 512, 512, device="meta")
    mean, std = painter.moments(picture)
    assert mean.shape == std.shape == (2, 4, 64, 64)
    assert painter.decode(mean).shape == (2, 3, 512, 512)
    features = painter.image_features(picture)
    assert features.pooled.shape == (2, 768) and features.patches.shape == (2, 256, 1024)
    word = torch.empty(3, 768, device="meta", requires_grad=True)
    context = painter.embed(["a house in the style of *", "*"], word)
    assert context.shape == (2, 77, 768)
    noise = painter.predict_noise(mean, 500, context)
    assert noise.shape == (2, 4, 64, 64)
    assert painter.embed("*", torch.zeros(1, 768)).device.type == "meta"  # words are saved on a CPU
    noise.sum().backward()
    assert word.grad is not None and word.grad.shape == (3, 768)


@pytest.mark.parametrize("showing", [True, False])
def test_loading_leaves_the_progress_bars_of_diffusers_as_they_were(sd1_folder, showing):
    from diffusers.utils import logging

    was = logging.is_progress_bar_enabled()
    try:
        (logging.enable_progress_bar if showing else logging.disable_progress_bar)()
        Painter.load(sd1_folder, device="cpu")
        assert logging.is_progress_bar_enabled() is showing
    finally:
        (logging.enable_progress_bar if was else logging.disable_progress_bar)()
