"""Which device can be used, and numbers on their way to it.

Random numbers are drawn on the CPU, so that every device gets the same. A program that hands them
over and then waits leaves a graphics card idle between its steps. Book: chapter "Stable Diffusion
on a GPU".
"""

from __future__ import annotations

import torch
from torch import Tensor


def upload(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A CPU tensor of any shape on `device`, in `dtype` (None: its own), without waiting.

    From pinned memory CUDA copies in the background, in order with the work that follows. Numbers
    change their format on the CPU: no float64 ever reaches a device that has none.
    """
    tensor = tensor.to(dtype or tensor.dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type != "mps")  # Apple's does not keep the order


class DeviceError(RuntimeError):
    """A device that cannot be used; the text names those that can."""


def check_device(name: str) -> None:
    """Raise DeviceError if PyTorch cannot compute on the device `name` ("cpu", "cuda:0", ...)."""
    try:
        torch.zeros(1, device=name).cpu()
    except Exception as error:  # of many kinds: RuntimeError, AssertionError, ImportError, ...
        raise DeviceError(
            f"cannot use device {name!r} ({_first_words(error)}): this machine has "
            f"{', '.join(usable_devices())}"
        ) from error


def usable_devices() -> list[str]:
    """The names of the devices that PyTorch finds on this machine."""
    if not torch.accelerator.is_available():
        return ["cpu"]
    kind = torch.accelerator.current_accelerator()
    return ["cpu", *(f"{kind}:{i}" for i in range(torch.accelerator.device_count()))]


def _first_words(error: Exception) -> str:
    """The beginning of a message; some are pages long."""
    sentence = str(error).split("\n")[0].split(". ")[0]
    return sentence if len(sentence) <= 100 else f"{sentence[:100]} ..."
