"""Where the time goes, operation by operation, when a goal was missed."""

from __future__ import annotations

import torch

from bench.gpu.device_memory import cleared
from bench.gpu.learning import Case, stepwise
from bench.gpu.repainting import repainting_works
from bench.gpu.rows import Measured
from bench.gpu.workload import GpuWorkload
from bench.timing import Work, wait_for_device


def profile_learning(workload: GpuWorkload, layout: str) -> Measured:
    """The profile of a learning step at batch 8."""
    with cleared():
        return profile(stepwise(workload, layout, Case(batch=8)).step)


def profile_repainting(workload: GpuWorkload, layout: str) -> Measured:
    """The profile of our transfer."""
    with cleared():
        return profile(repainting_works(workload, layout)["ours"])


def profile(work: Work) -> Measured:
    """Where the time of a work goes: PyTorch's table of its twenty costliest operations."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    work()
    wait_for_device()
    with torch.profiler.profile(activities=activities) as profiler:
        work()
        wait_for_device()
    cost = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    table = profiler.key_averages().table(sort_by=cost, row_limit=20, max_name_column_width=60)
    return {"table": table.splitlines()}
