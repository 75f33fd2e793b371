"""Work as one CUDA graph: a GPU is told once what to do, and then only "again".

A small network is launch-bound: its multiplications take a GPU less time than Python takes to ask
for them. Source: PyTorch's notes on CUDA graphs, "Whole-network capture".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Generator

Result = TypeVar("Result")

WARM_UPS = 4
WARM_UPS_IN_PARALLEL = 11  # what DistributedDataParallel asks for


def captured(
    work: Callable[[], Result], generator: Generator | None = None, parallel: bool = False
) -> Callable[[], Result]:
    """A function that replays `work`, which may not wait for the device.

    `work` runs a few times before. A tensor that it returns is the same at each replay, with new
    numbers in it. Draws come from `generator`, which goes on at each replay. Raises RuntimeError
    where something in `work` cannot be captured.
    """
    warm_up(work, WARM_UPS_IN_PARALLEL if parallel else WARM_UPS)
    graph = torch.cuda.CUDAGraph()
    if generator is not None:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        result = work()
    torch.cuda.synchronize()

    def replay() -> Result:
        graph.replay()
        return result

    return replay


def warm_up(work: Callable[[], object], runs: int) -> None:
    """Do the work on a stream of its own, as a capture wants it, and wait until it is done."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(runs):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
