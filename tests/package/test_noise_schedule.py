"""Noise levels and steps are those of diffusers' DDIM scheduler."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from noise_peers import CONFIGS, SD, peer
from torch import Tensor

from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import (
    Schedule,
    ScheduleError,
    ddim_inverse_step,
    ddim_step,
    multiscale_noise,
    partly_new_noise,
    predict_z0,
    q_sample,
    v_to_eps,
)


@pytest.fixture
def schedule() -> Schedule:
    return Schedule.from_config(SD)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_levels_are_diffusers(config: dict[str, Any]) -> None:
    schedule, scheduler = Schedule.from_config(config), peer(config)
    assert schedule.train_steps == len(scheduler.alphas_cumprod)
    assert schedule.prediction_type == scheduler.config.prediction_type
    levels = schedule.alpha_bar(torch.arange(schedule.train_steps))
    assert levels.dtype == torch.float64
    assert torch.equal(levels.float(), scheduler.alphas_cumprod)
    assert schedule.alpha_bar(-1).item() == scheduler.final_alpha_cumprod.item()


def test_a_pndm_file_has_the_levels_of_its_ddim_twin(schedule: Schedule) -> None:
    from diffusers import PNDMScheduler

    sd = {key: SD[key] for key in ("beta_start", "beta_end", "beta_schedule", "steps_offset")}
    whole = dict(PNDMScheduler(**sd, skip_prk_steps=True).config)
    for config in (whole, sd):
        theirs = Schedule.from_config({"_class_name": "PNDMScheduler", **config})
        assert torch.equal(theirs.alphas_cumprod, schedule.alphas_cumprod)
        assert theirs.final_alpha == schedule.final_alpha
        assert timesteps(theirs, 50) == timesteps(schedule, 50)


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": "EulerDiscreteScheduler"},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"prediction_type": "sample"},
        {"timestep_spacing": "trailing"},
        {"rescale_betas_zero_snr": True},
        {"clip_sample": True},
        {"trained_betas": [0.1, 0.2]},
        {"steps_offset": 2},
    ],
    ids=str,
)
def test_other_schedulers_are_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(ScheduleError) as error:
        Schedule.from_config({**SD, **change})
    assert str(next(iter(change.values()))) in str(error.value)


@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_noising_is_diffusers(schedule: Schedule, t: int) -> None:
    z0, noise = normal(2, 4, 8, 8), normal(2, 4, 8, 8, seed=1)
    theirs = peer(SD).add_noise(z0, noise, torch.tensor([t]))
    ours = q_sample(schedule, z0, t, noise)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    torch.testing.assert_close(predict_z0(schedule, ours, t, noise), z0, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@pytest.mark.parametrize("steps", [3, 20, 77])
def test_each_step_is_diffusers(config: dict[str, Any], steps: int) -> None:
    schedule, scheduler = Schedule.from_config(config), peer(config, steps)
    z, answer = normal(2, 4, 8, 8), normal(2, 4, 8, 8, seed=1)
    grid = timesteps(schedule, steps)
    for t, t_prev in zip(grid, [*grid[1:], -1], strict=True):
        is_v = schedule.prediction_type == "v_prediction"
        eps = v_to_eps(schedule, z, t, answer) if is_v else answer
        theirs = scheduler.step(answer, t, z).prev_sample
        ours = ddim_step(schedule, z, t, t_prev, eps)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_steps_with_new_noise_are_diffusers(eta: float) -> None:
    schedule, scheduler = Schedule.from_config(SD), peer(SD, 20)
    z, eps, new = normal(2, 4, 8, 8), normal(2, 4, 8, 8, seed=1), normal(2, 4, 8, 8, seed=2)
    for t, t_prev in itertools.pairwise([*timesteps(schedule, 20), -1]):
        theirs = scheduler.step(eps, t, z, eta=eta, variance_noise=new).prev_sample
        noise = partly_new_noise(schedule, t, t_prev, eps, new, eta)
        ours = ddim_step(schedule, z, t, t_prev, eps, noise)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_row_of_timesteps_is_each_row_alone(schedule: Schedule) -> None:
    z, noise, t = normal(3, 4, 8, 8), normal(3, 4, 8, 8, seed=1), torch.tensor([3, 500, 999])
    for step in (q_sample, predict_z0, v_to_eps):
        rows = [step(schedule, z[i : i + 1], int(t[i]), noise[i : i + 1]) for i in range(3)]
        assert torch.equal(step(schedule, z, t, noise), torch.cat(rows))


@pytest.mark.parametrize("levels", [(-1, 1), (1, 51), (481, 981), (0, 999)])
def test_the_inverse_step_undoes_the_step(levels: tuple[int, int]) -> None:
    schedule = Schedule.from_config(CONFIGS["alpha to one"])
    low, high = levels
    z, eps = normal(2, 4, 8, 8).double(), normal(2, 4, 8, 8, seed=1).double()
    up = ddim_inverse_step(schedule, z, low, high, eps)
    assert not torch.allclose(up, z, atol=1e-3)
    torch.testing.assert_close(ddim_step(schedule, up, high, low, eps), z, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_results_keep_the_dtype(schedule: Schedule, dtype: torch.dtype) -> None:
    z = normal(2, 4, 8, 8).to(dtype)
    for step in (q_sample, predict_z0, v_to_eps):
        assert step(schedule, z, torch.tensor([3, 500]), z).dtype == dtype
    assert ddim_step(schedule, z, 501, 481, z).dtype == dtype


@pytest.mark.parametrize("t", [-2, 1000])
def test_a_timestep_that_does_not_exist_is_refused(schedule: Schedule, t: int) -> None:
    z = normal(2, 4)
    for level in (t, torch.tensor([5, t])):
        with pytest.raises(ScheduleError, match=f"-1 to 999, got .*{t}"):
            q_sample(schedule, z, level, z)


def test_multiscale_noise_is_white_noise_and_coarse_patches_of_the_level_asked_for() -> None:
    def coarse(low: float) -> tuple[float, float]:
        noise = multiscale_noise((64, 4, 16, 16), low, torch.Generator().manual_seed(0))
        residual = noise - torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
        return noise.mean((2, 3)).std().item(), residual.std().item()

    (white, fine), (uneven, fine_too) = coarse(0.0), coarse(0.4)
    assert white == pytest.approx(1 / 16, rel=0.15)  # the mean of 256 numbers
    assert 0.4 < uneven < 0.6
    assert fine_too == pytest.approx(fine, rel=0.02)  # the fine grain is as it was


def test_a_schedule_knows_the_coarse_noise_of_its_training() -> None:
    assert Schedule.from_config(SD).coarse_level == 0
    assert Schedule.from_config({**SD, "_coarse_level": 0.4}).coarse_level == 0.4
    assert Schedule.from_config({**SD, "_low_noise": 0.3}).coarse_level == 0.3  # older folders
