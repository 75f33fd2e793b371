"""A learning step as a CUDA graph: recorded once, then started as a whole.

A step of Stable Diffusion is thousands of small orders from the CPU to the GPU, and with a batch
of one the GPU waits for them. A graph is a single order.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from inst_tutorial.devices import upload
from inst_tutorial.learning import word_gradient
from inst_tutorial.painter import Painter, Tokens
from inst_tutorial.pretraining.graphs import captured

Work = Callable[[], Tensor]
Recorder = Callable[[Work], Work]


class GraphedGradient:
    """Does what `word_gradient` does, with a graph that is recorded at the first call.

    Later calls must have the shapes of the first one. For painters that predict the noise; to
    convert a predicted velocity, the schedule reads the timesteps on the CPU.
    """

    def __init__(self, recorder: Recorder = captured) -> None:
        self.recorder = recorder
        self.inputs: list[Tensor] = []
        self.replay: Work | None = None

    def __call__(
        self, painter: Painter, words: Tensor, tokens: Tokens, z_t: Tensor, t: Tensor, noise: Tensor
    ) -> Tensor:
        """The gradient (s, k, d) by words (s, k, d); see `word_gradient`."""
        when = upload(t, z_t.device) if t.is_cpu else t
        given = [words.detach(), tokens.ids, tokens.slots, z_t, when, noise]
        if self.replay is None:
            self.inputs = [tensor.clone() for tensor in given]
            self.replay = self.recorder(lambda: self._work(painter))
        for kept, new in zip(self.inputs, given, strict=True):
            kept.copy_(new)
        return self.replay()

    def _work(self, painter: Painter) -> Tensor:
        """The gradient of what stands in the inputs' memory now."""
        words, ids, slots, z_t, t, noise = self.inputs
        return word_gradient(painter, words, Tokens(ids, slots, words.shape[1]), z_t, t, noise)
