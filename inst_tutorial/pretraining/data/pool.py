"""The training pictures and captions: painted once, by all cores, kept in the work folder."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inst_tutorial.pretraining.data.growing_array import GrowingArray
from inst_tutorial.pretraining.data.style_numbers import NUMBERS, style_numbers
from inst_tutorial.pretraining.settings import Pictures
from inst_tutorial.world import paint, sample_example, sample_named_caption, sample_pair
from inst_tutorial.world.seeds import TRAINING

SIZE = 128
CHUNK = 16

Chunk = tuple[NDArray[np.uint8], list[str]]


@dataclass(frozen=True)
class Pool:
    """Pictures (n, 128, 128, 3) uint8 and their captions, in a folder, in the order of seeds."""

    folder: Path
    first_seed: int = TRAINING[0]

    @property
    def rows(self) -> GrowingArray:
        """The pictures' file."""
        return GrowingArray(self.folder / "pictures.u8", (SIZE, SIZE, 3), "uint8")

    def __len__(self) -> int:
        """Number of pictures that have their caption."""
        return min(len(self.rows), len(self._lines()))

    def pictures(self) -> NDArray[np.uint8]:
        """The pictures (n, 128, 128, 3), read from disk when touched."""
        return self.rows.view().view(np.uint8)

    def captions(self) -> list[str]:
        """The captions of all pictures."""
        return self._lines()[: len(self.rows)]

    def photographs(self, chunk: slice) -> NDArray[np.uint8]:
        """The scenes of some pictures, photographed instead of painted: (n, 128, 128, 3)."""
        return np.stack([np.asarray(paint(sample_example(seed)[0])) for seed in self._seeds(chunk)])

    def named_captions(self, chunk: slice) -> list[str]:
        """Captions of some pictures that name the artist, with "*" for the name."""
        return [sample_named_caption(seed) for seed in self._seeds(chunk)]

    def artists(self, chunk: slice) -> NDArray[np.float32]:
        """The numbers of some pictures' artists (n, NUMBERS); zeros for a photograph."""
        styles = [sample_example(seed)[1] for seed in self._seeds(chunk)]
        nobody = np.zeros(NUMBERS, np.float32)
        return np.stack([nobody if style is None else style_numbers(style) for style in styles])

    def append(self, pictures: NDArray[np.uint8], captions: Sequence[str]) -> None:
        """Add pictures and their captions."""
        self.rows.append(pictures)
        with (self.folder / "captions.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"{caption}\n" for caption in captions)

    def repair(self) -> None:
        """Cut both files to the pairs that are whole, after a kill."""
        count = len(self)
        self.rows.truncate(count)
        lines = self._lines()[:count]
        if self.folder.exists():
            text = "".join(f"{line}\n" for line in lines)
            (self.folder / "captions.txt").write_text(text, encoding="utf-8")

    def _seeds(self, chunk: slice) -> range:
        return range(self.first_seed + chunk.start, self.first_seed + chunk.stop)

    def _lines(self) -> list[str]:
        path = self.folder / "captions.txt"
        return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []


def paint_chunk(first: int) -> Chunk:
    """CHUNK pairs from seed `first` on: pictures (CHUNK, 128, 128, 3) and captions."""
    pairs = [sample_pair(seed) for seed in range(first, first + CHUNK)]
    return np.stack([np.asarray(picture) for picture, _ in pairs]), [text for _, text in pairs]


def fill(
    pool: Pool,
    count: int,
    *,
    workers: int,
    minutes: float = float("inf"),
    stop: threading.Event | None = None,
    progress: bool = True,
) -> None:
    """Paint with `workers` processes until the pool has `count`, time is over or `stop` is set."""
    pool.repair()
    end, have = time.monotonic() + 60 * minutes, len(pool)
    bar = tqdm(total=count, initial=have, desc="pictures", unit="picture", disable=not progress)
    for pictures, captions in _chunks(pool.first_seed + have, count - have, workers):
        pool.append(pictures, captions)
        bar.update(len(captions))
        if time.monotonic() > end or (stop is not None and stop.is_set()):
            break
    bar.close()


def _chunks(first: int, count: int, workers: int) -> Iterator[Chunk]:
    """Painted chunks in the order of seeds, at least `count` pictures."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    starts = iter(range(first, first + count, CHUNK))
    with ProcessPoolExecutor(workers, mp_context=context) as executor:
        pending: deque[Future[Chunk]] = deque()
        try:
            for start in starts:
                pending.append(executor.submit(paint_chunk, start))
                if len(pending) > 3 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def filling(pool: Pool, settings: Pictures) -> Iterator[None]:
    """Inside, painting goes on in the background, if the settings say so."""
    if not settings.while_training:
        yield
        return
    stop = threading.Event()
    options = {"workers": settings.workers, "stop": stop, "progress": False}
    thread = threading.Thread(target=fill, args=(pool, settings.most), kwargs=options)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
