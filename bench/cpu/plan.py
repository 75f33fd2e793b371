"""Which groups are measured on this machine, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.cpu.learning import learning
from bench.cpu.memory import memory
from bench.cpu.operations import floor
from bench.cpu.playing import drawing, playing
from bench.cpu.repainting import repainting
from bench.cpu.scaling import scaling
from bench.cpu.starting import importing, loading
from bench.cpu.variants import variants
from bench.cpu.workload import CpuWorkload
from bench.cpu.world import painting

PLAN: Mapping[str, Callable[[CpuWorkload], object]] = {
    "repaint": repainting,
    "variants": variants,
    "floor": floor,
    "scaling": scaling,
    "import inst_tutorial": importing,
    "load Paintbox": loading,
    "draw, 20 guided steps": drawing,
    "playground": playing,
    "peak memory in MiB": memory,
    "world": painting,
    # Last: its second thread brings a second pool of workers, which slows all that follows.
    "learn": learning,
}
"""Each group's name in the results, and what measures it."""
