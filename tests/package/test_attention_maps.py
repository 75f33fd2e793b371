"""Maps can be watched without a trace, and put into another run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from tiny import seeded, tiny_unet
from torch import Generator, Tensor

from inst_tutorial.attention_maps import AttentionMaps, MapsError, inject, maps_by_word, record
from inst_tutorial.noise_level import timesteps
from inst_tutorial.sampling import sample

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

STEPS = 3


@pytest.fixture(params=["sd1", "sd2"])
def painter(request: pytest.FixtureRequest) -> Iterator[Painter]:
    """A tiny painter whose text matters: random UNets hardly look at it."""
    painter: Painter = request.getfixturevalue(f"{request.param}_painter")
    weights = [layer.to_q.weight for layer in attentions(painter.unet, "attn2").values()]
    kept = [weight.clone() for weight in weights]
    for weight in weights:
        weight.mul_(30)
    yield painter
    for weight, old in zip(weights, kept, strict=True):
        weight.copy_(old)


def attentions(unet: Any, kind: str) -> dict[str, Any]:
    return {name: part for name, part in unet.named_modules() if name.endswith(kind)}


def draw(painter: Painter, prompt: str, *, guidance: float = 1.0, b: int = 1) -> Tensor:
    z = torch.randn((b, *painter.latent_shape), generator=Generator().manual_seed(0))
    return sample(
        painter,
        z,
        painter.embed(prompt),
        timesteps=timesteps(painter.schedule, STEPS),
        guidance=guidance,
        empty=painter.embed(""),
    )


def recorded(painter: Painter, prompt: str, **settings: Any) -> AttentionMaps:
    with record(painter) as maps:
        draw(painter, prompt, **settings)
    return maps


def assert_same(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=2e-5)


def assert_originals(painter: Painter) -> None:
    assert {type(p) for p in painter.unet.attn_processors.values()} == {AttnProcessor2_0}


# ------------------------------------------------------------------------- recording


@pytest.mark.parametrize(("guidance", "rows"), [(1.0, 2), (5.0, 4)])
def test_every_layer_and_step_is_recorded(painter: Painter, guidance: float, rows: int) -> None:
    maps = recorded(painter, "a red house", guidance=guidance, b=2)
    assert maps.steps == STEPS
    assert maps.layers.keys() == attentions(painter.unet, "attn2").keys()
    assert len(maps.layers) > 1
    for name, layer in attentions(painter.unet, "attn2").items():
        for step in maps.layers[name]:
            assert step.shape[:2] == (rows, layer.heads)
            assert step.shape[2] in {side**2 for side in maps.resolutions}
            assert step.shape[3] == painter.text_length
            assert (step >= 0).all()
            torch.testing.assert_close(step.sum(-1), torch.ones(step.shape[:3]))


def test_recording_does_not_change_the_picture(painter: Painter) -> None:
    plain = draw(painter, "a red house", guidance=5.0)
    with record(painter):
        watched = draw(painter, "a red house", guidance=5.0)
    assert_same(watched, plain)


def test_the_maps_are_those_of_the_layer(painter: Painter) -> None:
    """softmax(Q K^T / sqrt(d)), computed by hand from what goes into a layer."""
    name, layer = next(iter(attentions(painter.unet, "attn2").items()))
    inputs: list[Tensor] = []
    handle = layer.to_q.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    maps = recorded(painter, "a red house").layers[name]
    handle.remove()
    keys = layer.to_k(painter.embed("a red house"))
    for x, ours in zip(inputs, maps, strict=True):
        q, k = (y.unflatten(-1, (layer.heads, -1)) for y in (layer.to_q(x), keys))
        scores = torch.einsum("bphc,blhc->bhpl", q, k) / q.shape[-1] ** 0.5
        torch.testing.assert_close(ours, scores.softmax(-1), rtol=0, atol=1e-5)


def test_originals_come_back(painter: Painter) -> None:
    assert_originals(painter)
    maps = recorded(painter, "a red house")
    assert_originals(painter)
    with inject(painter, maps, STEPS):
        assert {type(p) for p in painter.unet.attn_processors.values()} != {AttnProcessor2_0}
    assert_originals(painter)


def test_originals_come_back_after_a_fault(painter: Painter) -> None:
    maps = recorded(painter, "a red house")
    for context in (record(painter), inject(painter, maps, 1)):
        with pytest.raises(KeyboardInterrupt), context:
            raise KeyboardInterrupt
        assert_originals(painter)


def test_a_masked_token_is_not_looked_at(sd1_painter: Painter) -> None:
    context = sd1_painter.embed("a red house")
    z = torch.zeros(1, *sd1_painter.latent_shape)
    mask = torch.ones(context.shape[:2], dtype=torch.bool)
    mask[:, 5:] = False
    arguments: dict[str, Any] = {"encoder_hidden_states": context, "encoder_attention_mask": mask}
    plain = sd1_painter.unet(z, 500, **arguments).sample
    with record(sd1_painter) as maps:
        watched = sd1_painter.unet(z, 500, **arguments).sample
    assert_same(watched, plain)
    assert all((step[..., 5:] < 1e-6).all() for steps in maps.layers.values() for step in steps)


# ------------------------------------------------------------------------- injecting


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_ones_own_maps_change_nothing(painter: Painter, guidance: float) -> None:
    plain = draw(painter, "a red house", guidance=guidance)
    maps = recorded(painter, "a red house", guidance=guidance)
    with inject(painter, maps, STEPS):
        assert_same(draw(painter, "a red house", guidance=guidance), plain)


def test_anothers_maps_change_the_picture_more_the_longer(painter: Painter) -> None:
    maps = recorded(painter, "a red house")
    plain = draw(painter, "ink dots")
    changes = []
    for until_step in range(STEPS + 1):
        with inject(painter, maps, until_step):
            changes.append((draw(painter, "ink dots") - plain).norm().item())
    assert changes[0] < 1e-4
    assert all(change > 1e-2 for change in changes[1:])
    assert len({round(change, 4) for change in changes}) == STEPS + 1


def test_injected_maps_are_the_ones_used(painter: Painter) -> None:
    """A recorder inside an injection sees the stored maps, then the run's own again."""
    stored = recorded(painter, "a red house")
    own = recorded(painter, "ink dots")
    with inject(painter, stored, 2):
        seen = recorded(painter, "ink dots")
    for name in stored.layers:
        for step in range(2):
            assert torch.equal(seen.layers[name][step], stored.layers[name][step])
        assert not torch.allclose(seen.layers[name][2], stored.layers[name][2], atol=1e-4)
        assert not torch.allclose(seen.layers[name][0], own.layers[name][0], atol=1e-4)


