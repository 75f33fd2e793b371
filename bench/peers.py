"""What people would use instead, run as published, a step at a time.

`Script` runs diffusers' examples/textual_inversion/textual_inversion.py unchanged in a thread of
its own and stops it after every optimiser step, so that two programs can take turns on one
machine. `Stopwatch` says where the time goes.
"""

from __future__ import annotations

import importlib
import runpy
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.timing import Clock, wait_for_device

STAND_INS = torch.library.Library("torchvision", "FRAGMENT")  # must live as long as the process
SCRIPT = Path("examples/textual_inversion/textual_inversion.py")


class Stopwatch:
    """Seconds spent in named functions, for each step: `laps` is a list of {label: seconds}."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self.laps: list[dict[str, float]] = []
        self.now: dict[str, float] = defaultdict(float)
        self.thread = threading.current_thread()

    def watch(self, owner: Any, name: str, label: str) -> None:
        """From now on, time `owner.name` in this watch's thread."""
        original = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            start = self.clock()
            try:
                return original(*args, **options)
            finally:
                if threading.current_thread() is self.thread:
                    self.now[label] += self.clock() - start

        setattr(owner, name, timed)

    def lap(self, whole: float) -> None:
        """A step that took `whole` seconds is over."""
        self.laps.append({**self.now, "rest": whole - sum(self.now.values())})
        self.now.clear()

    def medians(self) -> dict[str, float]:
        """Median seconds a step of each label."""
        labels = sorted({label for lap in self.laps for label in lap})
        table = torch.tensor([[lap.get(label, 0.0) for label in labels] for lap in self.laps])
        return {
            k: round(v, 4) for k, v in zip(labels, table.median(0).values.tolist(), strict=True)
        }


class Script(threading.Thread):
    """The published script at `checkout`; `step()` lets it go on until its next step is done."""

    def __init__(
        self, checkout: Path, arguments: Sequence[str], clock: Clock = time.perf_counter
    ) -> None:
        super().__init__(daemon=True)
        self.clock = clock
        self.path, self.arguments = checkout / SCRIPT, arguments
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.vectors: list[Tensor] = []  # the new word after each step
        self.watch = Stopwatch(clock)
        self.watch.thread = self
        self.error: BaseException | None = None
        self.stopping = False

    def run(self) -> None:
        """The script from its first line to its last."""
        self.go.acquire()
        try:
            self._prepare()
            runpy.run_path(str(self.path), run_name="__main__")
        except BaseException as error:  # SystemExit of its argument parser, too
            self.error = error
        self.done.release()

    def step(self) -> float:
        """Seconds until one more step is done; the first one includes loading."""
        wait_for_device()
        start = self.clock()
        self.go.release()
        self.done.acquire()
        wait_for_device()
        if self.error is not None:
            raise RuntimeError(f"{self.path} stopped: {self.error}") from self.error
        whole = self.clock() - start
        self.watch.lap(whole)
        return whole

    def stop(self) -> None:
        """End the script where it stands; its memory is free afterwards."""
        self.stopping = True
        self.go.release()
        self.join()
        self.vectors, self.error = [], None  # an error holds the frames that it passed through

    def _prepare(self) -> None:
        from accelerate import Accelerator  # type: ignore[import-untyped]
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel

        sys.argv = [str(self.path), *self.arguments]
        self.watch.watch(AutoencoderKL, "encode", "autoencoder")
        self.watch.watch(CLIPTextModel, "forward", "text encoder")
        self.watch.watch(UNet2DConditionModel, "forward", "unet")
        self.watch.watch(Accelerator, "backward", "backward")
        original = torch.optim.AdamW.step

        def step(optimizer: Any, *args: Any, **options: Any) -> Any:
            result = original(optimizer, *args, **options)
            if threading.current_thread() is self:
                table = optimizer.param_groups[0]["params"][0]
                self.vectors.append(table.detach()[-1:].clone())
                self.done.release()
                self.go.acquire()
                if self.stopping:
                    raise SystemExit("stopped between two steps")
            return result

        torch.optim.AdamW.step = step  # type: ignore[assignment, method-assign]


def import_torchvision() -> None:
    """Import torchvision for its picture transforms, also where its compiled operators do not fit
    the installed PyTorch (a build for another device): two names, never called, stand for them."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            shape = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            STAND_INS.define(shape)
        importlib.import_module("torchvision")


with suppress(ModuleNotFoundError):
    import_torchvision()  # before transformers, which takes it for sound when it is there
