"""Inversion: a content picture's latent becomes a noisy latent that still carries the content.

There are four inversions with one signature. Each takes z0 (b, ...), the scaled latent of the
content, and a context (b, L, d) or (1, L, d), the prompt with the learned word. `strength` in
(0, 1] is the share of a grid of `steps` that is denoised afterwards: a greater strength makes a
noisier latent.

Book: chapters "DDIM inversion" and "Stochastic inversion".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Generator, Tensor

from inst_tutorial.noise_level import start_index, timesteps
from inst_tutorial.noise_schedule import (
    Schedule,
    ScheduleError,
    ddim_inverse_step,
    noise_between,
    q_sample,
    random_noise,
)
from inst_tutorial.sampling import NoisePredictor


@dataclass(frozen=True, eq=False)
class Inverted:
    """A noisy latent, and the timesteps with which it is denoised.

    Attributes:
        latent: (b, ...), where denoising starts; it is z0 noised with `noise` (b, ...).
        timesteps: those still to denoise, descending; the first is the level of `latent`
            (for "official" it is a little below).
        calls: the number of network calls.
    """

    latent: Tensor
    timesteps: tuple[int, ...]
    noise: Tensor
    calls: int


class Inversion(Protocol):
    """The signature. Raises ScheduleError for an invalid strength or step count."""

    def __call__(
        self,
        painter: NoisePredictor,
        z0: Tensor,
        context: Tensor,
        *,
        steps: int,
        strength: float,
        generator: Generator,
    ) -> Inverted:
        """Invert z0 (b, ...)."""
        ...


@torch.no_grad()
def plain_noising(
    painter: NoisePredictor,
    z0: Tensor,
    context: Tensor,
    *,
    steps: int,
    strength: float,
    generator: Generator,
) -> Inverted:
    """Random noise, as in img2img. No network call; `context` is not used.

    Meng et al., "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential
    Equations", 2022.
    """
    remaining = _remaining(painter.schedule, steps, strength)
    noise = random_noise(z0, generator)
    latent = q_sample(painter.schedule, z0, remaining[0], noise)
    return Inverted(latent, remaining, noise, calls=0)


@torch.no_grad()
def stochastic_inversion(
    painter: NoisePredictor,
    z0: Tensor,
    context: Tensor,
    *,
    steps: int,
    strength: float,
    generator: Generator,
) -> Inverted:
    """InST's inversion: noise z0 at random, predict that noise, noise z0 with the prediction.

    One network call. The result is z_t + sqrt(abar_t) (z0 - z0_hat): the randomly noised latent
    plus the part of z0 that the prediction misses. Zhang et al., "Inversion-Based Style Transfer
    with Diffusion Models" (arXiv 2211.13203); InST.ipynb, cell 2.
    """
    remaining = _remaining(painter.schedule, steps, strength)
    return _stochastic(painter, z0, context, remaining[0], remaining, generator)


@torch.no_grad()
def stochastic_inversion_official(
    painter: NoisePredictor,
    z0: Tensor,
    context: Tensor,
    *,
    steps: int,
    strength: float,
    generator: Generator,
) -> Inverted:
    """Stochastic inversion with the levels of InST's official code (InST.ipynb, cell 2).

    There z0 is noised to t = int(1000 * strength) and denoised over int(steps * strength) steps,
    which start at a lower t: at strength 0.7 and 50 steps, z0 is noised to 700 and denoised from
    681. Strength 1.0 would need timestep 1000, which does not exist: here it raises ScheduleError.
    """
    level, remaining = _official_levels(painter.schedule, steps, strength)
    return _stochastic(painter, z0, context, level, remaining, generator)


@torch.no_grad()
def ddim_inversion(
    painter: NoisePredictor,
    z0: Tensor,
    context: Tensor,
    *,
    steps: int,
    strength: float,
    generator: Generator,
) -> Inverted:
    """DDIM's steps upwards, at guidance 1. One network call a step; `generator` is not used.

    The step up to t needs the noise in z_t, which is not known yet. The prediction at level t for
    the latent one step below is used in its place, as in diffusers' DDIMInverseScheduler. Song et
    al., "Denoising Diffusion Implicit Models", 2021, section 4.3.
    """
    remaining = _remaining(painter.schedule, steps, strength)
    z, context = z0, context.expand(len(z0), -1, -1)
    upwards = remaining[::-1]
    for t, t_next in zip((-1, *upwards[:-1]), upwards, strict=True):
        eps = painter.predict_noise(z, t_next, context)
        z = ddim_inverse_step(painter.schedule, z, t, t_next, eps)
    noise = noise_between(painter.schedule, z0, z, remaining[0])
    return Inverted(z, remaining, noise, calls=len(remaining))


INVERSIONS: Mapping[str, Inversion] = MappingProxyType(
    {
        "stochastic": stochastic_inversion,
        "ddim": ddim_inversion,
        "noise": plain_noising,
        "official": stochastic_inversion_official,
    }
)
"""The inversions by the names that settings and the command line use."""


def denoised_steps(inversion: str, schedule: Schedule, steps: int, strength: float) -> int:
    """How many steps are denoised after an inversion of `INVERSIONS`. Raises ScheduleError."""
    if inversion == "official":
        return len(_official_levels(schedule, steps, strength)[1])
    return len(_remaining(schedule, steps, strength))


def _remaining(schedule: Schedule, steps: int, strength: float) -> tuple[int, ...]:
    """The timesteps still to denoise; the latent is noised to the first of them."""
    return timesteps(schedule, steps)[start_index(schedule, steps, strength) :]


def _official_levels(
    schedule: Schedule, steps: int, strength: float
) -> tuple[int, tuple[int, ...]]:
    """The timestep to which the official code noises, and those that it denoises."""
    _remaining(schedule, steps, strength)  # the same errors as everywhere
    level, count = int(schedule.train_steps * strength), int(steps * strength)
    if level >= schedule.train_steps or count == 0:
        raise ScheduleError(
            f"the official code cannot use strength {strength} with {steps} steps: it noises to "
            f"timestep {level} of 0..{schedule.train_steps - 1} and denoises {count} steps. "
            f"Use the inversion 'stochastic' instead"
        )
    return level, timesteps(schedule, steps)[-count:]


def _stochastic(
    painter: NoisePredictor,
    z0: Tensor,
    context: Tensor,
    level: int,
    remaining: tuple[int, ...],
    generator: Generator,
) -> Inverted:
    """The three steps of stochastic inversion, at timestep `level`."""
    z_t = q_sample(painter.schedule, z0, level, random_noise(z0, generator))
    noise = painter.predict_noise(z_t, level, context.expand(len(z0), -1, -1))
    return Inverted(q_sample(painter.schedule, z0, level, noise), remaining, noise, calls=1)
