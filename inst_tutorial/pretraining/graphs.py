"""A training step as one CUDA graph: a GPU is told once what to do, and then only "again".

A small network is launch-bound: its multiplications take a GPU less time than Python takes to ask
for them. Source: PyTorch's notes on CUDA graphs, "Whole-network capture".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator

WARM_UPS = 4
WARM_UPS_IN_PARALLEL = 11  # what DistributedDataParallel asks for


def captured(step: Callable[[], None], generator: Generator, parallel: bool) -> Callable[[], None]:
    """A function that replays `step`, which may not wait for the device.

    `step` runs a few times before. Its draws come from `generator`, which goes on at each replay.
    Raises RuntimeError where something in it cannot be captured.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS_IN_PARALLEL if parallel else WARM_UPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        step()
    torch.cuda.synchronize()
    return graph.replay
