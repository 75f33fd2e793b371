"""Configurations of schedulers, and diffusers' own scheduler for each, to compare with."""

from __future__ import annotations

from typing import Any

from tiny import SD_SCHEDULE

SD = {"_class_name": "DDIMScheduler", **SD_SCHEDULE}
CONFIGS = {
    "stable diffusion": SD,
    "alpha to one": {**SD, "set_alpha_to_one": True},
    "no offset": {**SD, "steps_offset": 0},
    "linear": {**SD, "beta_schedule": "linear"},
    "few steps": {**SD, "num_train_timesteps": 200},
    "velocity": {**SD, "prediction_type": "v_prediction"},
}


def peer(config: dict[str, Any], steps: int = 50) -> Any:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(config)
    scheduler.set_timesteps(steps)
    return scheduler
