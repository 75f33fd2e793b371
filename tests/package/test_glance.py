"""One linear map from pictures to words: its algebra, its file, and what it is worth."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from tiny import toy_picture
from torch import Generator

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.glance import (
    GLANCE,
    Glance,
    GlanceError,
    fit_glance,
    glance,
    glance_features,
)
from inst_tutorial.metrics import truth_distance
from inst_tutorial.painter import ImageFeatures, Painter
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.world import HELD_OUT, Scene, paint, style_words


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def test_features_are_the_pooled_vector_and_two_moments_of_the_patches() -> None:
    seen = ImageFeatures(random(2, 5), random(2, 9, 3, seed=1))
    features = glance_features(seen)
    assert features.shape == (2, 5 + 3 + 3)
    assert torch.equal(features[1, :5], seen.pooled[1])
    torch.testing.assert_close(features[1, 5], seen.patches[1, :, 0].mean())
    torch.testing.assert_close(features[1, 8], seen.patches[1, :, 0].std())


def test_an_affine_map_is_found_again() -> None:
    true = Glance(random(6, 4), random(4, seed=1))
    features = 3 * random(200, 6, seed=2) + 5
    fitted = fit_glance(features, true(features), ridge=1e-6)
    torch.testing.assert_close(fitted.weight, true.weight, rtol=0, atol=1e-4)
    torch.testing.assert_close(fitted(features), true(features), rtol=0, atol=1e-3)


def test_the_solution_is_that_of_ridge_regression() -> None:
    """On standardised features: minus the gradient of the error is the gradient of the penalty."""
    features, words = random(50, 6), random(50, 4, seed=1)
    features = (features - features.mean(0)) / features.std(0)
    fitted = fit_glance(features, words, ridge=30.0)
    residual = words - fitted(features)
    torch.testing.assert_close(features.T @ residual, 30 * fitted.weight, rtol=1e-2, atol=1e-2)
    assert fit_glance(features, words, ridge=1e6).weight.abs().max() < 1e-3


def test_a_word_of_several_pictures_is_the_mean_of_theirs(sd1_folder, tmp_path) -> None:
    painter = Painter.load(sd1_folder)
    features = glance_features(painter.image_features(torch.zeros(1, 3, 32, 32)))
    painter.source = str(tmp_path)
    Glance(random(features.shape[1], painter.text_width), random(painter.text_width)).save(
        tmp_path / GLANCE
    )
    one, two = (glance(painter, toy_picture(seed)).vectors for seed in (0, 1))
    word = glance(painter, [toy_picture(0), toy_picture(1)])
    assert word.vectors.shape == (1, painter.text_width)
    torch.testing.assert_close(word.vectors, (one + two) / 2)
    assert word.info == {"kind": "glance", "painter": str(tmp_path), "pictures": 2}


def test_a_painter_without_a_map_says_the_way_out(sd1_painter) -> None:
    with pytest.raises(GlanceError, match=r"clip/glance.safetensors.*inst learn"):
        glance(sd1_painter, toy_picture())


needs_map = pytest.mark.skipif(not (PAINTBOX / GLANCE).exists(), reason="no map is fitted yet")


@needs_map
def test_the_shipped_map_belongs_to_the_shipped_painter() -> None:
    painter, tensors = Painter.load("paintbox", device="cpu"), load_file(PAINTBOX / GLANCE)
    pooled, patch = painter.feature_widths
    assert tensors["weight"].shape == (pooled + 2 * patch, painter.text_width)


@needs_map
@pytest.mark.slow
def test_a_glance_is_nearer_to_the_truth_than_the_best_caption() -> None:
    painter = Painter.load("paintbox", device="cpu")
    contents = [Scene("windmill", "meadow", seed=900), Scene("owl", "snow", seed=901)]
    photographs = [paint(scene) for scene in contents]
    sums = {"glance": 0.0, "caption": 0.0}
    for name in ("starry", "lagoon", "byzantine", "ember"):
        style = HELD_OUT[name]
        word = glance(painter, paint(Scene("house", "mountains", seed=77), style))
        told = TransferSettings(prompt=style_words(style))
        made = {
            "glance": transfer(painter, photographs, word),
            "caption": transfer(painter, photographs, None, told),
        }
        for kind, results in made.items():
            pairs = zip(results, contents, strict=True)
            sums[kind] += sum(truth_distance(a, paint(scene, style)) for a, scene in pairs)
    assert sums["glance"] < 0.9 * sums["caption"]
