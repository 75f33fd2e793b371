"""The sampling grid is that of diffusers' DDIM scheduler; a strength is a place on it."""

from __future__ import annotations

from typing import Any

import pytest
from noise_peers import CONFIGS, SD, peer

from inst_tutorial.noise_level import start_index, timesteps
from inst_tutorial.noise_schedule import Schedule, ScheduleError


@pytest.fixture
def schedule() -> Schedule:
    return Schedule.from_config(SD)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 30, 50, 77, 199])
def test_timesteps_are_diffusers(config: dict[str, Any], steps: int) -> None:
    ours = timesteps(Schedule.from_config(config), steps)
    assert list(ours) == peer(config, steps).timesteps.tolist()


@pytest.mark.parametrize("steps", [1, 7, 20, 50, 999])
@pytest.mark.parametrize("strength", [1e-6, 0.02, 0.3, 0.58, 0.7, 0.999, 1.0])
def test_strength_is_the_walked_part_of_the_grid(
    schedule: Schedule, steps: int, strength: float
) -> None:
    index = start_index(schedule, steps, strength)
    walked = steps - index
    assert 1 <= walked <= steps
    assert abs(walked - strength * steps) <= 0.5 or walked == 1


def test_strength_by_example(schedule: Schedule) -> None:
    grid = timesteps(schedule, 50)
    levels = {s: grid[start_index(schedule, 50, s)] for s in (0.02, 0.5, 0.58, 0.7, 1.0)}
    assert levels == {0.02: 1, 0.5: 481, 0.58: 561, 0.7: 681, 1.0: 981}


@pytest.mark.parametrize("strength", [0, -0.5, 1.01, float("nan"), float("inf")])
def test_strength_outside_0_to_1_is_refused(schedule: Schedule, strength: float) -> None:
    with pytest.raises(ScheduleError, match=rf"strength .* above 0 and at most 1, got {strength}"):
        start_index(schedule, 50, strength)


@pytest.mark.parametrize("offset", [0, 1])
def test_every_grid_has_all_its_steps(offset: int) -> None:
    schedule = Schedule.from_config({**SD, "steps_offset": offset})
    for steps in range(1, 1000):
        assert len(timesteps(schedule, steps)) == steps


@pytest.mark.parametrize("steps", [0, -1, 1000, 1001])
def test_impossible_step_counts_are_refused(schedule: Schedule, steps: int) -> None:
    with pytest.raises(ScheduleError, match=f"from 1 to 999, got {steps}"):
        timesteps(schedule, steps)
