"""How memory is measured: each work in a new process, and the most that it has used.

The processes start the works by their names, so a work is a function of this file.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.cpu.repainting import SETTINGS, their_repainting
from bench.cpu.workload import (
    CONTENT,
    NOT_MEASURED,
    CpuWorkload,
    Result,
    our_learning,
    paintbox,
    their_arguments,
)
from bench.diffusers_script import Script
from inst_tutorial.learning import LearningSettings
from inst_tutorial.style_transfer import transfer
from inst_tutorial.world import paint

STATUS = Path("/proc/self/status")  # of this process, on Linux

# ----------------------------------------------------------------------------------- works


def nothing() -> None:
    """The process alone, which has imported what all works need."""


def learn_ours() -> None:
    """A step of our learning."""
    our_learning(paintbox(), LearningSettings(kind="free")).step()


def transfer_ours() -> None:
    """Our transfer."""
    transfer(paintbox(), paint(CONTENT), None, SETTINGS)


def transfer_theirs() -> None:
    """Diffusers' pipeline."""
    their_repainting(paintbox())()


def learn_theirs(diffusers: Path, arguments: list[str]) -> None:
    """Two steps of diffusers' script: the first one loads."""
    with Script(diffusers, arguments, only_cpu=True) as script:
        script.step()
        script.step()


WORKS: dict[str, Callable[[], None]] = {
    "nothing": nothing,
    "learning, ours": learn_ours,
    "transfer, ours": transfer_ours,
    "transfer, diffusers": transfer_theirs,
}

# --------------------------------------------------------------------------------- measure


def memory(workload: CpuWorkload) -> Result:
    """MiB that a new process has used at most; "nothing" has imported what all need."""
    result: Result = {name: peak_of(work) for name, work in WORKS.items()}
    result["learning, script"] = NOT_MEASURED
    if workload.diffusers is not None:
        with tempfile.TemporaryDirectory() as folder:
            arguments = their_arguments(Path(folder), LearningSettings(), steps=2)
            result["learning, script"] = peak_of(learn_theirs, workload.diffusers, arguments)
    return result


def peak_of(work: Callable[..., None], *arguments: object) -> int:
    """The most MiB that a new process uses for a work; what the work raises is raised here."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=new) as process:
        return process.submit(peak_after, work, *arguments).result()


def peak_after(work: Callable[..., None], *arguments: object) -> int:
    """Do a work in this process; the most MiB that the process has used so far."""
    work(*arguments)
    return peak()


def peak() -> int:
    """The most MiB that this process has used so far.

    On Linux from its own status: what getrusage says is never less than what the process had that
    started this one. Where getrusage is asked, its unit is a KiB, but a byte on macOS.
    """
    if STATUS.exists():
        lines = STATUS.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        import psutil  # a part of accelerate's installation

        return psutil.Process().memory_info().peak_wset // 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)
