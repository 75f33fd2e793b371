"""The artist embedder: a small network that gives every artist of the world a name, as a vector.

Stable Diffusion met artists' names in its captions, and those of artists who paint alike in similar
ones. Here a name follows from what its artist does: similar styles get similar vectors, and the
UNet learns to read a whole space of names instead of a list.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from inst_tutorial.pretraining.data.style_numbers import NUMBERS

HIDDEN = 256


class ArtistEmbedder(nn.Module):
    """Artists' numbers (n, NUMBERS) -> the vectors of their names (n, d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(NUMBERS), requires_grad=False)
        self.std = nn.Parameter(torch.ones(NUMBERS), requires_grad=False)
        self.base = nn.Parameter(torch.zeros(width))
        self.inner = nn.Linear(NUMBERS, HIDDEN)
        self.outer = nn.Linear(HIDDEN, width)

    @torch.no_grad()
    def start(self, artists: Tensor, around: Tensor) -> None:
        """Begin with names near `around` (d,), for artists like these (n, NUMBERS)."""
        self.mean.copy_(artists.mean(0))
        self.std.copy_(artists.std(0) + 1e-3)
        self.base.copy_(around)
        self.outer.weight.normal_(std=0.01)
        self.outer.bias.zero_()

    def forward(self, artists: Tensor) -> Tensor:
        """The vectors (n, d) of artists' numbers (n, NUMBERS)."""
        hidden = F.silu(self.inner((artists - self.mean) / self.std))
        vectors: Tensor = self.base + self.outer(hidden)
        return vectors

    def save(self, path: Path) -> None:
        """Write the weights, in single precision: more training begins where this one ended."""
        kept = {name: p.detach().cpu().contiguous() for name, p in self.named_parameters()}
        save_file(kept, path)

    @classmethod
    def load(cls, path: Path) -> ArtistEmbedder:
        """An artist embedder from its file."""
        weights = load_file(path)
        artist_embedder = cls(len(weights["base"]))
        artist_embedder.load_state_dict(weights)
        return artist_embedder
