"""Which noise levels are used: the sampling grid, and where on it a strength starts.

Sampling visits `timesteps`, the same grid for every picture. A transfer does not start at its
top: its strength says how much noise the content gets, and `start_index` turns the strength into
a place on the grid. (Learning a word draws its levels at random from all of them, see
`learning`.)

Book: chapters "Diffusion with nothing hidden" and "Stochastic inversion".
"""

from __future__ import annotations

from inst_tutorial.noise_schedule import Schedule, ScheduleError


def timesteps(schedule: Schedule, steps: int) -> tuple[int, ...]:
    """The `steps` timesteps of a sampling grid, descending, evenly spaced.

    Equal to diffusers' DDIMScheduler.set_timesteps with "leading" spacing. Raises ScheduleError.
    """
    lowest, end = schedule.steps_offset, schedule.train_steps
    if not 1 <= steps <= end - lowest:
        raise ScheduleError(f"steps must be from 1 to {end - lowest}, got {steps}")
    grid = range(lowest, end, end // steps)[:steps]
    return tuple(reversed(grid))


def start_index(schedule: Schedule, steps: int, strength: float) -> int:
    """Where in `timesteps(schedule, steps)` a transfer of this strength starts.

    strength in (0, 1] is the share of the grid that is used, rounded to whole steps and at
    least one; 1.0 uses all of it, from index 0. The picture is noised to the level
    timesteps[index], so that noising and denoising agree (InST's official code noises to
    int(1000 * strength), which is not on its grid). Raises ScheduleError.
    """
    if not 0 < strength <= 1:
        raise ScheduleError(f"strength must be above 0 and at most 1, got {strength}")
    grid = timesteps(schedule, steps)
    return len(grid) - max(1, round(strength * steps))
