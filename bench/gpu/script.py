"""How diffusers' script is timed: as published, at the batch of our own learning."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from bench.diffusers_script import Script, script_arguments
from bench.gpu.device_memory import cleared, peak_gb
from bench.gpu.learning import SETTINGS
from bench.gpu.random_painters import pictures, save_random_painter
from bench.gpu.rows import Measured
from bench.gpu.workload import GpuWorkload
from bench.timing import summary


def diffusers_script(workload: GpuWorkload, layout: str, batch: int = 8) -> Measured:
    """A step of diffusers' script as published, at the same batch. It loads a model folder, which
    is written to the local disk once."""
    assert workload.diffusers is not None
    with cleared(), tempfile.TemporaryDirectory() as folder:
        arguments = prepared(workload, layout, batch, Path(folder))
        with Script(workload.diffusers, arguments) as script:
            for _ in range(3):
                script.step()  # the first one loads
            times = [script.step() for _ in range(workload.steps)]
            return {"batch": batch, "words": 1, **summary(times), "peak_gb": peak_gb()}


def prepared(workload: GpuWorkload, layout: str, batch: int, folder: Path) -> list[str]:
    """Write the model and the picture into a folder; the script's options, which name them."""
    chosen = workload.layouts[layout]
    save_random_painter(chosen, workload.dtype, workload.device, folder / "model")
    return script_arguments(
        folder / "model",
        pictures(1, chosen["vae"]["sample_size"])[0],
        folder,
        replace(SETTINGS, batch=batch),
        max_train_steps=10**6,
        mixed_precision={torch.bfloat16: "bf16", torch.float16: "fp16"}.get(workload.dtype, "no"),
        repeats=10**5,
        save_steps=10**9,
        checkpointing_steps=10**9,
    )
