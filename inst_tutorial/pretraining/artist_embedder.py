"""The artist embedder: a small network that gives every artist of the world a name, as a vector.

Stable Diffusion met artists' names in its captions, and those of artists who paint alike in similar
ones. Here a name follows from what its artist does: similar styles get similar vectors, and the
UNet learns to read a whole space of names instead of a list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from inst_tutorial.world import Style
from inst_tutorial.world.colours import rgb

COLOURS = 5  # the most that a palette has
HIDDEN = 256


def numbers(style: Style) -> NDArray[np.float32]:
    """What an artist does, as NUMBERS numbers: the style as a point (`Style.vector`), its palette
    from dark to light, how far it recolours, the colour of the ink where it draws lines, and that
    of the paper where it shows: bare, through a wash, between tiles or dots."""
    palette = sorted((2 * np.asarray(rgb(colour)) - 1 for colour in style.palette), key=np.sum)
    places = np.linspace(0, len(palette) - 1, COLOURS).round().astype(int)
    ink = 2 * np.asarray(rgb(style.ink)) - 1 if style.outline or style.hatch else np.zeros(3)
    shows = style.bare or style.wash or style.cells or style.dots
    paper = 2 * np.asarray(rgb(style.paper)) - 1 if shows else np.zeros(3)
    colours = [palette[place] for place in places]
    every = [2 * style.vector(), *colours, [2 * style.recolour - 1], ink, paper]
    return np.concatenate(every).astype(np.float32)


NUMBERS = len(numbers(Style()))


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
