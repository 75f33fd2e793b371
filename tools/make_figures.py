"""Make the pictures of the README: the demonstration, and a look into the world.

python tools/make_figures.py
"""

from __future__ import annotations

from pathlib import Path

from inst_tutorial.demo import run_demo
from inst_tutorial.figures import picture_grid, save_figure
from inst_tutorial.painter import Painter
from inst_tutorial.world import HELD_OUT, Scene, paint

STATIC = Path(__file__).parents[1] / "book/_static"
SCENES = (
    Scene("castle", "mountains", colour="purple", seed=3),
    Scene("owl", "snow", light="sunset", colour="brown", seed=2),
    Scene("sailboat", "sea", light="night", colour="red", seed=4),
)


def main() -> None:
    """Write world.webp and demo.webp."""
    names = list(HELD_OUT)[:8]
    rows = [[paint(scene), *(paint(scene, HELD_OUT[name]) for name in names)] for scene in SCENES]
    world = picture_grid(rows, column_titles=["photograph", *names])
    print(save_figure(world, STATIC / "world.webp"))
    print(save_figure(run_demo(Painter.load("paintbox")).figure, STATIC / "demo.webp"))


if __name__ == "__main__":
    main()
