"""A disguise shows the same with other colours and without strokes; it hides in noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator

from inst_tutorial.disguise import MOST, disguised, hidden_level
from inst_tutorial.metrics import edge_distance, palette_distance
from inst_tutorial.world import STYLES, Scene, paint

SCENE = Scene("house", "meadow", colour="blue", trim="red", seed=4)


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def roughness(picture: Image.Image) -> float:
    """How much a pixel differs from its neighbour, on average."""
    return float(np.abs(np.diff(np.asarray(picture.convert("L"), float))).mean())


def test_a_disguise_is_drawn_from_the_generator_and_keeps_the_size() -> None:
    picture = paint(SCENE, STYLES["mosaic"]).resize((96, 96))
    first, again, other = (disguised(picture, seeded(seed)) for seed in (0, 0, 1))
    assert first.size == (96, 96) and first.mode == "RGB"
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_disguise_takes_colours_and_strokes_and_leaves_what_is_where() -> None:
    picture, photograph = paint(SCENE, STYLES["pointillist"]), paint(SCENE)
    made = [disguised(picture, seeded(seed)) for seed in range(8)]
    assert np.mean([palette_distance(one, picture) for one in made]) > 10
    assert max(map(roughness, made)) < roughness(picture) / 2
    own = np.mean([edge_distance(one, photograph) for one in made])
    elsewhere = paint(Scene("castle", "sea", seed=5))
    assert own < np.mean([edge_distance(one, elsewhere) for one in made])


def test_at_level_r_the_other_picture_is_all_that_is_seen() -> None:
    z0, other, white = torch.randn(3, 512, 1, 1, 1, generator=seeded(0))
    a = torch.tensor(0.0825)  # t = 700
    r = (a / (1 - a)).sqrt()
    seen = a.sqrt() * z0 + (1 - a).sqrt() * (white + r * (other - z0))
    torch.testing.assert_close(seen, a.sqrt() * other + (1 - a).sqrt() * white)
    level = hidden_level(a.expand(512), 1.0, seeded(0))
    assert level.shape == (512, 1, 1, 1)
    assert level.mean().item() == pytest.approx(r.item(), rel=0.1)
    assert 1.9 * r < level.max() < 2 * r


def test_others_are_hidden_in_their_share_and_bounded_where_there_is_little_noise() -> None:
    alpha_bar = torch.linspace(0.99, 0.005, 1000)
    level = hidden_level(alpha_bar, 0.3, seeded(0))
    assert (level > 0).float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert 0.9 * MOST < level.max() <= MOST
    assert hidden_level(alpha_bar, 0.0, seeded(0)).max() == 0
