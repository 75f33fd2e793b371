"""How the plan is worked through: within a budget, and going on where a run stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable

import torch

from bench.gpu.measurement_file import MeasurementFile
from bench.gpu.operations import derived, matmul_tflops, operations
from bench.gpu.plan import Planned
from bench.gpu.rows import Measured, find
from bench.gpu.workload import GpuWorkload
from bench.machine import gpu_machine
from inst_tutorial.memory import is_out_of_memory


def measure(
    workload: GpuWorkload, rows: Iterable[Planned], file: MeasurementFile, budget: float
) -> None:
    """Measure the rows that the file lacks, as far as `budget` seconds go, and write each at once.

    A row that failed is tried again. Raises OtherMachineError for a file of another machine.
    """
    start = time.perf_counter()
    file.measured_on(gpu_machine(workload.device))
    matmul = matmul_tflops(workload)
    count_operations(workload, file)
    for row in rows:
        if not wanted(row, file):
            continue
        if time.perf_counter() - start + row.seconds > budget:
            print(f"{title(row)}: no time left, it takes about {row.seconds:.0f} s", flush=True)
            continue
        measured = measured_row(row, file, matmul)
        print(f"{title(row)}: {json.dumps(measured)}", flush=True)


def wanted(row: Planned, file: MeasurementFile) -> bool:
    """Whether a row is still to be measured, and can be on this machine."""
    found = find(file.rows, row.layout, row.stage, row.name)
    if (found and "failed" not in found) or not row.needed(file.rows):
        return False
    return torch.cuda.is_available() or not row.only_cuda


def measured_row(row: Planned, file: MeasurementFile, matmul: float) -> Measured:
    """Measure a row and write it; what was measured, and what follows from it."""
    measured = tried(row.measure)
    if "words" in measured:
        measured |= derived(measured, file.operations[row.layout], matmul)
    names = {"layout": row.layout, "stage": row.stage, "name": row.name}
    file.add({**names, "matmul_tflops": matmul, **measured})
    return measured


def title(row: Planned) -> str:
    """A row's names, as they are printed."""
    return f"{row.layout}: {row.stage}, {row.name}"


def tried(work: Callable[[], Measured]) -> Measured:
    """A measurement, or {"failed": the reason}."""
    try:
        return work()
    except Exception as error:  # compilers and drivers raise kinds of their own
        name = "out of memory" if is_out_of_memory(error) else type(error).__name__
        return {"failed": f"{name}: {(str(error).splitlines() or [''])[0][:200]}"}


def count_operations(workload: GpuWorkload, file: MeasurementFile) -> None:
    """Count what a learning step costs at each size, where the file does not say so yet."""
    for name, layout in workload.layouts.items():
        if name not in file.operations:
            file.operations[name] = operations(layout)
