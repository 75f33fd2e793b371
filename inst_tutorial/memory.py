"""Less memory for a painter, and what to do when there is not enough.

Three switches, from cheap to dear. What each saves is measured in the book: chapter "Stable
Diffusion on a GPU". (PyTorch's own fused attention, which keeps no attention maps, is what
diffusers uses anyway; "slicing" is for devices that have none.)
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from inst_tutorial.painter import Painter

SAVERS = {
    "offload": "the autoencoder and CLIP's vision tower wait on the CPU while they are not needed",
    "checkpointing": "learning keeps fewer activations, and computes them twice",
    "slicing": "attention and decoding do one piece after the other",
}

ADVICE = (
    "out of memory. What helps, in this order: a smaller --batch (learning) or fewer pictures at "
    "once; --dtype bfloat16, or float16 on older cards, which halves everything; --save-memory "
    "offload, checkpointing (learning), slicing; closing other programs on the device; "
    "--device cpu, which is slow but has more"
)

SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""In the texts of errors without a kind of their own: CUDA's and Apple's, the CPU's, cuBLAS'."""


def save_memory(painter: Painter, savers: Iterable[str]) -> Painter:
    """The painter with the switches named in `savers` on; its results stay the same to rounding."""
    for saver in savers:
        if saver == "offload":
            painter.rest(on="cpu")
        elif saver == "checkpointing":
            painter.unet.enable_gradient_checkpointing()
        elif saver == "slicing":
            painter.unet.set_attention_slice("auto")
            painter.vae.enable_slicing()
        else:
            raise ValueError(f"unknown memory saver {saver!r}: choose of {', '.join(SAVERS)}")
    return painter


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device has no more memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
