"""Levels of noise: how much signal is left at timestep t, and one step from level to level.

A latent at level t is z_t = sqrt(abar_t) z0 + sqrt(1 - abar_t) noise (Ho et al., "Denoising
Diffusion Probabilistic Models", 2020, eq. 4). Timesteps t run from 0, nearly clean, to
`train_steps` - 1, nearly pure noise; -1 stands for the level at which sampling ends.
Coefficients are computed in float64; results have the dtype and device of z.

Book: chapter "Diffusion with nothing hidden".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import AliasChoices, Field, ValidationError
from torch import Generator, Tensor
from torch.nn import functional as F

from inst_tutorial.devices import upload
from inst_tutorial.validation import Schema, first_fault


class ScheduleError(ValueError):
    """An invalid schedule, step count, timestep or strength; the message says which are valid."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """The noise levels that a painter was trained on.

    alphas_cumprod: abar_t of each timestep t, (T,) float64, falling from near 1 to near 0.
    final_alpha: abar after the last step, when no timestep is left (t = -1).
    steps_offset: the lowest timestep of a sampling grid.
    prediction_type: what the UNet predicts, "epsilon" or "v_prediction".
    coarse_level: deviation of the coarse noise of its training, see `multiscale_noise`.
    """

    alphas_cumprod: Tensor
    final_alpha: float
    steps_offset: int = 0
    prediction_type: str = "epsilon"
    coarse_level: float = 0.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Schedule:
        """Read a diffusers scheduler_config.json of Stable Diffusion 1.x or 2.x.

        Raises ScheduleError for a scheduler whose levels or grid this class cannot represent.
        """
        name = config.get("_class_name", "DDIMScheduler")
        if name not in tuple(_SETTINGS):  # it may be of any type
            raise ScheduleError(
                f"this painter's scheduler is {name!r}; supported are {', '.join(_SETTINGS)}. Save "
                f"the painter with DDIMScheduler.from_config(pipeline.scheduler.config) instead"
            )
        try:
            settings = _SETTINGS[name].model_validate(config)
        except ValidationError as error:
            raise ScheduleError(
                f"the scheduler's {first_fault(error)}. Take scheduler_config.json from the "
                f"original painter"
            ) from error
        alphas_cumprod = torch.cumprod(1 - _betas(settings), dim=0).double()
        return cls(
            alphas_cumprod,
            final_alpha=1.0 if settings.set_alpha_to_one else alphas_cumprod[0].item(),
            steps_offset=settings.steps_offset,
            prediction_type=settings.prediction_type,
            coarse_level=settings.coarse_level,
        )

    @property
    def train_steps(self) -> int:
        """T: the number of timesteps, 1000 in Stable Diffusion."""
        return len(self.alphas_cumprod)

    def alpha_bar(self, t: int | Tensor) -> Tensor:
        """abar_t, float64 on the CPU, in the shape of t (int or long tensor)."""
        t = torch.as_tensor(t).cpu()
        if ((t < -1) | (t >= self.train_steps)).any():
            raise ScheduleError(f"timestep must be -1 to {self.train_steps - 1}, got {t.tolist()}")
        return torch.where(t < 0, self.final_alpha, self.alphas_cumprod[t.clamp(min=0)])


class _Settings(Schema):
    """What scheduler_config.json may say; the defaults are those of diffusers' schedulers."""

    num_train_timesteps: Annotated[int, Field(ge=2, le=100_000)] = 1000
    beta_start: Annotated[float, Field(gt=0, lt=1)] = 0.0001
    beta_end: Annotated[float, Field(gt=0, lt=1)] = 0.02
    beta_schedule: Literal["scaled_linear", "linear"] = "linear"
    trained_betas: None = None
    rescale_betas_zero_snr: Literal[False] = False
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon"
    timestep_spacing: Literal["leading"] = "leading"
    steps_offset: Annotated[int, Field(ge=0, le=1)] = 0  # above 1 some grids lack their last step
    thresholding: Literal[False] = False
    set_alpha_to_one: bool
    clip_sample: Literal[False]
    coarse_level: Annotated[
        float, Field(ge=0, validation_alias=AliasChoices("_coarse_level", "_low_noise"))
    ] = 0.0  # "_low_noise" is its name in older folders


class _DDIMSettings(_Settings):
    set_alpha_to_one: bool = True
    clip_sample: Literal[False]  # diffusers' default is True, so it must be there


class _PNDMSettings(_Settings):
    set_alpha_to_one: bool = False
    clip_sample: Literal[False] = False


_SETTINGS: dict[str, type[_Settings]] = {
    "DDIMScheduler": _DDIMSettings,
    "PNDMScheduler": _PNDMSettings,
}


def _betas(settings: _Settings) -> Tensor:
    """The variance added by each training step, (T,), in float32 as in the painters' training."""
    start, end, count = settings.beta_start, settings.beta_end, settings.num_train_timesteps
    if settings.beta_schedule == "linear":
        return torch.linspace(start, end, count)
    return torch.linspace(start**0.5, end**0.5, count) ** 2


# ---------------------------------------------------------------- from level to level


