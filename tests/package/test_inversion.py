"""What each inversion does, what it costs, and how well it comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import SD_SCHEDULE as SD
from torch import Generator, Tensor

from inst_tutorial.gaussian import ExactPainter, GaussianMixture
from inst_tutorial.inversion import INVERSIONS, Inverted, ddim_inversion, denoised_steps
from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import Schedule, ScheduleError, predict_z0, q_sample
from inst_tutorial.painter import Painter
from inst_tutorial.sampling import sample

NAMES = ["stochastic", "ddim", "noise", "official"]


@pytest.fixture
def exact() -> ExactPainter:
    means = torch.tensor([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.0]], dtype=torch.float64)
    std = torch.tensor([0.2, 0.3, 0.4], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    return ExactPainter(GaussianMixture(weights, means, std), Schedule.from_config(SD))


@pytest.fixture
def points(exact: ExactPainter) -> Tensor:
    return exact.mixture.sample(500, Generator().manual_seed(0))


class Spy:
    """A painter that keeps the timesteps and latents it was asked about."""

    def __init__(self, painter: ExactPainter) -> None:
        self.painter, self.schedule = painter, painter.schedule
        self.timesteps: list[int] = []
        self.latents: list[Tensor] = []

    def predict_noise(self, z_t: Tensor, t: int, context: Tensor) -> Tensor:
        assert len(context) == len(z_t)
        self.timesteps.append(t)
        self.latents.append(z_t)
        return self.painter.predict_noise(z_t, t, context)


def invert(
    name: str, painter: Any, z0: Tensor, *, steps: int = 50, strength: float = 0.7, seed: int = 1
) -> Inverted:
    context = torch.zeros(1, 1, 3, dtype=z0.dtype)
    generator = Generator().manual_seed(seed)
    return INVERSIONS[name](
        painter, z0, context, steps=steps, strength=strength, generator=generator
    )


def back(painter: ExactPainter, inverted: Inverted, guidance: float = 1.0) -> Tensor:
    """Denoise an inverted latent, with a prompt if guidance is to pull at something."""
    return sample(
        painter,
        inverted.latent,
        painter.empty if guidance == 1 else painter.only(0),
        timesteps=inverted.timesteps,
        guidance=guidance,
        empty=painter.empty,
    )


def error(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()


def test_the_names() -> None:
    assert list(INVERSIONS) == NAMES


# ------------------------------------------------------------------ levels and calls


@pytest.mark.parametrize(
    ("name", "calls"), [("stochastic", 1), ("ddim", 35), ("noise", 0), ("official", 1)]
)
def test_calls_are_counted(exact: ExactPainter, points: Tensor, name: str, calls: int) -> None:
    spy = Spy(exact)
    assert invert(name, spy, points).calls == len(spy.timesteps) == calls


@pytest.mark.parametrize("name", ["stochastic", "ddim", "noise"])
@pytest.mark.parametrize("strength", [0.001, 0.3, 0.58, 0.7, 1.0])
def test_noised_to_the_level_that_is_denoised_first(
    exact: ExactPainter, points: Tensor, name: str, strength: float
) -> None:
    spy = Spy(exact)
    inverted = invert(name, spy, points, strength=strength)
    grid = timesteps(exact.schedule, 50)
    assert inverted.timesteps == grid[len(grid) - max(1, round(50 * strength)) :]
    level = inverted.timesteps[0]
    assert spy.timesteps[-1:] in ([], [level])
    noised = q_sample(exact.schedule, points, level, inverted.noise)
    torch.testing.assert_close(inverted.latent, noised)
    assert inverted.latent.dtype == points.dtype


def test_the_official_levels_do_not_match(exact: ExactPainter, points: Tensor) -> None:
    spy = Spy(exact)
    inverted = invert("official", spy, points)
    assert spy.timesteps == [700]
    assert (inverted.timesteps[0], len(inverted.timesteps)) == (681, 35)
    noised = q_sample(exact.schedule, points, 700, inverted.noise)
    torch.testing.assert_close(inverted.latent, noised)
    # noise to signal is 7.8 % larger than the first denoising step takes it to be
    ratios = [(1 - a) / a for a in map(exact.schedule.alpha_bar, (700, 681))]
    assert (ratios[0] / ratios[1]).sqrt().item() == pytest.approx(1.078, abs=5e-4)


def test_the_official_rounding(exact: ExactPainter, points: Tensor) -> None:
    assert len(invert("official", exact, points, strength=0.58).timesteps) == 28
    assert len(invert("stochastic", exact, points, strength=0.58).timesteps) == 29


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [0.3, 0.58, 0.68, 0.7])
def test_denoised_steps_are_foretold(
    exact: ExactPainter, points: Tensor, name: str, strength: float
) -> None:
    inverted = invert(name, exact, points, strength=strength)
    assert denoised_steps(name, exact.schedule, 50, strength) == len(inverted.timesteps)


@pytest.mark.parametrize(
    ("strength", "text"), [(1.0, "timestep 1000 of 0..999"), (0.01, "0 steps")]
)
def test_where_the_official_code_breaks_it_says_so(
    exact: ExactPainter, points: Tensor, strength: float, text: str
) -> None:
    with pytest.raises(ScheduleError, match=f"(?s){text}.*'stochastic' instead"):
        invert("official", exact, points, strength=strength)
    assert invert("stochastic", exact, points, strength=strength).timesteps


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [0.0, -0.1, 1.1, float("nan")])
def test_strength_outside_0_to_1_is_refused(
    exact: ExactPainter, points: Tensor, name: str, strength: float
) -> None:
    with pytest.raises(ScheduleError, match=f"at most 1, got {strength}"):
        invert(name, exact, points, strength=strength)


# -------------------------------------------------------------------------- the noise


@pytest.mark.parametrize("name", ["stochastic", "noise", "official"])
def test_the_generator_decides_the_noise(exact: ExactPainter, points: Tensor, name: str) -> None:
    first, again = invert(name, exact, points), invert(name, exact, points)
    assert torch.equal(first.latent, again.latent)
    assert not torch.allclose(first.latent, invert(name, exact, points, seed=2).latent, atol=0.1)


def test_plain_noise_is_the_generators(exact: ExactPainter, points: Tensor) -> None:
    noise = torch.randn(points.shape, generator=Generator().manual_seed(1))
    assert torch.equal(invert("noise", exact, points).noise, noise.double())


def test_stochastic_noise_is_what_the_network_sees_in_plain_noise(
    exact: ExactPainter, points: Tensor
) -> None:
    plain, stochastic = invert("noise", exact, points), invert("stochastic", exact, points)
    seen = exact.predict_noise(plain.latent, plain.timesteps[0], exact.empty)
    torch.testing.assert_close(stochastic.noise, seen)


def test_stochastic_adds_back_what_the_network_failed_to_see(
    exact: ExactPainter, points: Tensor
) -> None:
    """z' = z_t + sqrt(abar_t) (z0 - z0_hat)."""
    plain, stochastic = invert("noise", exact, points), invert("stochastic", exact, points)
    t = plain.timesteps[0]
    z0_hat = predict_z0(exact.schedule, plain.latent, t, stochastic.noise)
    missed = exact.schedule.alpha_bar(t).sqrt() * (points - z0_hat)
    assert missed.abs().mean() > 0.05
    torch.testing.assert_close(stochastic.latent, plain.latent + missed)


