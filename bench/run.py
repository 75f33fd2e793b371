"""What things cost on this machine, beside what people would use instead.

    make bench        # or: python bench/run.py --out bench/results.json

Every figure is the median of several runs with its spread; where two programs are compared they
take turns in one process, so that a busy machine disturbs both. Nothing here is a test.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.painter import PAINTBOX, Painter
from inst_tutorial.transfer import TransferSettings, draw, transfer
from inst_tutorial.world import HELD_OUT, STYLES, Scene, paint

Result = dict[str, Any]
CONTENT = Scene("lighthouse", "sea", seed=5)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, the device's queue included."""
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternate(works: dict[str, Callable[[], object]], runs: int) -> Result:
    """Each work once to warm up, then `runs` times in turn: median, least and most seconds."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: summary(values) for name, values in times.items()}


def summary(values: list[float]) -> Result:
    """Median and spread."""
    return {
        "median_s": round(statistics.median(values), 4),
        "least_s": round(min(values), 4),
        "most_s": round(max(values), 4),
        "runs": len(values),
    }


def in_new_process(code: str, runs: int) -> Result:
    """Seconds that a new Python takes for `code`, less those for nothing."""

    def run(text: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", text], check=True))

    run(code)
    return summary([max(run(code) - run("pass"), 0.0) for _ in range(runs)])


def world(runs: int) -> Result:
    """Painting: the photograph, and every named style once over."""
    styles = {**STYLES, **HELD_OUT}

    def every_style() -> None:
        for style in styles.values():
            paint(CONTENT, style)

    result = alternate({"photograph": lambda: paint(CONTENT), "all styles": every_style}, runs)
    result["all styles"]["pictures"] = len(styles)
    return result


def repainting(painter: Painter, runs: int) -> Result:
    """Our transfer without a word (img2img) against diffusers' pipeline: same parts, steps,
    strength, guidance and picture."""
    from diffusers import StableDiffusionImg2ImgPipeline

    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(PAINTBOX).to(painter.device)
    pipeline.set_progress_bar_config(disable=True)
    content, prompt = paint(CONTENT), "an oil painting with long swirling strokes in navy and blue"
    settings = TransferSettings(prompt=prompt, inversion="noise")

    def theirs() -> None:
        pipeline(
            prompt,
            image=content,
            strength=settings.strength,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
        )

    ours = {"ours": lambda: transfer(painter, content, None, settings), "diffusers": theirs}
    stochastic = TransferSettings(prompt=prompt)
    ours["ours, stochastic inversion"] = lambda: transfer(painter, content, None, stochastic)
    result = alternate(ours, runs)
    result["ratio ours / diffusers"] = round(
        result["ours"]["median_s"] / result["diffusers"]["median_s"], 3
    )
    return result


def learning(painter: Painter, runs: int) -> Result:
    """Ten learning steps, evaluation and encoding of the picture included."""
    picture = paint(CONTENT, HELD_OUT["starry"])
    settings = LearningSettings(steps=10, evaluate_every=10)
    result = alternate(
        {"10 steps": lambda: learn(painter, picture, settings, progress=False)}, runs
    )
    result["batch"] = settings.batch
    return result


def main(
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path("bench/results.json"),
    runs: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Measure, print, and write."""
    painter = Painter.load("paintbox")
    results: Result = {
        "machine": {
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
            "device": str(painter.device),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "import inst_tutorial": in_new_process("import inst_tutorial", runs),
        "load Paintbox": alternate({"load": lambda: Painter.load("paintbox")}, runs)["load"],
        "world": world(runs),
        "draw, 20 guided steps": alternate(
            {"draw": lambda: draw(painter, "a photo of a cat")}, runs
        )["draw"],
        "repaint": repainting(painter, runs),
        "learn": learning(painter, runs),
    }
    text = json.dumps(results, indent=2)
    print(text)
    out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
