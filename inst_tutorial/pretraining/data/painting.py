"""Filling a pool: processes at low priority paint on all cores, also while a network trains."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress

from tqdm import tqdm

from inst_tutorial.pretraining.data.pool import Chunk, Pool, paint_chunk
from inst_tutorial.pretraining.settings import Pictures
from inst_tutorial.world import Shares

CHUNK = 16  # examples that a process paints at a time
LOWEST_PRIORITY = 19
KEEP_TOP, KEEP_LARGE = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of sys/prctl.h


def fill(
    pool: Pool,
    count: int,
    shares: Shares,
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
    for chunk in _chunks(pool.first_seed + have, count - have, shares, workers):
        pool.append(chunk)
        bar.update(len(chunk.pictures))
        if time.monotonic() > end or (stop is not None and stop.is_set()):
            break
    bar.close()


def _chunks(first: int, count: int, shares: Shares, workers: int) -> Iterator[Chunk]:
    """Painted chunks in the order of seeds, `count` examples in all."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    end = first + count
    with ProcessPoolExecutor(workers, context, initializer=prepare_painting_process) as executor:
        pending: deque[Future[Chunk]] = deque()
        try:
            for start in range(first, end, CHUNK):
                size = min(CHUNK, end - start)
                pending.append(executor.submit(paint_chunk, start, size, shares))
                if len(pending) > 3 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def prepare_painting_process() -> None:
    """Let this process paint only where nothing else wants the core, and keep its memory.

    glibc gives large arrays back to the system each time, and asking for them anew takes a sixth
    of the painting. The process ends with the one that started it, even if that one is killed.
    Elsewhere than on Linux, only the priority changes.
    """
    if hasattr(os, "nice"):
        os.nice(LOWEST_PRIORITY)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            library = ctypes.CDLL(None)
            library.mallopt(KEEP_LARGE, 1 << 30)
            library.mallopt(KEEP_TOP, 1 << 30)
            library.prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


@contextmanager
def filling(pool: Pool, settings: Pictures) -> Iterator[None]:
    """Inside, painting goes on in the background, if the settings say so."""
    if not settings.while_training:
        yield
        return
    stop = threading.Event()
    options = {"workers": settings.worker_processes, "stop": stop, "progress": False}
    arguments = pool, settings.most_examples, settings.shares
    thread = threading.Thread(target=fill, args=arguments, kwargs=options)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