def _like(coefficient: Tensor, z: Tensor) -> Tensor:
    """A coefficient () or (b,) with z's dtype, ready to multiply z (b, ...) on z's device.

    A single number stays on the CPU: PyTorch hands it over with the multiplication itself.
    """
    if coefficient.ndim == 0:
        return coefficient.to(z.dtype)
    rows = upload(coefficient, z.device, z.dtype)
    return rows.view(-1, *[1] * (z.ndim - 1))  # (b,) -> (b, 1, ...)


def _signal_and_noise(schedule: Schedule, z: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
    """sqrt(abar_t) and sqrt(1 - abar_t), ready to multiply z."""
    alpha_bar = schedule.alpha_bar(t)
    return _like(alpha_bar.sqrt(), z), _like((1 - alpha_bar).sqrt(), z)


def multiscale_noise(shape: Sequence[int], coarse_level: float, generator: Generator) -> Tensor:
    """White noise (b, c, h, w) of variance 1, plus coarse noise at three scales.

    A kind of offset noise. Noise of deviation `coarse_level` is drawn for 1 x 1, 2 x 2 and 4 x 4
    places of the picture, enlarged without sharp borders, and added. 0 gives white noise.

    White noise leaves the mean colours of a picture's regions visible up to t = 999. A UNet that
    is trained with white noise alone follows these colours more than the caption. Sources:
    Guttenberg, "Diffusion with offset noise", 2023; Podell et al., "SDXL", 2023, section 2.5 (a
    level of 0.05).
    """
    b, c, *size = shape
    device = generator.device
    noise = torch.randn(shape, generator=generator, device=device)
    for side in (1, 2, 4) if coarse_level else ():
        coarse = torch.randn((b, c, side, side), generator=generator, device=device)
        noise = noise + coarse_level * F.interpolate(coarse, size=size, mode="bilinear")
    return noise


def random_noise(like: Tensor, generator: Generator) -> Tensor:
    """Noise in the shape of `like`, drawn on the CPU so that every device gets the same."""
    return upload(torch.randn(like.shape, generator=generator), like.device, like.dtype)


def q_sample(schedule: Schedule, z0: Tensor, t: int | Tensor, noise: Tensor) -> Tensor:
    """z_t: z0 (b, ...) noised to level t, an int or one a row (b,). DDPM, eq. 4."""
    signal, sigma = _signal_and_noise(schedule, z0, t)
    return signal * z0 + sigma * noise


def predict_z0(schedule: Schedule, z_t: Tensor, t: int | Tensor, eps: Tensor) -> Tensor:
    """The z0 that z_t (b, ...) comes from if `eps` is its noise: q_sample solved for z0."""
    signal, sigma = _signal_and_noise(schedule, z_t, t)
    return (z_t - sigma * eps) / signal


def noise_between(schedule: Schedule, z0: Tensor, z_t: Tensor, t: int | Tensor) -> Tensor:
    """The noise that makes z_t at level t of z0, all (b, ...): q_sample solved for noise."""
    signal, sigma = _signal_and_noise(schedule, z0, t)
    return (z_t - signal * z0) / sigma


def ddim_step(
    schedule: Schedule,
    z_t: Tensor,
    t: int | Tensor,
    t_prev: int | Tensor,
    eps: Tensor,
    noise: Tensor | None = None,
) -> Tensor:
    """z_t (b, ...) at level t -> level t_prev, with the same z0 and the same noise `eps`.

    Or with other `noise` at level t_prev: see `partly_new_noise`. Song et al., "Denoising
    Diffusion Implicit Models", 2021, eq. 12; without `noise`, its sigma is 0.
    """
    z0 = predict_z0(schedule, z_t, t, eps)
    return q_sample(schedule, z0, t_prev, eps if noise is None else noise)


def partly_new_noise(
    schedule: Schedule, t: int, t_prev: int, eps: Tensor, new: Tensor, eta: float
) -> Tensor:
    """The noise for level t_prev: `eps` (b, ...) with a part of it replaced by `new`, like it.

    eta in [0, 1] says how much: 0 nothing, 1 as much as DDPM. Song et al., "Denoising Diffusion
    Implicit Models", 2021, eq. 12 and 16, both divided by sqrt(1 - abar of t_prev).
    """
    alpha_bar, before = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    share = eta**2 * (1 - alpha_bar / before) / (1 - alpha_bar)  # of the variance
    return _like((1 - share).sqrt(), eps) * eps + _like(share.sqrt(), eps) * new


def ddim_inverse_step(
    schedule: Schedule, z_t: Tensor, t: int | Tensor, t_next: int | Tensor, eps: Tensor
) -> Tensor:
    """z_t (b, ...) at level t -> the noisier level t_next: undoes `ddim_step` for the same eps.

    The formula is that of `ddim_step`: neither z0 nor the noise changes in either direction (DDIM,
    section 4.3). The difficulty of DDIM inversion is to find eps, see `inversion.ddim_inversion`.
    """
    return ddim_step(schedule, z_t, t, t_next, eps)


def v_to_eps(schedule: Schedule, z_t: Tensor, t: int | Tensor, v: Tensor) -> Tensor:
    """The noise in z_t (b, ...) when the UNet predicts v = sqrt(abar) noise - sqrt(1-abar) z0.

    Salimans & Ho, "Progressive Distillation for Fast Sampling", 2022, appendix D.
    """
    signal, sigma = _signal_and_noise(schedule, z_t, t)
    return signal * v + sigma * z_t
