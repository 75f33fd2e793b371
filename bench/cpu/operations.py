"""How many operations learning and sampling are, and the least time that they could take."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.cpu.workload import PROMPT, CpuWorkload, Result, our_learning
from bench.timing import Work
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter

SIZE = 1536  # rows and columns of the matrices of the product


def floor(workload: CpuWorkload) -> Result:
    """Operations of a learning step and of a guided step, and the part of their time that these
    would take at the speed of a large matrix product."""
    speed = matmul_speed(workload)
    works = {
        "learning step": our_learning(workload.painter, LearningSettings()).step,
        "guided step": guided_step(workload.painter),
    }
    steps = {name: multiplying(workload, work, speed) for name, work in works.items()}
    return {"giga-operations/s of a matrix product": round(speed / 1e9, 1), **steps}


def matmul_speed(workload: CpuWorkload) -> float:
    """Operations a second of a large matrix product, at its best."""
    square = torch.randn(SIZE, SIZE)
    best = workload.timer.one(lambda: square @ square, 4 * workload.runs)["least_s"]
    return 2 * SIZE**3 / best


def guided_step(painter: Painter) -> Work:
    """What the UNet does in a guided sampling step."""
    z = torch.randn(1, *painter.latent_shape)
    context = painter.embed(["", PROMPT])

    def guided() -> None:
        with torch.no_grad():
            painter.predict_noise(torch.cat([z, z]), 500, context)

    return guided


def multiplying(workload: CpuWorkload, work: Work, speed: float) -> Result:
    """The operations of a work, its seconds, and the part that they take at `speed`."""
    with FlopCounterMode(display=False) as counter:
        work()
    operations = counter.get_total_flops()
    measured = workload.timer.one(work, 2 * workload.runs)
    part = operations / speed / measured["median_s"]
    return {
        "giga-operations": round(operations / 1e9, 2),
        **measured,
        "part spent multiplying, at that speed": round(part, 2),
    }