def test_ddim_inversion_draws_nothing(exact: ExactPainter, points: Tensor) -> None:
    generator = Generator().manual_seed(1)
    before = generator.get_state()
    ddim_inversion(exact, points, exact.empty, steps=10, strength=1.0, generator=generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_ddim_inversion_is_diffusers(exact: ExactPainter, points: Tensor, steps: int) -> None:
    from diffusers import DDIMInverseScheduler

    scheduler = DDIMInverseScheduler(**SD, timestep_spacing="leading")
    scheduler.set_timesteps(steps)
    z = points
    for t in scheduler.timesteps.tolist():
        z = scheduler.step(exact.predict_noise(z, t, exact.empty), t, z).prev_sample
    spy = Spy(exact)
    inverted = invert("ddim", spy, points, steps=steps, strength=1.0)
    assert spy.timesteps == scheduler.timesteps.tolist()
    torch.testing.assert_close(inverted.latent, z, rtol=0, atol=1e-5)


# --------------------------------------------------------------------------- and back


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_ddim_inversion_comes_back_the_better_the_more_steps(
    exact: ExactPainter, points: Tensor, strength: float
) -> None:
    errors = [
        error(back(exact, invert("ddim", exact, points, steps=steps, strength=strength)), points)
        for steps in (10, 40, 160)
    ]
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]
    assert errors[2] < 0.05


@pytest.mark.parametrize("strength", [0.3, 0.5, 0.7, 1.0])
def test_ddim_inversion_comes_back_better_than_stochastic_and_that_than_noise(
    exact: ExactPainter, points: Tensor, strength: float
) -> None:
    ddim, stochastic, noise = (
        error(back(exact, invert(name, exact, points, strength=strength)), points)
        for name in ("ddim", "stochastic", "noise")
    )
    assert ddim < 0.7 * stochastic
    assert stochastic < noise


def test_guidance_breaks_ddim_inversion(exact: ExactPainter, points: Tensor) -> None:
    inverted = invert("ddim", exact, points, steps=100, strength=0.7)
    plain, guided = back(exact, inverted), back(exact, inverted, guidance=7.5)
    assert error(guided, points) > 5 * error(plain, points)


# --------------------------------------------------------------------- with a painter


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_noise_of_a_short_number_format(sd1_folder: Path, dtype: torch.dtype) -> None:
    """At t = 1, bfloat16 rounds abar to 1, so 1 - abar must be computed before rounding."""
    painter = Painter.load(sd1_folder, device="cpu", dtype=dtype)
    z0 = torch.randn(1, *painter.latent_shape, generator=Generator().manual_seed(0)).to(dtype)
    inverted = ddim_inversion(
        painter, z0, painter.embed("a"), steps=20, strength=0.05, generator=Generator()
    )
    assert inverted.timesteps == (1,)
    noised = q_sample(painter.schedule, z0, 1, inverted.noise)
    torch.testing.assert_close(noised, inverted.latent, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_latents_and_prompts_of_a_painter(sd1_painter: Painter, name: str) -> None:
    shape = (2, *sd1_painter.latent_shape)
    z0 = torch.randn(shape, generator=Generator().manual_seed(0))
    contexts = [sd1_painter.embed(prompt) for prompt in ("a red house", "ink dots")]
    results = [
        INVERSIONS[name](
            sd1_painter,
            z0,
            context,
            steps=5,
            strength=0.5,
            generator=Generator().manual_seed(1),
        )
        for context in contexts
    ]
    for result in results:
        assert result.latent.shape == result.noise.shape == shape
        assert not result.latent.requires_grad
    assert torch.equal(results[0].latent, results[1].latent) == (name == "noise")
