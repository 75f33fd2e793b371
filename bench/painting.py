"""How fast the world paints, beside another commit, and whether it paints the same bytes.

    python -m bench.painting                     # what changed since the last commit?
    python -m bench.painting --commit main~20

Two processes, one with the package as it is and one with that commit's, paint the same scenes
in turn, so that a busy moment disturbs both. A pair is a painting and the photograph of its scene,
as a training takes them. Seconds are of processor time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from inst_tutorial.pretraining.settings import BROAD_SHARES
from inst_tutorial.world import HELD_OUT, STYLES, Scene, sample_example

ROOT = Path(__file__).parents[1]
PROGRAM = Path(__file__).with_name("painting_process.py")


def examples(count: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every named style once, then examples in the shares of the training."""
    styles = [*STYLES.values(), *HELD_OUT.values()]
    named = [(Scene.sample(i), style) for i, style in enumerate(styles)]
    drawn = [sample_example(seed, BROAD_SHARES)[:2] for seed in range(2 * count)]
    painted = [(scene, style) for scene, style in drawn if style is not None]
    return [(asdict(scene), asdict(style)) for scene, style in (named + painted)[:count]]


class PaintingProcess:
    """A process that paints with the package in a folder."""

    def __init__(self, folder: Path, work: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)],  # its folder stays off the path
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )
        self._send(work)

    def paint(self) -> tuple[float, str]:
        """Seconds for all examples, and the digest of all bytes."""
        self._send("again")
        assert self.process.stdout is not None
        seconds, digest = json.loads(self.process.stdout.readline())
        return seconds, digest

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def unpack(commit: str, folder: Path) -> Path:
    """The package at a commit, in a folder."""
    archive = subprocess.run(
        ["git", "archive", commit, "inst_tutorial"], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def main(
    commit: Annotated[str, typer.Option(help="What to compare with.")] = "HEAD",
    count: Annotated[int, typer.Option(min=1, help="Pairs a round.")] = 120,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after one to warm up.")] = 5,
) -> None:
    """Paint in turn, then print milliseconds a pair, their ratio, and whether bytes agree."""
    work = json.dumps(examples(count))
    with tempfile.TemporaryDirectory() as temporary:
        processes = {"old": PaintingProcess(unpack(commit, Path(temporary)), work)}
        processes["new"] = PaintingProcess(ROOT, work)
        laps = [{name: one.paint() for name, one in processes.items()} for _ in range(rounds + 1)]
        for one in processes.values():
            one.stop()
    seconds = {name: [lap[name][0] for lap in laps[1:]] for name in processes}
    for name, values in seconds.items():
        print(f"{name}: {1000 * statistics.median(values) / count:.1f} ms a pair")
    ratios = [old / new for old, new in zip(seconds["old"], seconds["new"], strict=True)]
    print(f"faster by {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    same = all(lap["old"][1] == lap["new"][1] for lap in laps)
    print(f"same bytes: {'yes' if same else 'NO'}")
    raise typer.Exit(0 if same else 1)


if __name__ == "__main__":
    typer.run(main)
