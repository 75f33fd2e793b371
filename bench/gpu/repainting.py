"""How repainting is timed: our transfer beside diffusers' pipeline, by turns."""

from __future__ import annotations

from dataclasses import replace

from bench.diffusers_img2img import img2img, pipeline_of_painter
from bench.gpu.device_memory import cleared, peak_gb
from bench.gpu.random_painters import pictures, random_painter
from bench.gpu.rows import Measured
from bench.gpu.workload import GpuWorkload
from bench.timing import Work, ratio
from inst_tutorial.style_transfer import TransferSettings, transfer


def repainting(workload: GpuWorkload, layout: str) -> Measured:
    """Our transfer, without a word, beside diffusers' pipeline, by turns: same parts, steps,
    strength, guidance and picture; and ours with InST's stochastic inversion."""
    with cleared():
        works = repainting_works(workload, layout)
        times = workload.timer.alternate(works, workload.runs)
        return {
            **times,
            "steps": workload.repainting_steps,
            "ratio": ratio(times["ours"], times["diffusers"]),
            "peak_gb": peak_gb(),
        }


def repainting_works(workload: GpuWorkload, layout: str) -> dict[str, Work]:
    """The three ways to repaint a picture, ready to be called."""
    chosen = workload.layouts[layout]
    painter = random_painter(chosen, workload.dtype, workload.device)
    content = pictures(1, painter.picture_size)[0]
    ours = TransferSettings(
        prompt="a", inversion="noise", strength=0.7, guidance=7.5, steps=workload.repainting_steps
    )
    inst = replace(ours, inversion="stochastic")
    pipeline = pipeline_of_painter(painter, chosen["scheduler"])
    return {
        "ours": lambda: transfer(painter, content, None, ours),
        "ours, stochastic inversion": lambda: transfer(painter, content, None, inst),
        "diffusers": img2img(pipeline, content, ours),
    }
