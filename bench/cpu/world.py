"""How long the world takes to paint."""

from __future__ import annotations

from bench.cpu.workload import CONTENT, CpuWorkload, Result
from bench.timing import Work
from inst_tutorial.world import HELD_OUT, STYLES, paint


def painting(workload: CpuWorkload) -> Result:
    """The photograph, and every named style once over."""
    styles = {**STYLES, **HELD_OUT}

    def every_style() -> None:
        for style in styles.values():
            paint(CONTENT, style)

    works: dict[str, Work] = {"photograph": lambda: paint(CONTENT), "all styles": every_style}
    times = workload.timer.alternate(works, workload.runs)
    return {**times, "all styles": {**times["all styles"], "pictures": len(styles)}}
