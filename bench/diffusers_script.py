"""Diffusers' script for textual inversion, run as published, a step at a time.

`Script` runs examples/textual_inversion/textual_inversion.py unchanged in a thread of its own and
stops it after every optimiser step, so that two programs can take turns on one machine.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import torch
from PIL.Image import Image
from torch import Tensor

from bench.stopwatch import Stopwatch
from bench.timing import Clock, wait_for_device
from inst_tutorial.learning import LearningSettings

STAND_INS = torch.library.Library("torchvision", "FRAGMENT")  # must live as long as the process
SCRIPT = Path("examples/textual_inversion/textual_inversion.py")


def script_arguments(
    model: Path, picture: Image, folder: Path, settings: LearningSettings, **more: object
) -> list[str]:
    """The script's options: as in its README, but for the model, sizes and one picture.

    `folder` takes the picture, and what the script saves. `more` are options of the script.
    """
    pictures = folder / "pictures"
    pictures.mkdir()
    picture.save(pictures / "style.png")
    options: dict[str, object] = {
        "pretrained_model_name_or_path": model,
        "train_data_dir": pictures,
        "output_dir": folder / "out",
        "learnable_property": "style",
        "placeholder_token": "<inst>",
        "initializer_token": settings.start,
        "resolution": picture.width,
        "train_batch_size": settings.batch,
        **more,
    }
    return [f"--{name}={value}" for name, value in options.items()]


class Script(threading.Thread):
    """The published script at `checkout`, until the end of its `with` block; `step()` lets it go
    on until its next step is done. It computes on the GPU if there is one, unless `only_cpu`."""

    def __init__(
        self,
        checkout: Path,
        arguments: Sequence[str],
        clock: Clock = time.perf_counter,
        *,
        only_cpu: bool = False,
    ) -> None:
        super().__init__(daemon=True)
        self.clock = clock
        self.environment = {"ACCELERATE_USE_CPU": "true"} if only_cpu else {}
        self.path, self.arguments = checkout / SCRIPT, arguments
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.vectors: list[Tensor] = []  # the new word after each step
        self.watch = Stopwatch(clock)
        self.watch.thread = self
        self.error: BaseException | None = None
        self.stopping = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End the script where it stands; its memory is free afterwards."""
        self.stopping = True
        self.go.release()
        self.join()
        self.vectors, self.error = [], None  # an error holds the frames that it passed through

    def run(self) -> None:
        """The script from its first line to its last."""
        self.go.acquire()
        try:
            if not self.stopping:
                with self._watched():
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

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Inside, the script finds its options, is timed, and waits after every step."""
        from accelerate import Accelerator  # type: ignore[import-untyped]
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel

        waiting = self._waiting(torch.optim.AdamW.step)
        with (
            self.watch as watch,
            patch.object(sys, "argv", [str(self.path), *self.arguments]),
            patch.dict(os.environ, self.environment),
            patch.object(torch.optim.AdamW, "step", waiting),
        ):
            watch.watch(AutoencoderKL, "encode", "autoencoder")
            watch.watch(CLIPTextModel, "forward", "text encoder")
            watch.watch(UNet2DConditionModel, "forward", "unet")
            watch.watch(Accelerator, "backward", "backward")
            yield

    def _waiting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """The optimiser's step; in this thread it waits afterwards until it may go on."""

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

        return step


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
