"""Which device can be used, and numbers on their way to it.

Random numbers are drawn on the CPU, so that every device gets the same. A program that hands them
over and then waits leaves a graphics card idle between its steps. Book: chapter "Stable Diffusion
on a GPU".
"""

from __future__ import annotations

import torch
from torch import Tensor


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
