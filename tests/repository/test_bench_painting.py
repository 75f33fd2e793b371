"""The comparison of two commits' painting: the process that is started for each."""

from __future__ import annotations

import hashlib
import json

import pytest

from bench.painting import ROOT, PaintingProcess, examples
from inst_tutorial.world import Scene, Style, paint


@pytest.mark.slow
def test_a_process_paints_the_same_bytes_again_and_again() -> None:
    work = examples(2)
    process = PaintingProcess(ROOT, json.dumps(work))
    try:
        (seconds, first), (_, second) = process.paint(), process.paint()
    finally:
        process.stop()
    digest = hashlib.sha256()
    for scene, style in work:
        digest.update(paint(Scene(**scene), Style(**style)).tobytes())
        digest.update(paint(Scene(**scene)).tobytes())
    assert first == second == digest.hexdigest() and seconds > 0
