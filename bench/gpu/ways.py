"""Ways to learn that are tried beside the package's own."""

from __future__ import annotations

import torch

from inst_tutorial.painter import Painter


def compile_blocks(painter: Painter) -> None:
    """Compile the UNet's transformer blocks, which repeat."""
    torch.compiler.reset()
    painter.unet.compile_repeated_blocks()


def compile_unet(painter: Painter) -> None:
    """Compile the whole UNet."""
    torch.compiler.reset()
    painter.unet.compile()
