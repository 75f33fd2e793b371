"""Paints examples over and over: the process that `bench.painting` starts for each commit.

It reads the examples from its first line, then paints all of them for each further line, and prints
the seconds and the digest of all bytes. The package is that of the folder in `PYTHONPATH`. What an
old commit lacks is left out, or done as that commit did it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from PIL.Image import Image

from inst_tutorial import world
from inst_tutorial.world import Scene, Style, paint

Pair = Callable[[Scene, Style], tuple[Image, Image]]


def main() -> None:
    """Answer every line of the standard input."""
    prepare()
    pair: Pair = getattr(world, "paint_and_photograph", one_by_one)
    given = json.loads(sys.stdin.readline())
    examples = [(Scene(**scene), Style(**style)) for scene, style in given]
    for _ in sys.stdin:
        print(json.dumps(painted(pair, examples)), flush=True)


def prepare() -> None:
    """What a process of the training does before it paints, by its name now or by an older one."""
    with suppress(ImportError):
        from inst_tutorial.pretraining.data import painting

        for name in ("prepare_painting_process", "prepare_painter"):
            getattr(painting, name, nothing)()


def nothing() -> None:
    """What stands for a function that a commit lacks."""


def one_by_one(scene: Scene, style: Style) -> tuple[Image, Image]:
    """A painting and the photograph of its scene, where a commit does not make both at once."""
    return paint(scene, style), paint(scene)


def painted(pair: Pair, examples: Sequence[tuple[Scene, Style]]) -> tuple[float, str]:
    """Seconds of processor time for all examples, and the digest of all bytes."""
    digest, start = hashlib.sha256(), time.process_time()
    for scene, style in examples:
        for picture in pair(scene, style):
            digest.update(picture.tobytes())
    return time.process_time() - start, digest.hexdigest()


if __name__ == "__main__":
    main()
