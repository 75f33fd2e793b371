"""Examples as the UNet sees them: encoded once, kept on disk, resident on the training device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inst_tutorial.painter import PLACEHOLDER, fingerprint
from inst_tutorial.pretraining.data.growing_array import GrowingArray
from inst_tutorial.pretraining.data.pool import Pool
from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.networks.autoencoder import encode_mean
from inst_tutorial.pretraining.networks.clip import tokenize

CHUNK = 64  # examples encoded at a time
NAME = -1  # in place of a token: here stands the artist's name


@dataclass(frozen=True, eq=False)
class Encoded:
    """A pool of examples, encoded on disk, kept apart by encoder.

    Attributes:
        latents: of each painting and its mirror image (n, 2, c, h, w), half precision.
        photographs: the same of the scene's photograph.
        captions: tokens (n, 2, L) of the caption that describes the style, and of the one that
            names the artist (`NAME`).
        artists: the artists' numbers (n, NUMBERS).
    """

    pool: Pool
    vae: Any
    tokenizer: Any
    latents: GrowingArray
    photographs: GrowingArray
    captions: GrowingArray

    @classmethod
    def of(cls, pool: Pool, vae: Any, tokenizer: Any, work: Path) -> Encoded:
        """The encoded pool, as far as it is on disk in the folder `work`."""
        vae = vae.to(memory_format=torch.channels_last)
        side = vae.config.sample_size // 2 ** (len(vae.config.block_out_channels) - 1)
        shape, made_by = (2, vae.config.latent_channels, side, side), fingerprint(vae)
        length, name = tokenizer.model_max_length, pool.folder.name
        return cls(
            pool,
            vae,
            tokenizer,
            GrowingArray(work / f"latents-{name}-{made_by}.f16", shape, "float16"),
            GrowingArray(work / f"photographs-{name}-{made_by}.f16", shape, "float16"),
            GrowingArray(work / f"tokens-{name}-{len(tokenizer)}.i16", (2, length), "int16"),
        )

    def __len__(self) -> int:
        """How many examples are whole here; captions may come from another encoder's run."""
        return min(map(len, (self.latents, self.photographs, self.captions)))

    def resident(self, capacity: int) -> Resident:
        """Up to `capacity` of the examples, to be copied to the encoder's device."""
        files = {
            "latents": self.latents,
            "photographs": self.photographs,
            "captions": self.captions,
            "artists": self.pool.artists,
        }
        return Resident(files, capacity, self.vae.device)

    def grow(self, limit: int) -> bool:
        """Encode what the pool has gained, at most `limit` examples; whether there were any."""
        start = len(self)
        end = min(len(self.pool), start + limit)
        for first in range(start, end, CHUNK):
            self._encode(slice(first, min(first + CHUNK, end)))
        return end > start

    def _encode(self, rows: slice) -> None:
        for file, pictures in (
            (self.latents, self.pool.pictures),
            (self.photographs, self.pool.photographs),
        ):
            file.truncate(rows.start)
            file.append(both_sides(self.vae, pictures.view()[rows], self.vae.device))
        self.captions.truncate(rows.start)
        tokens = [_tokens(self.tokenizer, self.pool.texts(kind, rows)) for kind in (0, 1)]
        self.captions.append(np.stack(tokens, 1))


def empty_caption(tokenizer: Any, device: torch.device | str) -> Tensor:
    """The tokens of an empty caption, (1, L)."""
    return torch.from_numpy(tokenize(tokenizer, [""])).to(device)


def both_sides(vae: Any, pictures: NDArray[Any], device: torch.device) -> NDArray[np.float16]:
    """Latents (n, 2, c, h, w) of pictures (n, H, W, 3) and of their mirror images."""
    with torch.autocast(device.type, torch.bfloat16):  # three times as fast on a CPU too
        both = [encode_mean(vae, view, device) for view in (pictures, pictures[:, :, ::-1])]
    return torch.stack(both, 1).half().cpu().numpy()


def growing(encoded: Encoded, data: Resident, limit: int, first: bool = True) -> Callable[[], int]:
    """A function that encodes at most `limit` new examples and takes them into `data`. Of several
    processes only the `first` encodes."""

    def grow() -> int:
        if first:
            encoded.grow(limit)
        return data.grow()

    return grow


def _tokens(tokenizer: Any, captions: list[str]) -> NDArray[np.int64]:
    """Captions -> ids (n, L), with `NAME` where the name of an artist belongs."""
    ids = tokenize(tokenizer, captions)
    return np.where(ids == tokenizer.convert_tokens_to_ids(PLACEHOLDER), NAME, ids)