def test_without_guidance_recorded_with_guidance_injected(painter: Painter) -> None:
    """Only the prompt's rows are replaced; the empty prompt's keep their own maps."""
    stored = recorded(painter, "a red house")
    own = recorded(painter, "ink dots", guidance=5.0)
    with inject(painter, stored, 1):
        seen = recorded(painter, "ink dots", guidance=5.0)
    first = next(iter(stored.layers))
    assert torch.equal(seen.layers[first][0][1:], stored.layers[first][0])
    assert torch.equal(seen.layers[first][0][:1], own.layers[first][0][:1])


def test_maps_that_do_not_fit_are_refused(painter: Painter) -> None:
    maps = recorded(painter, "a red house", b=2)
    for until_step in (-1, STEPS + 1):
        with pytest.raises(MapsError, match=f"0 to {STEPS}, .* got {until_step}"):
            inject(painter, maps, until_step).__enter__()
    with pytest.raises(MapsError, match=r"\(2, .* do not fit .*\(1, "), inject(painter, maps, 1):
        draw(painter, "a red house")
    renamed = AttentionMaps({f"x.{name}": steps for name, steps in maps.layers.items()})
    with pytest.raises(MapsError, match="other cross-attention layers"):
        inject(painter, renamed, 1).__enter__()
    assert_originals(painter)


# ------------------------------------------------------------------------- by word


def test_maps_by_word_are_the_mean(painter: Painter) -> None:
    maps = recorded(painter, "a red house", guidance=5.0)
    side = maps.resolutions[-1]
    ours = maps_by_word(maps, side)
    assert ours.shape == (painter.text_length, side, side)
    torch.testing.assert_close(ours.sum(0), torch.ones(side, side))
    chosen = [m for steps in maps.layers.values() for m in steps if m.shape[2] == side**2]
    word, y, x = 3, 2, 5
    expected = torch.stack([m[1, :, y * side + x, word].mean() for m in chosen]).mean()
    torch.testing.assert_close(ours[word, y, x], expected)
    empty = torch.stack([m[0, :, y * side + x, word].mean() for m in chosen]).mean()
    torch.testing.assert_close(maps_by_word(maps, side, row=0)[word, y, x], empty)


def test_an_unknown_resolution_is_refused(painter: Painter) -> None:
    maps = recorded(painter, "a red house")
    with pytest.raises(MapsError, match=rf"must be one of \[{maps.resolutions[0]}.*got 5"):
        maps_by_word(maps, 5)


# ------------------------------------------------------------------------- any UNet


def test_a_unet_without_text_has_no_maps() -> None:
    from types import SimpleNamespace

    from diffusers import UNet2DModel

    unet = UNet2DModel(
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
    )
    nobody: Any = SimpleNamespace(unet=unet)
    with pytest.raises(MapsError, match="no cross-attention"):
        record(nobody).__enter__()


@pytest.mark.parametrize(
    "layout",
    [
        {"attention_head_dim": 4, "transformer_layers_per_block": 2},
        {"attention_head_dim": [4, 8], "use_linear_projection": True, "upcast_attention": True},
        {"attention_head_dim": 4, "only_cross_attention": True},
    ],
    ids=["deeper", "upcast", "cross only"],
)
def test_other_unets(layout: dict[str, Any]) -> None:
    from types import SimpleNamespace

    with seeded(0):
        unet = tiny_unet(cross_attention_dim=12, **layout).eval()
        z, context = torch.randn(2, 4, 16, 16), 5 * torch.randn(2, 7, 12)
    nobody: Any = SimpleNamespace(unet=unet)
    with torch.no_grad():
        plain = unet(z, 500, encoder_hidden_states=context).sample
        with record(nobody) as maps:
            watched = unet(z, 500, encoder_hidden_states=context).sample
    assert_same(watched, plain)
    assert maps.steps == 1
    assert all(m.shape[-1] == 7 for steps in maps.layers.values() for m in steps)
