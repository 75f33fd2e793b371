"""Self-attention can be recorded without a trace, and a painting's injected into a content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tiny import toy_picture
from torch import Generator, Tensor

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.metrics import structure_distance, truth_distance
from inst_tutorial.noise_level import timesteps
from inst_tutorial.painter import Painter
from inst_tutorial.sampling import sample
from inst_tutorial.self_attention import (
    Heads,
    SelfAttention,
    SelfAttentionError,
    inject,
    layer_names,
    record,
)
from inst_tutorial.style_injection import InjectionError, InjectionSettings, inject_style
from inst_tutorial.style_transfer import TransferError
from inst_tutorial.world import HELD_OUT, Scene, paint

if TYPE_CHECKING:
    from pytest import FixtureRequest

STEPS = 3
QUICK = InjectionSettings(steps=STEPS, layers=("up_blocks",))


@pytest.fixture(params=["sd1", "sd2"])
def painter(request: FixtureRequest) -> Iterator[Painter]:
    """A tiny painter whose places attend unevenly: random UNets attend evenly."""
    painter: Painter = request.getfixturevalue(f"{request.param}_painter")
    weights = [
        part.to_q.weight for name, part in painter.unet.named_modules() if name.endswith("attn1")
    ]
    kept = [weight.clone() for weight in weights]
    for weight in weights:
        weight.mul_(30)
    yield painter
    for weight, old in zip(weights, kept, strict=True):
        weight.copy_(old)


def draw(painter: Painter, seed: int = 0, b: int = 1) -> Tensor:
    empty = painter.embed("")
    z = torch.randn((b, *painter.latent_shape), generator=Generator().manual_seed(seed))
    grid = timesteps(painter.schedule, STEPS)
    return sample(painter, z, empty, timesteps=grid, guidance=1.0, empty=empty)


def recorded(painter: Painter, **options: Any) -> SelfAttention:
    with record(painter) as attention:
        draw(painter, **options)
    return attention


def test_recording_changes_nothing_and_keeps_every_layer_and_step(painter: Painter) -> None:
    before = draw(painter)
    with record(painter) as attention:
        during = draw(painter)
    torch.testing.assert_close(during, before, rtol=0, atol=2e-5)
    assert set(attention.layers) == set(layer_names(painter))
    assert attention.steps == STEPS
    side = painter.latent_shape[-1]
    shapes = [calls[0].query.shape for calls in attention.layers.values()]  # (b, heads, h*w, c)
    assert max(places for _, _, places, _ in shapes) == side * side
    assert torch.equal(draw(painter), before)  # and the layers are as they were


def test_injecting_a_run_into_itself_changes_nothing(painter: Painter) -> None:
    before, own = draw(painter), recorded(painter)
    with inject(painter, own, own, query_share=1.0, temperature=1.0):
        during = draw(painter)
    torch.testing.assert_close(during, before, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "options", [{}, {"query_share": 0.0, "temperature": 1.0}, {"temperature": 3.0}]
)
def test_the_other_runs_keys_and_values_change_the_result(
    painter: Painter, options: dict[str, float]
) -> None:
    before, own, other = draw(painter), recorded(painter), recorded(painter, seed=1)
    with inject(painter, own, other, **options):
        during = draw(painter)
    assert (during - before).abs().max() > 1e-3


def test_a_layer_attends_with_the_contents_queries_to_the_styles_places(painter: Painter) -> None:
    """Equations 5 to 7, written out for the first layer of the first call."""
    own, other = recorded(painter), recorded(painter, seed=1)
    first = layer_names(painter)[0]
    seen: list[Heads] = []
    with inject(painter, own, other, query_share=0.75, temperature=1.5):
        # what the layer really used: the recorder inside would see it before the change
        processor = dict(painter.unet.named_modules())[first].processor
        edit = processor.edit
        processor.edit = lambda layer, heads: (seen.append(edit(layer, heads)), seen[-1])[1]
        draw(painter)
    mine, (_, key, value) = own.layers[first][0], other.layers[first][0]
    torch.testing.assert_close(seen[0].query, 1.5 * mine.query)  # the first call's own are equal
    assert torch.equal(seen[0].key, key) and torch.equal(seen[0].value, value)


def test_only_the_named_layers_are_touched(painter: Painter) -> None:
    with record(painter, ["up_blocks"]) as attention:
        draw(painter)
    assert attention.layers and all(name.startswith("up_blocks") for name in attention.layers)
    message = r"begins with 'nowhere'.*up_blocks"
    with pytest.raises(SelfAttentionError, match=message), record(painter, ["nowhere"]):
        pass


def test_what_does_not_fit_is_refused_and_the_layers_come_back(painter: Painter) -> None:
    own, before = recorded(painter), draw(painter)
    with record(painter, ["up_blocks"]) as fewer:
        draw(painter)
    with pytest.raises(SelfAttentionError, match="different layers"), inject(painter, own, fewer):
        pass
    shares = inject(painter, own, own, query_share=1.5)
    with pytest.raises(SelfAttentionError, match=r"0 to 1, got 1\.5"), shares:
        pass
    message = f"{STEPS} calls were recorded"
    with pytest.raises(SelfAttentionError, match=message), inject(painter, own, own):
        draw(painter)
        draw(painter)
    assert torch.equal(draw(painter), before)


def test_reversing_turns_the_steps_around(painter: Painter) -> None:
    own = recorded(painter)
    name = layer_names(painter)[0]
    assert torch.equal(own.reversed().layers[name][0].key, own.layers[name][-1].key)


def test_a_batch_equals_its_pictures_one_by_one(sd1_painter: Painter) -> None:
    contents, style = [toy_picture(0), toy_picture(1)], toy_picture(2)
    together = inject_style(sd1_painter, contents, style, QUICK)
    alone = [inject_style(sd1_painter, [content], style, QUICK)[0] for content in contents]
    for a, b in zip(together, alone, strict=True):
        assert max(abs(x - y) for x, y in zip(a.tobytes(), b.tobytes(), strict=True)) <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 0.0}, "strength must be above 0 and at most 1, got 0.0"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"query_share": -0.1}, "query_share must be 0 to 1, got -0.1"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"layers": "up_blocks"}, "layers must be a tuple of names, got 'up_blocks'"),
        ({"layers": ()}, r"layers must be a tuple of names, got \(\)"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InjectionError, match=message):
        InjectionSettings(**options)


@pytest.mark.slow
@pytest.mark.skipif(not (PAINTBOX / "model_index.json").exists(), reason="no Paintbox")
def test_an_injected_style_brings_the_content_nearer_to_the_truth() -> None:
    painter = Painter.load("paintbox", device="cpu")
    style = HELD_OUT["lagoon"]
    scenes = [Scene("windmill", "meadow", seed=900), Scene("owl", "snow", seed=901)]
    contents, truths = [paint(s) for s in scenes], [paint(s, style) for s in scenes]
    results = inject_style(painter, contents, paint(Scene("house", "mountains", seed=77), style))
    far = [truth_distance(a, b) for a, b in zip(results, truths, strict=True)]
    copies = [truth_distance(a, b) for a, b in zip(contents, truths, strict=True)]
    assert sum(far) < 0.9 * sum(copies)
    kept = [structure_distance(a, b) for a, b in zip(results, contents, strict=True)]
    assert max(kept) < 0.6


def test_pictures_of_another_size_are_refused(sd1_painter: Painter) -> None:
    with pytest.raises(TransferError, match=r"32 x 32 pixels, got one of \(48, 48\)"):
        inject_style(sd1_painter, [toy_picture(0, size=48)], toy_picture(1), QUICK)
