"""The loop that all networks are fitted with: draw, loss, clip, update, average; resumable.

What a step does is one function of tensors on the device (`Training.update`). Nothing in it waits,
so that on a GPU it can be one CUDA graph. The loss of each network is beside it, in `networks`.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from tqdm import tqdm

from inst_tutorial.pretraining import processes
from inst_tutorial.pretraining.budget import Budget
from inst_tutorial.pretraining.checkpoint import TrainingState, reading, state_path
from inst_tutorial.pretraining.graphs import captured
from inst_tutorial.pretraining.muon import Muon
from inst_tutorial.pretraining.settings import TrainingError, TrainSettings

LOG_SECONDS = 15.0
GROW_STEPS = 4  # steps between two looks for new examples
QUEUE_STEPS = 20  # a GPU is never further behind than so many steps

Loss = Callable[["Training"], Tensor]
Validate = Callable[[nn.Module], dict[str, float]]


class Training(TrainingState):
    """One network, or two together, being trained: its state, and the loop that changes it.

    Attributes:
        forward: the model, compiled and in parallel where the settings and the start say so.
        rate: the learning rate of the next step, on the device.
        toward: how far the average moves to the weights in it, 0..1, on the device.
        total: sum of the losses since the last report, on the device.
    """

    def __init__(
        self, name: str, model: nn.Module, fit: TrainSettings, *, work: Path, device: str, seed: int
    ) -> None:
        self.name, self.fit, self.device = name, fit, torch.device(device)
        order = torch.channels_last if fit.channels_last else torch.preserve_format
        model = model.to(self.device).train()
        model.to(memory_format=order)  # type: ignore[call-overload]
        self.rate, self.toward, self.total = torch.zeros(3, device=self.device).unbind()
        super().__init__(
            model,
            average=copy.deepcopy(model).requires_grad_(False).eval(),
            optimizers=optimizers(model, fit, self.rate),
            generator=torch.Generator(self.device).manual_seed(seed + processes.rank()),
        )
        if fit.compile:
            model.compile()
        self.forward = processes.parallel(model)
        self.budget = Budget(fit, work / f"{name}.until")
        self.path, self.log = state_path(work, name), work / "log.jsonl"
        self._advance: Callable[[], object] | None = None
        self._count = 0
        if self.path.exists():
            with reading(self.path):
                self.load(self.path)

    @property
    def share(self) -> float:
        """How much of the budget is spent, 0..1."""
        return self.budget.share(self.step, self.seconds)

    # ------------------------------------------------------------------------ a step

    def update(self, loss: Loss) -> None:
        """One step: nothing in it waits for the device, and nothing comes back to the host."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        cuda = self.device.type == "cuda"
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.fit.bf16, cache_enabled=not cuda
        ):
            value = loss(self)
        value.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            average: list[Tensor] = list(self.average.parameters())
            apart = torch._foreach_sub(list(self.model.parameters()), average)
            torch._foreach_mul_(apart, self.toward)
            torch._foreach_add_(average, apart)
            self.total += value.detach()

    def prepare(self, loss: Loss) -> None:
        """Capture the step as a CUDA graph, if the settings want one; where that fails, say so in
        the log and go on without. Weights, moments and draws stay what they are."""
        self._advance = partial(self.update, loss)
        if not (self.fit.graph and self.device.type == "cuda"):
            return
        step, start = self._advance, time.monotonic()
        try:
            with self.restored():
                self._advance = captured(step, self.generator, self.forward is not self.model)
        except RuntimeError as error:
            self._advance = step
            self._write({"capture_failed": str(error)[:300]})
        else:
            self._write({"capture_seconds": round(time.monotonic() - start, 1)})
        self.total.zero_()

    # ---------------------------------------------------------------------- the loop

    def run(
        self,
        loss: Loss,
        validate: Validate,
        grow: Callable[[], int],
        progress: bool = True,
    ) -> None:
        """Train until the budget is spent, with a checkpoint now and then and at the end.

        `loss(run)` draws a batch with `run.generator` and calls `run.forward`; `grow()` takes in
        new examples, not many at a time, and says how many there are. Raises TrainingError if the
        loss is not a number.
        """
        self.examples = grow()
        if self._advance is None:
            self.prepare(loss)
        bar = tqdm(desc=self.name, unit="step", initial=self.step, disable=not progress)
        logged = saved = before = time.monotonic()
        share, save_now = self._agreed(saved)
        while share < 1:
            self._step(share, grow)
            bar.update()
            now = time.monotonic()
            self.seconds, before = self.seconds + now - before, now
            share, save_now = self._agreed(saved)
            saving = save_now or share == 1
            if saving or now - logged > LOG_SECONDS:
                self._report({"loss": float(self.total) / self._count}, bar)
                self.total.zero_()
                self._count, logged = 0, now
            if saving:
                self._save(validate, bar)
                saved = before = time.monotonic()
        bar.close()

    def _step(self, share: float, grow: Callable[[], int]) -> None:
        assert self._advance is not None
        if self.step % GROW_STEPS == 0:
            self.examples = grow()
        self.rate.fill_(self.budget.rate(share))
        self.toward.fill_(1 - min(self.fit.ema, (2 + self.step) / (11 + self.step)))
        self._advance()
        self.step, self._count = self.step + 1, self._count + 1
        if self.device.type == "cuda" and self.step % QUEUE_STEPS == 0:
            torch.cuda.synchronize(self.device)

    def _agreed(self, saved: float) -> tuple[float, bool]:
        """How much is spent, and whether it is time for a checkpoint, in all processes alike."""
        due = time.monotonic() - saved > self.fit.checkpoint_seconds
        share, save_now = processes.agreed([self.share, float(due)])
        return share, bool(save_now)

    def _save(self, validate: Validate, bar: tqdm[None]) -> None:
        if processes.rank() == 0:
            with torch.no_grad():
                self._report(validate(self.average), bar)  # weights that are NaN are not saved
        self.save(self.path)

    def _report(self, values: dict[str, float], bar: tqdm[None]) -> None:
        """To the log and the bar; a loss that is not a number ends the run."""
        samples = self.step * self.fit.batch
        rounded = {name: round(value, 5) for name, value in values.items()}
        self._write({"seconds": round(self.seconds, 1), "examples": self.examples, **rounded})
        rate = samples / max(self.seconds, 1e-9)
        shown = {name: f"{value:.4f}" for name, value in values.items()}
        bar.set_postfix(done=f"{self.share:.0%}", rate=f"{rate:.0f}/s", **shown)
        if not all(math.isfinite(value) for value in values.values()):
            raise TrainingError(
                f"{self.name}: {values} at step {self.step}. Lower the learning rate "
                f"({self.fit.learning_rate}) and start again: the last checkpoint, {self.path}, "
                f"is from before."
            )

    def _write(self, values: dict[str, float | str]) -> None:
        if processes.rank() > 0:
            return
        samples = self.step * self.fit.batch
        record = {"stage": self.name, "step": self.step, "samples": samples, **values}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def optimizers(model: nn.Module, fit: TrainSettings, rate: Tensor) -> list[Optimizer]:
    """AdamW, or with `fit.muon` Muon for `model.inner_matrices()` and AdamW for the rest.

    `rate` is the learning rate, a scalar on the device that may change. All moments are there from
    the beginning, so that a checkpoint has a place to be read into.
    """
    inner: list[nn.Parameter] = model.inner_matrices() if fit.muon else []  # type: ignore[operator]
    among = {id(parameter) for parameter in inner}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in among]
    adam = AdamW(rest, rate, betas=(0.9, 0.99), fused=True, capturable=rate.is_cuda)
    for parameter in rest:
        parameter.grad = torch.zeros_like(parameter)
    adam.step()  # with gradient and rate 0, this makes the moments and changes nothing
    for parameter in rest:
        adam.state[parameter]["step"].zero_()
    adam.zero_grad()
    dtype = torch.bfloat16 if fit.bf16 else torch.float32
    return [adam, Muon(inner, rate, dtype=dtype)] if inner else [adam]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Networks draw first weights from the global generator: at `seed` inside, then put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
