"""A mixture of Gaussians: data so simple that the best possible painter of it is known exactly.

Noised to level t, a mixture stays a mixture. So its density, its score (the gradient of the log
density) and the noise that an ideal UNet would predict have formulas. `ExactPainter` uses them in
place of a network.

Book: chapter "Diffusion with nothing hidden".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from inst_tutorial.noise_schedule import Schedule


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """m round Gaussians in d dimensions: weights (m,) that sum to 1, means (m, d), std (m,).

    Results have the dtype of the means. Raises ValueError for anything else.
    """

    weights: Tensor
    means: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(part.shape) for part in (self.weights, self.means, self.std)]
        m = len(self.means)
        if shapes != [(m,), (m, self.means.shape[-1]), (m,)]:
            raise ValueError(
                f"weights, means and std must be (m,), (m, d) and (m,), got "
                f"{', '.join(map(str, shapes))}"
            )
        if (self.weights <= 0).any() or abs(self.weights.sum() - 1) > 1e-5:
            raise ValueError(f"weights must be positive with sum 1, got {self.weights.tolist()}")

    def sample(self, count: int, generator: Generator) -> Tensor:
        """`count` points (count, d)."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], generator=generator).to(self.means)
        return self.means[chosen] + self.std[chosen, None] * noise

    def noised(self, alpha_bar: Tensor) -> GaussianMixture:
        """The mixture of the points that are noised by q_sample to level alpha_bar ()."""
        std = (alpha_bar * self.std**2 + 1 - alpha_bar).sqrt()
        return GaussianMixture(self.weights, alpha_bar.sqrt() * self.means, std)

    def log_density(self, z: Tensor) -> Tensor:
        """Log density (b,) at the points z (b, d)."""
        return self._log_joint(z).logsumexp(-1)

    def score(self, z: Tensor, tilt: Tensor | float = 0.0) -> Tensor:
        """The gradient (b, d) of the log density: a pull to each mean, by its share in z (b, d).

        `tilt` (b, m) is added to the logs of the weights.
        """
        share = (self._log_joint(z) + tilt).softmax(-1)  # (b, m)
        pulls = (self.means - z[:, None]) / self.std[:, None] ** 2  # (b, m, d)
        return (share[..., None] * pulls).sum(1)  # (b, m, 1) * (b, m, d) -> (b, d)

    def _log_joint(self, z: Tensor) -> Tensor:
        """Log of weight times density, of each Gaussian at each point z (b, d): (b, m)."""
        d, variance = self.means.shape[1], self.std**2
        squares = (z[:, None] - self.means).square().sum(-1)  # (b, 1, d) - (m, d) -> (b, m)
        peaks = self.weights.log() - d / 2 * (2 * torch.pi * variance).log()  # (m,)
        return peaks - squares / (2 * variance)


@dataclass(frozen=True, eq=False)
class ExactPainter:
    """Predicts the noise in points of a mixture without error, as a Painter does in latents.

    A prompt is a context (b, 1, m): for each Gaussian, what to add to the log of its weight.
    """

    mixture: GaussianMixture
    schedule: Schedule

    @property
    def device(self) -> torch.device:
        """The device on which it computes."""
        return self.mixture.means.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that it computes in."""
        return self.mixture.means.dtype

    @property
    def empty(self) -> Tensor:
        """The empty prompt (1, 1, m): any Gaussian, by its weight."""
        return torch.zeros_like(self.mixture.weights)[None, None]  # (m,) -> (1, 1, m)

    def only(self, which: int) -> Tensor:
        """The prompt (1, 1, m) that means one Gaussian."""
        context = torch.full_like(self.empty, -1e4)
        context[..., which] = 0
        return context

    def predict_noise(self, z_t: Tensor, t: int, context: Tensor) -> Tensor:
        """Eps (b, d) in z_t (b, d) at timestep t: -sqrt(1 - abar_t) times the score.

        Noise and score: Song et al., "Score-Based Generative Modeling through Stochastic
        Differential Equations", 2021.
        """
        alpha_bar = self.schedule.alpha_bar(t)
        noised = self.mixture.noised(alpha_bar)
        return -(1 - alpha_bar).sqrt() * noised.score(z_t, context[:, 0])
