"""Strength: the place on the ladder of noise levels where the walk down starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import inst_tutorial
from diagrams.canvas import Box, Canvas
from diagrams.drawing import NARROW, WIDE, Diagram, Layout
from diagrams.pictures import STEPS, STRENGTHS
from inst_tutorial.noise_level import start_index, timesteps
from inst_tutorial.noise_schedule import Schedule

ALT = (
    "Five rows, from strength 0.2 to 1.0, over an axis of noise levels from clean to pure noise. "
    "In each row the content is noised in one jump to the level of its strength, the higher the "
    "strength the farther to the right, and walks back to the left in steps: 4 steps at strength "
    "0.2, all 20 at strength 1.0. The picture at the end of the walk keeps the content at low "
    "strengths and takes more of the style at high ones."
)
ROW, TOP, SIDE = 74, 74, 58
LABELS = 78  # pixels for the names of the rows


def schedule() -> Schedule:
    """The schedule of Paintbox."""
    path = Path(inst_tutorial.__file__).with_name("paintbox") / "scheduler/scheduler_config.json"
    return Schedule.from_config(json.loads(path.read_text(encoding="utf-8")))


def draw(canvas: Canvas) -> None:
    """All rows, at the width of the canvas."""
    levels = schedule()
    grid = timesteps(levels, STEPS)
    start = LABELS + SIDE + 16  # where t = 0 is
    length = canvas.width - start - SIDE - 6

    def place(t: int) -> float:
        return start + length * t / levels.train_steps

    axis(canvas, start, canvas.width - 8)
    for i, strength in enumerate(STRENGTHS):
        y = TOP + ROW * i + ROW / 2
        walked = grid[start_index(levels, STEPS, strength) :]
        name_row(canvas, y, strength, walked)
        noisy = walk(canvas, y, strength, [place(t) for t in walked])
        if i == 0:
            explain(canvas, noisy.x + SIDE + 10, y)


def name_row(canvas: Canvas, y: float, strength: float, walked: Sequence[int]) -> None:
    """The strength, the level where the walk starts, and its number of steps."""
    lines = [f"$s$ = {strength:.1f}", f"$t$ = {walked[0]}", f"{len(walked)} steps"]
    canvas.text(4, y, lines, anchor="start", size=12)


def walk(canvas: Canvas, y: float, strength: float, places: Sequence[float]) -> Box:
    """The noised picture, the steps at their places, the result; gives the noised picture."""
    percent, top = f"{100 * strength:.0f}", y - SIDE / 2
    result = canvas.picture(LABELS, top, SIDE, f"repainted_{percent}")
    noisy = canvas.picture(places[0], top, SIDE, f"noised_{percent}", role="noise")
    canvas.arrow(noisy.left, (result.x + SIDE + 2, y), role="word")
    for x in places[1:]:
        canvas.dot(x, y, 2.4, "word")
    return noisy


def explain(canvas: Canvas, x: float, y: float) -> None:
    """What happens in a row, beside the first one."""
    lines = ["noised in one", "jump, denoised", "step by step"]
    if canvas.width > NARROW:
        lines = ["noised in one jump,", "denoised step by step"]
    canvas.text(x, y, lines, anchor="start", size=12, role="muted")


def axis(canvas: Canvas, start: float, end: float) -> None:
    """From clean to pure noise."""
    content = canvas.picture(LABELS, 4, SIDE, "content")
    canvas.text(4, content.centre[1], ["content", "picture"], anchor="start", size=12)
    y = content.centre[1]
    canvas.arrow((start, y), (end, y), role="noise", width=2)
    canvas.text(start, y - 13, "clean", anchor="start", size=12)
    canvas.text(end, y - 13, "pure noise", anchor="end", size=12)
    canvas.text((start + end) / 2, y + 15, "noise level $t$", size=12)


DIAGRAM = Diagram(
    "strength_ladder",
    ALT,
    Layout(WIDE, TOP + len(STRENGTHS) * ROW, draw),
    Layout(NARROW, TOP + len(STRENGTHS) * ROW, draw),
)
