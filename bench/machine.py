"""What was measured on: the device and the versions of packages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

Machine = dict[str, Any]


def cpu_machine(device: str) -> Machine:
    """The machine of `bench.cpu`, with how busy it is before anything is measured."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor(),
        "cores used": cores,
        "threads": torch.get_num_threads(),
        "device": device,
        "load average": load_average(),
        "python": platform.python_version(),
        **versions("torch", "diffusers", "transformers", "accelerate"),
    }


def load_average() -> float | None:
    """How many processes wanted a core, on average of the last minute; None on Windows, which does
    not count them."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def gpu_machine(device: str) -> Machine:
    """The machine of `bench.gpu`, by what makes two runs comparable."""
    return {
        "device": device_name(device),
        **versions("torch", "diffusers", "transformers"),
        "python": platform.python_version(),
    }


def device_name(device: str) -> str:
    """A GPU's name as its driver gives it; the processor's, where the CPU computes."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()


def processor() -> str:
    """The processor's name on Linux; elsewhere its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions(*packages: str) -> dict[str, str]:
    """The installed version of each package."""
    return {name: version(name) for name in packages}
