"""The usual order of weights in memory, beside the package's own (channels_last)."""

from __future__ import annotations

import torch

from inst_tutorial.painter import Painter, laid_out


def contiguous(painter: Painter) -> None:
    """Weights in PyTorch's usual order in memory, not in channels_last."""
    for part in (painter.unet, painter.vae):
        laid_out(part, torch.contiguous_format)
