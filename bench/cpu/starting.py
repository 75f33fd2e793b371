"""How long it takes until one can begin: importing the package, loading Paintbox."""

from __future__ import annotations

from bench.cpu.workload import CpuWorkload, paintbox
from bench.timing import Summary


def importing(workload: CpuWorkload) -> Summary:
    """Importing the package, in a new process."""
    return workload.timer.in_new_process("import inst_tutorial", workload.runs)


def loading(workload: CpuWorkload) -> Summary:
    """Loading Paintbox."""
    return workload.timer.one(paintbox, workload.runs)
