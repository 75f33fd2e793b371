"""The mixture's noise is exact, and sampling with it gives the mixture back."""

from __future__ import annotations

import pytest
import torch
from tiny import SD_SCHEDULE as SD
from torch import Generator, Tensor

from inst_tutorial.gaussian import ExactPainter, GaussianMixture
from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import Schedule, q_sample
from inst_tutorial.sampling import sample


def tensor(*rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture
def mixture() -> GaussianMixture:
    means = tensor([-1.5, 0.0], [1.0, 1.0], [0.5, -1.0])
    return GaussianMixture(tensor(0.5, 0.3, 0.2), means, tensor(0.2, 0.3, 0.4))


@pytest.fixture
def painter(mixture: GaussianMixture) -> ExactPainter:
    return ExactPainter(mixture, Schedule.from_config(SD))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_the_density_is_that_of_torch(mixture: GaussianMixture) -> None:
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    parts = Independent(Normal(mixture.means, mixture.std[:, None].expand(3, 2)), 1)
    theirs = MixtureSameFamily(Categorical(mixture.weights), parts)
    z = 2 * normal(50, 2)
    torch.testing.assert_close(mixture.log_density(z), theirs.log_prob(z))


@pytest.mark.parametrize("t", [-1, 0, 100, 500, 999])
def test_the_noise_is_the_gradient_of_the_noised_density(painter: ExactPainter, t: int) -> None:
    z = (2 * normal(50, 2)).requires_grad_()
    alpha_bar = painter.schedule.alpha_bar(t)
    density = painter.mixture.noised(alpha_bar).log_density(z)
    (gradient,) = torch.autograd.grad(density.sum(), z)
    eps = painter.predict_noise(z.detach(), t, painter.empty)
    torch.testing.assert_close(eps, -(1 - alpha_bar).sqrt() * gradient)


@pytest.mark.parametrize("t", [100, 500, 999])
def test_the_noised_mixture_is_where_noised_points_are(painter: ExactPainter, t: int) -> None:
    points = painter.mixture.sample(200_000, Generator().manual_seed(0))
    noised = q_sample(painter.schedule, points, t, normal(200_000, 2, seed=1))
    expected = painter.mixture.noised(painter.schedule.alpha_bar(t))
    direct = expected.sample(200_000, Generator().manual_seed(2))
    assert_same_moments(noised, direct)


@pytest.mark.parametrize("t", [50, 300, 700])
def test_no_other_guess_of_the_noise_is_better(painter: ExactPainter, t: int) -> None:
    """The exact noise is the minimum of the loss that painters are trained with."""
    points = painter.mixture.sample(20_000, Generator().manual_seed(0))
    noise = normal(20_000, 2, seed=1)
    z_t = q_sample(painter.schedule, points, t, noise)
    eps = painter.predict_noise(z_t, t, painter.empty)
    best = (eps - noise).square().mean()
    for other in (
        0.9 * eps,
        1.1 * eps,
        eps + 0.1,
        painter.predict_noise(z_t, t + 100, painter.empty),
    ):
        assert (other - noise).square().mean() > best


def assert_same_moments(a: Tensor, b: Tensor, within: float = 0.02) -> None:
    torch.testing.assert_close(a.mean(0), b.mean(0), rtol=0, atol=within)
    torch.testing.assert_close(a.T.cov(), b.T.cov(), rtol=0, atol=within)


def test_sampling_gives_the_mixture_back(painter: ExactPainter) -> None:
    z0 = sample(
        painter,
        normal(20_000, 2),
        painter.empty,
        timesteps=timesteps(painter.schedule, 100),
        guidance=1.0,
        empty=painter.empty,
    )
    truth = painter.mixture.sample(200_000, Generator().manual_seed(1))
    assert_same_moments(z0, truth, within=0.04)
    nearest = torch.cdist(z0, painter.mixture.means).argmin(1).bincount(minlength=3) / len(z0)
    expected = torch.cdist(truth, painter.mixture.means).argmin(1).bincount() / len(truth)
    torch.testing.assert_close(nearest, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_prompt_draws_its_gaussian_only(painter: ExactPainter, which: int) -> None:
    z0 = sample(
        painter,
        normal(5_000, 2),
        painter.only(which),
        timesteps=timesteps(painter.schedule, 100),
        guidance=1.0,
        empty=painter.empty,
    )
    mean, std = painter.mixture.means[which], painter.mixture.std[which]
    torch.testing.assert_close(z0.mean(0), mean, rtol=0, atol=0.05)
    torch.testing.assert_close(z0.std(0), std.expand(2), rtol=0, atol=0.05)


def test_dtype_and_device_are_the_means(mixture: GaussianMixture) -> None:
    single = GaussianMixture(mixture.weights.float(), mixture.means.float(), mixture.std.float())
    painter = ExactPainter(single, Schedule.from_config(SD))
    eps = painter.predict_noise(normal(5, 2).float(), 500, painter.empty)
    assert eps.dtype == painter.dtype == painter.empty.dtype == torch.float32
    assert single.sample(5, Generator().manual_seed(0)).dtype == torch.float32
    assert painter.device == torch.device("cpu")


def test_what_is_no_mixture_is_refused() -> None:
    means, std = torch.zeros(2, 3), torch.ones(2)
    with pytest.raises(ValueError, match=r"\(3,\), \(2, 3\), \(2,\)"):
        GaussianMixture(torch.ones(3) / 3, means, std)
    with pytest.raises(ValueError, match=r"\(2,\), \(2, 3\), \(\)"):
        GaussianMixture(torch.ones(2) / 2, means, torch.tensor(1.0))
    for weights in ([0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(ValueError, match="positive with sum 1"):
            GaussianMixture(torch.tensor(weights), means, std)
