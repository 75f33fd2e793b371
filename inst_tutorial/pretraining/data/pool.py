"""The training examples on disk: paintings, photographs of their scenes, captions and artists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inst_tutorial.pretraining.data.growing_array import GrowingArray
from inst_tutorial.pretraining.data.style_numbers import NUMBERS, style_numbers
from inst_tutorial.world import Shares, paint_and_photograph, sample_captions
from inst_tutorial.world.seeds import TRAINING

SIZE = 128
LETTERS = 256  # the most that a caption has


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some examples, one a row.

    Attributes:
        pictures: the paintings (n, 128, 128, 3) uint8.
        photographs: the same scenes, photographed (n, 128, 128, 3) uint8.
        captions: (n, 2) bytes: one describes the style, one names the artist, with "*" for the
            name.
        artists: the numbers of each artist (n, NUMBERS); zeros for a photograph.
    """

    pictures: NDArray[np.uint8]
    photographs: NDArray[np.uint8]
    captions: NDArray[np.character]
    artists: NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """Examples in a folder, in the order of seeds. It may grow while it is read.

    Attributes:
        folder: where its files are.
        first_seed: seed of the first example.
    """

    folder: Path
    first_seed: int = TRAINING[0]

    @property
    def pictures(self) -> GrowingArray:
        """The paintings: (n, 128, 128, 3) uint8."""
        return GrowingArray(self.folder / "pictures.u8", (SIZE, SIZE, 3), "uint8")

    @property
    def photographs(self) -> GrowingArray:
        """The same scenes, photographed: (n, 128, 128, 3) uint8."""
        return GrowingArray(self.folder / "photographs.u8", (SIZE, SIZE, 3), "uint8")

    @property
    def captions(self) -> GrowingArray:
        """Two captions each, as bytes: (n, 2)."""
        return GrowingArray(self.folder / "captions.s", (2,), f"S{LETTERS}")

    @property
    def artists(self) -> GrowingArray:
        """The artists' numbers: (n, NUMBERS) float32."""
        return GrowingArray(self.folder / "artists.f32", (NUMBERS,), "float32")

    def __len__(self) -> int:
        """Number of whole examples."""
        return min(map(len, self._files()))

    def texts(self, kind: int, rows: slice = slice(None)) -> list[str]:
        """Captions of some examples: kind 0 describes the style, kind 1 names the artist."""
        captions: list[str] = self.captions.view()[: len(self)][rows, kind].astype(str).tolist()
        return captions

    def append(self, chunk: Chunk) -> None:
        """Add examples."""
        self.pictures.append(chunk.pictures)
        self.photographs.append(chunk.photographs)
        self.captions.append(chunk.captions)
        self.artists.append(chunk.artists)

    def repair(self) -> None:
        """Cut all files to the examples that are whole, after a kill."""
        count = len(self)
        for file in self._files():
            file.truncate(count)

    def _files(self) -> tuple[GrowingArray, GrowingArray, GrowingArray, GrowingArray]:
        return self.pictures, self.photographs, self.captions, self.artists


def paint_chunk(first: int, count: int, shares: Shares) -> Chunk:
    """The examples of `count` seeds from `first` on.

    Raises ValueError for a caption of more than LETTERS letters.
    """
    rows = [_example(seed, shares) for seed in range(first, first + count)]
    pictures, photographs, captions, artists = zip(*rows, strict=True)
    longest = max(len(caption) for pair in captions for caption in pair)
    if longest > LETTERS:
        raise ValueError(f"a caption has {longest} letters, and {LETTERS} are kept: raise LETTERS")
    return Chunk(
        np.stack(pictures), np.stack(photographs), np.array(captions, "S"), np.stack(artists)
    )


def _example(
    seed: int, shares: Shares
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[str, str], NDArray[np.float32]]:
    scene, style, captions = sample_captions(seed, shares)
    painting, photograph = map(np.asarray, paint_and_photograph(scene, style))
    nobody = np.zeros(NUMBERS, np.float32)
    return painting, photograph, captions, nobody if style is None else style_numbers(style)
