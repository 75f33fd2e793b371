"""Words as files of ours and of others, and the embedders that make them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import toy_picture

from inst_tutorial.painter import ImageFeatures, Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.words import (
    AttentionEmbedder,
    FreeVector,
    Word,
    WordError,
    make_embedder,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_features(pictures: int = 1, seed: int = 0) -> ImageFeatures:
    g = generator(seed)
    return ImageFeatures(
        torch.randn(pictures, 16, generator=g), torch.randn(pictures, 9, 24, generator=g)
    )


def an_embedder(source: str = "pooled", **settings) -> AttentionEmbedder:
    return AttentionEmbedder((16, 24), 32, 2, generator=generator(), source=source, **settings)


@pytest.fixture(params=[1, 3])
def word(request) -> Word:
    vectors = torch.randn(request.param, 32, generator=generator(5))
    return Word(vectors, {"painter": "paintbox", "settings": {"steps": 3}, "curve": [0.5, 0.25]})


# ---------------------------------------------------------------------------------------- files


def test_saved_and_loaded(tmp_path: Path, word: Word) -> None:
    path = word.save(tmp_path / "new/word.safetensors")
    again = Word.load(path)
    assert torch.equal(again.vectors, word.vectors)
    assert again.info == word.info
    first = path.read_bytes()
    assert word.save(path).read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["word.safetensors"]


def test_a_failed_save_leaves_the_old_word(
    tmp_path: Path, word: Word, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = word.save(tmp_path / "word.safetensors")
    before = path.read_bytes()

    def break_down(tensors, file, metadata):
        Path(file).write_bytes(b"half a w")
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", break_down)
    with pytest.raises(OSError, match="disk full"):
        word.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_word(tmp_path: Path, word: Word) -> None:
    path = tmp_path / "word.safetensors"

    def refuses(match: str) -> None:
        with pytest.raises(WordError, match=match):
            Word.load(path)

    refuses("no such file")
    for content in (b"", b"a text", word.save(path).read_bytes()[:-9]):
        path.write_bytes(content)
        refuses("is not a word")
    torch.save({"string_to_param": {"*": word.vectors}}, path)
    refuses(r"Pickled ones .* are not opened")


@pytest.mark.parametrize("kind", ["diffusers", "a1111"])
def test_a_plain_pipeline_draws_the_same_picture(
    tmp_path: Path, sd1_folder: Path, sd1_painter: Painter, word: Word, kind: str
) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(sd1_folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    path = word.export(tmp_path / "learned.safetensors", kind=kind)
    pipeline.load_textual_inversion(path.parent, weight_name=path.name, token="<inst>")
    latents = torch.randn(1, 4, 16, 16, generator=generator(1))
    settings = {"num_inference_steps": 3, "guidance_scale": 4.0, "output_type": "np"}
    theirs = pipeline("a house, in the style of <inst>, warm", latents=latents, **settings).images

    context = sd1_painter.embed("a house, in the style of *, warm", word.vectors)
    empty = sd1_painter.embed("")
    ours = pipeline(
        prompt_embeds=context, negative_prompt_embeds=empty, latents=latents, **settings
    ).images
    without = pipeline("a house, in the style of , warm", latents=latents, **settings).images
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(ours - without).max() > 1e-3  # the word matters


def test_exports_are_what_others_write(tmp_path: Path, word: Word) -> None:
    theirs = {
        "diffusers": word.export(tmp_path / "d.safetensors", token="<mine>"),
        "a1111": word.export(tmp_path / "a.safetensors", kind="a1111"),
    }
    assert list(load_file(theirs["diffusers"])) == ["<mine>"]
    assert list(load_file(theirs["a1111"])) == ["emb_params"]
    for path in theirs.values():
        assert torch.equal(Word.load(path).vectors, word.vectors)
        assert Word.load(path).info == json.loads(json.dumps(dict(word.info)))
    with pytest.raises(ValueError, match="unknown kind 'pt': choose one of diffusers, a1111"):
        word.export(tmp_path / "p.pt", kind="pt")


# ------------------------------------------------------------------------------------ embedders


def test_a_free_vector_starts_from_known_words(sd1_painter: Painter) -> None:
    embedder = make_embedder("free", sd1_painter, 3, generator=generator(), start="warm dabs")
    warm, dabs = sd1_painter.vectors_of("warm"), sd1_painter.vectors_of("dabs")
    assert isinstance(embedder, FreeVector)
    assert torch.equal(embedder(), torch.cat([warm, dabs, warm]))


def test_a_free_vector_is_its_own() -> None:
    start = torch.zeros(1, 4)
    with torch.no_grad():
        FreeVector(start)().add_(1)
    assert torch.equal(start, torch.zeros(1, 4))


@pytest.mark.parametrize("kind", ["free", "pooled", "patches"])
def test_a_word_has_the_painters_width(sd1_painter: Painter, kind: str) -> None:
    features = sd1_painter.image_features(to_tensor([toy_picture(0), toy_picture(1)]))
    embedder = make_embedder(kind, sd1_painter, 2, generator=generator())
    assert embedder(features).shape == (2, 32)
    assert sd1_painter.embed("a house in *", embedder(features)).shape == (1, 77, 32)


def test_published_size() -> None:
    """3,737,856 parameters at Stable Diffusion 1.4's width, 1,377,792 of them alive."""
    embedder = AttentionEmbedder((768, 1024), 768, 1, generator=generator())
    embedder(ImageFeatures(torch.ones(1, 768), torch.ones(1, 2, 1024))).square().sum().backward()
    sizes = [(p.numel(), bool(p.grad.any())) for p in embedder.parameters()]
    assert sum(size for size, _ in sizes) == 3_737_856
    assert sum(size for size, alive in sizes if alive) == 1_377_792


