"""Ways to use less memory, and advice for when there is not enough.

The three switches are ordered by the time that they cost. The book measures what each saves:
chapter "Stable Diffusion on a GPU". By default diffusers uses PyTorch's fused attention, which
stores no attention maps; "slicing" is for devices without it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from inst_tutorial.painter import Painter

SAVERS = {
    "offload": "the autoencoder and CLIP's vision tower stay on the CPU while they are not needed",
    "checkpointing": "learning stores fewer activations and computes them twice",
    "slicing": "attention and decoding work on one piece at a time",
}

ADVICE = (
    "out of memory. Try these, in this order: a smaller --batch (learning) or fewer pictures at "
    "once; instead of float32 --dtype bfloat16 (float16 on older GPUs), which halves the memory; "
    "--save-memory offload, checkpointing (learning), slicing; closing other programs that use the "
    "device; instead of a GPU --device cpu, which is slower but usually has more memory"
)

SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""Texts in out-of-memory errors that have no class of their own: CUDA and Apple, CPU, cuBLAS."""


def save_memory(painter: Painter, savers: Iterable[str]) -> Painter:
    """Turn on the switches named in `savers` (keys of SAVERS), and return the painter.

    Results stay the same up to rounding. Raises ValueError for another name.
    """
    for saver in savers:
        if saver == "offload":
            painter.offload(to="cpu")
        elif saver == "checkpointing":
            painter.unet.enable_gradient_checkpointing()
        elif saver == "slicing":
            painter.unet.set_attention_slice("auto")
            painter.vae.enable_slicing()
        else:
            raise ValueError(f"unknown memory saver {saver!r}: choose from {', '.join(SAVERS)}")
    return painter


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
