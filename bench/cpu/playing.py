"""How long one waits for a picture: drawing one, and a frame of the playground."""

from __future__ import annotations

from bench.cpu.workload import CONTENT, PROMPT, CpuWorkload, Result
from bench.timing import Summary
from inst_tutorial.style_transfer import TransferSettings, draw, transfer
from inst_tutorial.world import paint


def drawing(workload: CpuWorkload) -> Summary:
    """A picture from a prompt, in 20 guided steps."""
    return workload.timer.one(lambda: draw(workload.painter, "a photo of a cat"), workload.runs)


def playing(workload: CpuWorkload) -> Result:
    """A frame of the playground, which repaints in ten steps, when a control is moved."""
    content, settings = paint(CONTENT), TransferSettings(prompt=PROMPT, steps=10)
    frame = workload.timer.one(
        lambda: transfer(workload.painter, content, None, settings), workload.runs
    )
    return {"a frame": frame, "frames/s": round(1 / frame["median_s"], 2)}
