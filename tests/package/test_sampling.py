"""Sampling is diffusers' own DDIM pipeline, in fewer calls and with everything visible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Generator, Tensor

from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import ddim_step, predict_z0
from inst_tutorial.sampling import guided_noise, sample

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter


class Counting:
    """A painter that keeps the batch sizes it was asked for."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.schedule = painter, painter.schedule
        self.batches: list[int] = []

    def predict_noise(self, z_t: Tensor, t: int, context: Tensor) -> Tensor:
        assert len(context) == len(z_t)
        self.batches.append(len(z_t))
        return self.painter.predict_noise(z_t, t, context)


def latents(painter: Painter, b: int = 1) -> Tensor:
    return torch.randn((b, *painter.latent_shape), generator=Generator().manual_seed(3))


@pytest.mark.parametrize("name", ["sd1", "sd2"])
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_sampling_is_diffusers_pipeline(
    request: pytest.FixtureRequest, name: str, guidance: float
) -> None:
    painter: Painter = request.getfixturevalue(f"{name}_painter")
    folder: Path = request.getfixturevalue(f"{name}_folder")
    prompts, noise = ["a red house", "a blue boat"], latents(painter, 2)
    theirs = diffusers_latents(folder, prompts, noise, guidance)
    ours = sample(
        painter,
        noise,
        painter.embed(prompts),
        timesteps=timesteps(painter.schedule, 7),
        guidance=guidance,
        empty=painter.embed(""),
    )
    assert not torch.allclose(ours[0], ours[1], atol=1e-2)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def diffusers_latents(folder: Path, prompts: list[str], noise: Tensor, guidance: float) -> Tensor:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder)
    assert isinstance(pipeline.scheduler, DDIMScheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompts,
        num_inference_steps=7,
        guidance_scale=guidance,
        latents=noise,
        output_type="latent",
    ).images


@pytest.mark.parametrize(("guidance", "batch"), [(1.0, 3), (7.5, 6), (0.0, 6)])
def test_one_call_a_step(sd1_painter: Painter, guidance: float, batch: int) -> None:
    painter = Counting(sd1_painter)
    grid = timesteps(painter.schedule, 4)
    context, empty = sd1_painter.embed("a house"), sd1_painter.embed("")
    z = latents(sd1_painter, 3)
    sample(painter, z, context, timesteps=grid, guidance=guidance, empty=empty)
    assert painter.batches == [batch] * 4


def test_guidance_goes_from_the_empty_prompt_through_the_prompt(sd1_painter: Painter) -> None:
    z, context, empty = latents(sd1_painter), sd1_painter.embed("a boat"), sd1_painter.embed("")
    without = sd1_painter.predict_noise(z, 500, empty)
    with_prompt = sd1_painter.predict_noise(z, 500, context)
    assert not torch.allclose(without, with_prompt, atol=1e-3)
    expected = {0.0: without, 1.0: with_prompt, 3.0: 3 * with_prompt - 2 * without}
    for guidance, eps in expected.items():
        ours = guided_noise(sd1_painter, z, 500, context, empty, guidance)
        torch.testing.assert_close(ours, eps, rtol=0, atol=1e-5)


def test_the_callback_sees_every_step(sd1_painter: Painter) -> None:
    grid = timesteps(sd1_painter.schedule, 5)[2:]
    z, context, empty = latents(sd1_painter), sd1_painter.embed("a boat"), sd1_painter.embed("")
    seen: list[tuple[int, int, Tensor, Tensor]] = []
    z0 = sample(
        sd1_painter,
        z,
        context,
        timesteps=grid,
        guidance=3.0,
        empty=empty,
        callback=lambda *step: seen.append(step),
    )
    assert [(i, t) for i, t, _, _ in seen] == list(enumerate(grid))
    levels = [z_t for _, _, z_t, _ in seen] + [z0]
    assert torch.equal(levels[0], z)
    for i, t, z_t, z0_hat in seen:
        t_prev = [*grid, -1][i + 1]
        eps = guided_noise(sd1_painter, z_t, t, context, empty, 3.0)
        torch.testing.assert_close(z0_hat, predict_z0(sd1_painter.schedule, z_t, t, eps))
        torch.testing.assert_close(
            levels[i + 1], ddim_step(sd1_painter.schedule, z_t, t, t_prev, eps)
        )


def test_without_a_callback_nothing_changes_and_nothing_is_kept(sd1_painter: Painter) -> None:
    settings: dict[str, Any] = {
        "timesteps": timesteps(sd1_painter.schedule, 3),
        "guidance": 3.0,
        "empty": sd1_painter.embed(""),
    }
    z, context = latents(sd1_painter), sd1_painter.embed("a boat").requires_grad_()
    first = sample(sd1_painter, z, context, **settings)
    second = sample(sd1_painter, z, context, **settings, callback=lambda *_: None)
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert torch.equal(z, latents(sd1_painter))


def test_a_picture_does_not_depend_on_its_neighbours(sd1_painter: Painter) -> None:
    z = latents(sd1_painter, 2)
    context = sd1_painter.embed(["a boat", "a castle"])
    settings: dict[str, Any] = {
        "timesteps": timesteps(sd1_painter.schedule, 3),
        "guidance": 3.0,
        "empty": sd1_painter.embed(""),
    }
    both = sample(sd1_painter, z, context, **settings)
    alone = sample(sd1_painter, z[1:], context[1:], **settings)
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-5)


def test_new_noise_comes_from_the_generator_and_is_the_same_for_all(sd1_painter: Painter) -> None:
    settings: dict[str, Any] = {
        "timesteps": timesteps(sd1_painter.schedule, 3),
        "guidance": 1.0,
        "empty": sd1_painter.embed(""),
    }
    z, context = latents(sd1_painter, 2), sd1_painter.embed("a boat")

    def renewed(z: Tensor, seed: int, eta: float = 1.0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return sample(sd1_painter, z, context, **settings, eta=eta, generator=generator)

    assert torch.equal(renewed(z, 1), renewed(z, 1))
    assert not torch.allclose(renewed(z, 1), renewed(z, 2), atol=1e-3)
    torch.testing.assert_close(renewed(z, 1)[1:], renewed(z[1:], 1), rtol=0, atol=1e-5)
    assert torch.equal(renewed(z, 1, eta=0.0), sample(sd1_painter, z, context, **settings))
    with pytest.raises(ValueError, match=r"eta=0\.5 needs a generator"):
        sample(sd1_painter, z, context, **settings, eta=0.5)