def alive(embedder: AttentionEmbedder) -> set[str]:
    """The parameters that get a gradient other than exactly zero."""
    embedder(some_features(), generator(1)).square().sum().backward()
    return {name for name, p in embedder.named_parameters() if p.grad.abs().max() > 0}


def test_with_one_key_attention_is_dead() -> None:
    last = {"layers.1.to_v.weight", "layers.1.to_out.weight", "layers.1.to_out.bias"}
    assert alive(an_embedder()) == last | {"to_word.weight", "to_word.bias"}


def test_patches_bring_attention_to_life() -> None:
    embedder = an_embedder("patches")
    everything = {name for name, _ in embedder.named_parameters()}
    assert alive(embedder) == everything
    assert {"layers.0.to_q.weight", "layers.1.to_k.weight"} <= everything


def test_with_a_residual_the_first_layer_lives_and_queries_stay_dead() -> None:
    living = alive(an_embedder(residual=True))
    assert "layers.0.to_v.weight" in living
    assert not any(".to_q." in name or ".to_k." in name for name in living)


@pytest.mark.parametrize(("source", "affine"), [("pooled", True), ("patches", False)])
def test_as_published_the_word_is_an_affine_map(source: str, affine: bool) -> None:
    embedder = an_embedder(source).eval()
    x, y = some_features(seed=1), some_features(seed=2)

    def between(share: float) -> ImageFeatures:
        mixed = (share * a + (1 - share) * b for a, b in zip(*map(vars_of, (x, y)), strict=True))
        return ImageFeatures(*mixed)

    with torch.no_grad():
        line = 0.3 * embedder(x) + 0.7 * embedder(y)
        difference = (embedder(between(0.3)) - line).abs().max()
    assert (difference < 1e-6) == affine


def vars_of(features: ImageFeatures) -> tuple[torch.Tensor, torch.Tensor]:
    return features.pooled, features.patches


def test_patches_matter_only_with_source_patches() -> None:
    features = some_features()
    other = ImageFeatures(
        features.pooled, features.patches + torch.randn(1, 9, 24, generator=generator(3))
    )
    for source, same in (("pooled", True), ("patches", False)):
        embedder = an_embedder(source).eval()
        assert torch.equal(embedder(features), embedder(other)) == same


def test_the_word_of_several_pictures_is_the_mean() -> None:
    embedder, features = an_embedder("patches").eval(), some_features(2)
    alone = [
        embedder(ImageFeatures(features.pooled[i : i + 1], features.patches[i : i + 1]))
        for i in (0, 1)
    ]
    torch.testing.assert_close(embedder(features), (alone[0] + alone[1]) / 2)


@pytest.mark.parametrize("options", [{"residual": True}, {"norm": True}])
def test_options_change_the_word(options: dict) -> None:
    features = some_features()
    assert not torch.allclose(
        an_embedder().eval()(features), an_embedder(**options).eval()(features)
    )


def test_dropout_is_off_when_drawing_and_repeatable_when_learning() -> None:
    embedder, features = an_embedder(dropout=0.5), some_features()
    assert torch.equal(embedder(features, generator(1)), embedder(features, generator(1)))
    assert not torch.equal(embedder(features, generator(1)), embedder(features, generator(2)))
    embedder.eval()
    assert torch.equal(embedder(features), embedder(features))
    assert torch.equal(embedder(features), an_embedder(dropout=0.0)(features))


def test_dropout_keeps_the_mean() -> None:
    embedder = an_embedder(dropout=0.25)
    ones = torch.ones(100_000)
    dropped = embedder.dropout(ones, generator())
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_comes_twice_before_the_last_layer_as_published() -> None:
    embedder = AttentionEmbedder((4000, 8), 8, generator=generator(), dropout=0.5, head_width=2)
    seen: list[torch.Tensor] = []
    embedder.to_word.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    embedder(ImageFeatures(torch.ones(1, 4000), torch.ones(1, 1, 8)), generator())
    assert (seen[0] == 0).float().mean().item() == pytest.approx(1 - 0.5 * 0.5, abs=0.03)


def test_first_values_come_from_the_generator(sd1_painter: Painter) -> None:
    state = torch.get_rng_state()
    one, same, other = (
        make_embedder("pooled", sd1_painter, generator=generator(seed)).state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), state)  # the global generator was not touched


def test_settings_that_make_no_sense(sd1_painter: Painter) -> None:
    with pytest.raises(ValueError, match="'best': choose one of pooled, free, patches"):
        make_embedder("best", sd1_painter, generator=generator())
    with pytest.raises(ValueError, match="1 vector or more, got 0"):
        make_embedder("free", sd1_painter, 0, generator=generator())
    with pytest.raises(ValueError, match=r"\[0, 1\), got 1.5"):
        make_embedder("pooled", sd1_painter, generator=generator(), dropout=1.5)
    with pytest.raises(ValueError, match="choose 'pooled' or 'patches'"):
        an_embedder("free")
