"""Numbers on their way to a device.

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
