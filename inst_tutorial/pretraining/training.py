"""The loop that all networks are fitted with: AdamW, cosine, moving average, resume."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from inst_tutorial.pretraining.checkpoint import TrainingState, state_path
from inst_tutorial.pretraining.settings import TrainingError, TrainSettings

LOG_SECONDS = 15.0


class Training(TrainingState):
    """One network, or two together, being trained: its state, and the loop that changes it."""

    def __init__(
        self, name: str, model: nn.Module, fit: TrainSettings, *, work: Path, device: str, seed: int
    ) -> None:
        self.name, self.fit, self.device = name, fit, torch.device(device)
        order = torch.channels_last if fit.channels_last else torch.preserve_format
        model = model.to(self.device).train()
        model.to(memory_format=order)  # type: ignore[call-overload]
        trained = [p for p in model.parameters() if p.requires_grad]
        super().__init__(
            model,
            average=copy.deepcopy(model).requires_grad_(False).eval(),
            optimizer=torch.optim.AdamW(trained, fit.learning_rate, betas=(0.9, 0.99), fused=True),
            generator=torch.Generator(self.device).manual_seed(seed),
        )
        self.forward = torch.compile(model) if fit.compile else model
        self.path, self.log = state_path(work, name), work / "log.jsonl"
        if self.path.exists():
            self.load(self.path)

    @property
    def share(self) -> float:
        """How much of the budget is spent, 0..1."""
        if self.fit.steps is not None:
            return min(1.0, self.step / self.fit.steps)
        return min(1.0, self.seconds / (60 * self.fit.minutes))

    def run(
        self,
        loss: Callable[[Training], Tensor],
        validate: Callable[[nn.Module], dict[str, float]],
        grow: Callable[[], int],
        progress: bool = True,
    ) -> None:
        """Train until the budget is spent, with a checkpoint now and then and at the end.

        `loss(run)` draws a batch with `run.generator` and calls `run.forward`; `grow()` says how
        many examples there are. Raises TrainingError if the loss is not a number.
        """
        self.examples = self.examples or grow()
        bar = tqdm(desc=self.name, unit="step", initial=self.step, disable=not progress)
        total, count = torch.zeros((), device=self.device), 0
        logged = saved = before = time.monotonic()
        while self.share < 1:
            total, count = total + self._step(loss), count + 1
            bar.update()
            now = time.monotonic()
            self.seconds, before = self.seconds + now - before, now
            if now - logged > LOG_SECONDS or self.share == 1:
                self._report({"loss": float(total) / count}, bar)
                total, count, logged = torch.zeros_like(total), 0, now
            if now - saved > self.fit.checkpoint_seconds or self.share == 1:
                self._save(validate, grow, bar)
                saved = before = time.monotonic()
        bar.close()

    def _step(self, loss: Callable[[Training], Tensor]) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self.fit.learning_rate * annealed(self.share, self.fit.warmup)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.fit.bf16):
            value = loss(self)
        value.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        decay = min(self.fit.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            average: list[Tensor] = list(self.average.parameters())
            torch._foreach_lerp_(average, list(self.model.parameters()), 1 - decay)
        return value.detach()

    def _save(
        self,
        validate: Callable[[nn.Module], dict[str, float]],
        grow: Callable[[], int],
        bar: tqdm[None],
    ) -> None:
        self.examples = grow()
        self.save(self.path)
        with torch.no_grad():
            self._report(validate(self.average), bar)

    def _report(self, values: dict[str, float], bar: tqdm[None]) -> None:
        """To the log and the bar; a loss that is not a number ends the run."""
        samples = self.step * self.fit.batch
        record = {
            "stage": self.name,
            "step": self.step,
            "samples": samples,
            "seconds": round(self.seconds, 1),
            "examples": self.examples,
            **{name: round(value, 5) for name, value in values.items()},
        }
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        rate = samples / max(self.seconds, 1e-9)
        shown = {name: f"{value:.4f}" for name, value in values.items()}
        bar.set_postfix(done=f"{self.share:.0%}", rate=f"{rate:.0f}/s", **shown)
        if not all(math.isfinite(value) for value in values.values()):
            raise TrainingError(
                f"{self.name}: {values} at step {self.step}. Lower the learning rate "
                f"({self.fit.learning_rate}) and start again: the last checkpoint, {self.path}, "
                f"is from before."
            )


def annealed(share: float, warmup: float) -> float:
    """Factor on the learning rate: linear warm-up, then a cosine to 1 %."""
    if share < warmup:
        return (share + 1e-4) / (warmup + 1e-4)
    return 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * (share - warmup) / (1 - warmup)))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Networks draw first weights from the global generator: at `seed` inside, then put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
