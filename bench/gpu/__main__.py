"""What learning and repainting cost at Stable Diffusion's true size, on a GPU.

    make bench-gpu                        # or: python -m bench.gpu
    python -m bench.gpu --diffusers path/to/a/checkout/of/diffusers --budget 240

Configurations are those of Stable Diffusion 1.5 (512 pixels) and 2.1 (768 pixels); weights are
random and made on the GPU. Rows come in the order in which readers ask, each is written as soon
as it is measured, and a run that was cut short goes on where it stopped. `--budget` is in seconds:
a row that would not end in time is left for another run. Where a goal is missed, PyTorch's profile
of that work is written beside it. `--tiny` tries every row on a toy, on any machine; its numbers
mean nothing. Without CUDA nothing is measured.

**How long a run takes.** A learning step at batch 8 is 13 * 10^12 operations at the size of
Stable Diffusion 1.5 and 38 * 10^12 at that of 2.1. A GPU that multiplies 790 * 10^12 a second and
reaches a third of that takes 0.05 and 0.15 s; the CPU needs about as long to give the orders. A
row times 30 steps, so nearly all rows take 4 to 10 s. Compiling and loading diffusers' script take
longer. The estimates in `plan` add up to less than 240 s, the whole compiled UNet aside.

Shares are of the rate at which the same GPU, in the same run, multiplies large bfloat16 matrices.
Diffusers' script for textual inversion is run as published; it needs torchvision and tensorboard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from bench.gpu.goals import verdicts
from bench.gpu.measure import count_operations, measure, title
from bench.gpu.measurement_file import MeasurementFile, OtherMachineError
from bench.gpu.plan import Planned, plan
from bench.gpu.workload import GpuWorkload, toy
from bench.options import Checkout
from inst_tutorial.layouts import LAYOUTS

RESULTS = Path(__file__).parents[2] / "inst_tutorial/data/bench_gpu.json"


def main(
    out: Annotated[
        Path | None, typer.Option(help="Default: the book's own file; with --tiny _build/gpu.json.")
    ] = None,
    layouts: Annotated[
        str, typer.Option(help="Of sd15, sd21-base, sd21; the first gets all rows.")
    ] = "sd15,sd21",
    diffusers: Checkout = None,
    budget: Annotated[float, typer.Option(min=0, help="Seconds; later rows are left out.")] = 240,
    tiny: Annotated[bool, typer.Option(help="Try everything on a toy; means nothing.")] = False,
) -> None:
    """Measure, print, and write row by row."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    file = MeasurementFile.read(out or (Path("_build/gpu.json") if tiny else RESULTS))
    if tiny:
        run(toy(device, diffusers), file, budget)
    elif device == "cuda":
        run(chosen(layouts, device, diffusers), file, budget)
    else:
        only_count(chosen(layouts, device, diffusers), file)
    file.write()
    show_goals(file)


def chosen(layouts: str, device: str, diffusers: Path | None) -> GpuWorkload:
    """The full workload, for layouts that are named with commas between them."""
    named = layouts.split(",")
    if unknown := [name for name in named if name not in LAYOUTS]:
        known = ", ".join(LAYOUTS)
        raise typer.BadParameter(f"--layouts: there is no layout {unknown[0]!r}, only {known}")
    return GpuWorkload({name: LAYOUTS[name] for name in named}, device, diffusers=diffusers)


def run(workload: GpuWorkload, file: MeasurementFile, budget: float) -> None:
    """Measure on this machine."""
    try:
        measure(workload, plan(workload), file, budget)
    except OtherMachineError as error:
        raise typer.BadParameter(str(error)) from error


def only_count(workload: GpuWorkload, file: MeasurementFile) -> None:
    """Without a GPU: show the plan, and count the operations, which takes no GPU."""
    print("No CUDA device: nothing is measured. On a GPU these rows would be, in this order:")
    show_plan(plan(workload))
    count_operations(workload, file)


def show_plan(rows: list[Planned]) -> None:
    """Print what would be measured on a GPU, and how long it would take there."""
    for row in rows:
        print(f"{row.seconds:4.0f} s  {title(row)}")
    print(f"{sum(row.seconds for row in rows):4.0f} s  in all, on an H100")


def show_goals(file: MeasurementFile) -> None:
    """Print what was hoped for and what was found."""
    for row in verdicts(file.rows):
        print(f"{row['goal']}: {row['found']} ({row['verdict'] or 'not measured'})")


if __name__ == "__main__":
    typer.run(main)
