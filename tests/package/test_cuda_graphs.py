"""Work is captured as a CUDA graph in the order that PyTorch asks for; CUDA itself is recorded."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from inst_tutorial.pretraining.graphs import WARM_UPS, WARM_UPS_IN_PARALLEL, captured


class RecordedCuda:
    """Stands for `torch.cuda`: writes down what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    class CUDAGraph:
        def __init__(self) -> None:
            self.replays, self.generators = 0, []

        def register_generator_state(self, generator) -> None:
            self.generators.append(generator)

        def replay(self) -> None:
            self.replays += 1

    class Stream:
        def wait_stream(self, other) -> None:
            """Nothing waits: all work of these tests is done at once."""

    def current_stream(self) -> RecordedCuda.Stream:
        return self.Stream()

    def synchronize(self) -> None:
        self.asked.append("synchronize")

    @contextmanager
    def stream(self, stream):
        self.asked.append("side stream")
        yield
        self.asked.append("main stream")

    @contextmanager
    def graph(self, graph):
        self.captured = graph
        self.asked.append("capture")
        yield
        self.asked.append("captured")


@pytest.fixture
def cuda(monkeypatch) -> RecordedCuda:
    recorded = RecordedCuda()
    monkeypatch.setattr(torch, "cuda", recorded)
    return recorded


@pytest.mark.parametrize(("parallel", "runs"), [(False, WARM_UPS), (True, WARM_UPS_IN_PARALLEL)])
def test_work_warms_up_on_its_own_stream_and_is_captured_once(cuda, parallel, runs) -> None:
    captured(lambda: cuda.asked.append("work"), parallel=parallel)
    assert cuda.asked == [
        "side stream",
        *["work"] * runs,
        "main stream",
        "synchronize",
        "capture",
        "work",
        "captured",
        "synchronize",
    ]
    assert cuda.captured.replays == 0 and cuda.captured.generators == []


def test_a_replay_runs_the_graph_and_gives_the_tensor_of_the_capture(cuda) -> None:
    results: list[torch.Tensor] = []

    def work() -> torch.Tensor:
        results.append(torch.zeros(1))
        return results[-1]

    generator = torch.Generator()
    replay = captured(work, generator)
    assert replay() is replay() is results[-1]
    assert len(results) == WARM_UPS + 1 and cuda.captured.replays == 2
    assert cuda.captured.generators == [generator]
