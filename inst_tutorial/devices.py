"""Which device to compute on, in which number format, and numbers on their way there.

Random numbers are drawn on the CPU, so that every device gets the same. A program that hands them
over and then waits leaves a GPU idle between its steps. Book: chapter "Stable Diffusion on a GPU".
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

VARIABLE = "INST_DEVICE"
"""The environment variable that names another default device."""
AMPERE = 8  # the generation of GPUs that first computed in bfloat16 (2020), by CUDA's counting


def best_device() -> str:
    """The default device: "cuda" if there is one, else "mps" (Apple's graphics), else "cpu".

    The environment variable INST_DEVICE names another one. Raises DeviceError if PyTorch cannot
    compute on that.
    """
    if named := os.environ.get(VARIABLE):
        try:
            check_device(named)
        except DeviceError as error:
            raise DeviceError(f"{error}. The name comes from {VARIABLE}: unset it") from error
        return named
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fast_dtype() -> torch.dtype:
    """The number format in which the best device is fast and exact enough.

    bfloat16 on GPUs that compute in it, float16 on older ones such as Colab's T4, and float32
    elsewhere. PyTorch's own `torch.cuda.is_bf16_supported()` says yes on a T4 as well, which
    imitates bfloat16 slowly.
    """
    if torch.device(best_device()).type != "cuda":
        return torch.float32
    generation, _ = torch.cuda.get_device_capability()
    return torch.bfloat16 if generation >= AMPERE else torch.float16


class DeviceError(RuntimeError):
    """A device that cannot be used; the text names those that can."""


def check_device(name: str) -> None:
    """Raise DeviceError if PyTorch cannot compute on the device `name` ("cpu", "cuda:0", ...)."""
    if not _is_usable(name):
        raise DeviceError(
            f"cannot use device {name!r}: on this machine PyTorch can use "
            f"{', '.join(usable_devices())}"
        )


def usable_devices() -> list[str]:
    """The names of the devices that PyTorch can use on this machine."""
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if kind is None:
        return ["cpu"]
    return ["cpu", *(f"{kind.type}:{i}" for i in range(torch.accelerator.device_count()))]


def _is_usable(name: str) -> bool:
    try:
        device = torch.device(name)
    except RuntimeError:  # no kind of device has this name
        return False
    alike = [other for other in usable_devices() if torch.device(other).type == device.type]
    return (device.index or 0) < len(alike)


def upload(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A CPU tensor of any shape on `device`, in `dtype` (None: its own), without waiting.

    From pinned memory CUDA copies in the background, in order with the work that follows. Numbers
    change their format on the CPU: no float64 ever reaches a device that has none.
    """
    tensor = tensor.to(dtype or tensor.dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type != "mps")  # Apple's does not keep the order
