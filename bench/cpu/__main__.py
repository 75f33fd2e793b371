"""What things cost on this machine, beside what people would use instead.

    make bench DIFFUSERS=../diffusers      # or: python -m bench.cpu --diffusers ../diffusers

Every figure is the median of several runs with its spread; where two programs are compared they
take turns in one process, so that a busy machine disturbs both. Nothing here is a test.
`--diffusers` names a checkout of github.com/huggingface/diffusers, whose textual-inversion script
is run as published (it needs torchvision and tensorboard). Without it those rows say "not
measured".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cpu.plan import PLAN
from bench.cpu.workload import CpuWorkload, Result, paintbox
from bench.json_files import write_json
from bench.machine import cpu_machine
from bench.options import Checkout
from bench.timing import Timer, processor_time

RESULTS = Path(__file__).parents[2] / "inst_tutorial/data/bench_cpu.json"


def can_be_counted(cpu_time: bool) -> bool:
    """The option itself. Raises BadParameter where processor time is not counted."""
    try:
        if cpu_time:
            processor_time()
    except OSError as error:
        raise typer.BadParameter(f"{error}; without it, wall time is measured") from error
    return cpu_time


def main(
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
    diffusers: Checkout = None,
    runs: Annotated[int, typer.Option(min=1)] = 5,
    steps: Annotated[int, typer.Option(min=2, help="Learning steps, ours and the script's.")] = 60,
    cpu_time: Annotated[
        bool,
        typer.Option(
            "--cpu-time",
            help="Count processor time, for a machine that is busy; not on Windows.",
            callback=can_be_counted,
        ),
    ] = False,
    note: Annotated[str, typer.Option(help="What else the machine did.")] = "",
) -> None:
    """Measure, write and print (after every group, so that nothing is lost)."""
    timer = Timer(processor_time) if cpu_time else Timer()
    workload = CpuWorkload(paintbox(), timer, runs, steps, diffusers)
    clock = "processor time" if cpu_time else "wall time"
    machine = {**cpu_machine(str(workload.painter.device)), "clock": clock}
    results: Result = {"machine": machine, "note": note}
    for name, measure in PLAN.items():
        results[name] = measure(workload)
        write_json(out, results, indent=2)
        print(name, json.dumps(results[name], indent=2), flush=True)


if __name__ == "__main__":
    typer.run(main)
