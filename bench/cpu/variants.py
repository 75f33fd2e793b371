"""What could be a default: memory layout, numbers of 16 bits, one thread, a compiled UNet."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench.cpu.workload import PROMPT, CpuWorkload, Result, our_learning, paintbox
from bench.memory_order import contiguous
from bench.timing import Work
from inst_tutorial.learning import LearningSettings
from inst_tutorial.painter import Painter

Painters = Mapping[str, Painter]


def variants(workload: CpuWorkload) -> Result:
    """The UNet, decoding and a learning step by each variant, in turn."""
    timer, runs, painters = workload.timer, workload.runs, variant_painters(workload.painter)
    asks, steps = noise_predictions(painters), learning_steps(painters)
    compiling = {
        "UNet, batch 2": timer.seconds(asks["compiled"]),
        "learning step": timer.seconds(steps["compiled"]),
    }
    return {
        "UNet, batch 2": timer.alternate(asks | {"one thread": alone(asks["float32"])}, 2 * runs),
        "decode": timer.alternate(decodings(painters), runs),
        "learning step": timer.alternate(steps | {"one thread": alone(steps["float32"])}, runs),
        "compiling, seconds": {name: round(value, 1) for name, value in compiling.items()},
    }


def variant_painters(painter: Painter) -> Painters:
    """Paintbox as it is, and one for each variant."""
    half = paintbox(torch.bfloat16)
    plain, built = paintbox(), paintbox()
    contiguous(plain)
    built.unet.compile()
    return {"float32": painter, "contiguous": plain, "bfloat16": half, "compiled": built}


def noise_predictions(painters: Painters) -> dict[str, Work]:
    """What the UNet is asked in a guided step."""
    painter = painters["float32"]
    z = torch.randn(2, *painter.latent_shape)
    context = painter.embed(["", PROMPT])

    def ask(which: Painter) -> Work:
        return lambda: torch.no_grad()(which.predict_noise)(z, 500, context)

    return {name: ask(one) for name, one in painters.items()}


def learning_steps(painters: Painters) -> dict[str, Work]:
    """A learning step with the settings of the package."""
    return {name: our_learning(one, LearningSettings()).step for name, one in painters.items()}


def decodings(painters: Painters) -> dict[str, Work]:
    """A picture from its latent, in both memory layouts."""
    usual, plain = painters["float32"], painters["contiguous"]
    z = torch.randn(1, *usual.latent_shape)
    return {"channels_last": lambda: usual.decode(z), "contiguous": lambda: plain.decode(z)}


def alone(work: Work) -> Work:
    """The same work by a single thread."""

    def run() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        work()
        torch.set_num_threads(threads)

    return run
