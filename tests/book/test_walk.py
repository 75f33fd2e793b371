"""The walk of chapter 12, as on Colab: its cells run with a checkpoint and a museum's picture.

The checkpoint has the layout of Stable Diffusion 1.x, random weights and the size of a toy; the
museum is a stand-in that answers as The Met's record and picture file do.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tiny import toy_picture

CHAPTER = Path(__file__).parents[2] / "book/12_stable_diffusion.ipynb"
RECORD = "https://collectionapi.metmuseum.org/public/collection/v1/objects/436535"
PICTURE = "https://images.metmuseum.org/CRDImages/ep/web-large/DP-42549-001.jpg"


def cells() -> list[str]:
    notebook = nbformat.read(CHAPTER, as_version=4)
    return [cell.source for cell in notebook.cells if "walk" in cell.metadata.get("tags", [])]


class Museum:
    """Answers a request for the record, and for the picture that it names."""

    def __init__(self, public: bool = True) -> None:
        record = {"title": "Wheat", "isPublicDomain": public, "primaryImageSmall": PICTURE}
        file = io.BytesIO()
        toy_picture(seed=3, size=90).resize((120, 90)).save(file, "JPEG")
        self.answers = {RECORD: json.dumps(record).encode(), PICTURE: file.getvalue()}
        self.asked: list[str] = []

    def __call__(self, request: Any, timeout: float) -> io.BytesIO:
        assert request.get_header("User-agent")
        self.asked.append(request.full_url)
        return io.BytesIO(self.answers[request.full_url])


def walk(monkeypatch: pytest.MonkeyPatch, museum: Museum, painter: Path) -> dict[str, Any]:
    monkeypatch.setenv("INST_PAINTER", str(painter))
    monkeypatch.setattr("urllib.request.urlopen", museum)
    names: dict[str, Any] = {}
    for source in cells():
        exec(compile(source.replace("steps=500", "steps=6"), str(CHAPTER), "exec"), names)
    return names


@pytest.mark.slow
def test_the_walk_ends_with_pictures_and_a_word(monkeypatch, sd1_folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    museum = Museum()
    names = walk(monkeypatch, museum, sd1_folder)
    assert museum.asked == [RECORD, PICTURE]
    assert names["painter"].source == str(sd1_folder)
    assert names["settings"].batch == 4 and names["word"].info["painter"] == str(sd1_folder)
    assert [p.size for p in (names["style"], names["content"], *names["repainted"])] == [
        (32, 32)
    ] * 5
    pipeline = StableDiffusionPipeline.from_pretrained(sd1_folder, safety_checker=None)
    pipeline.load_textual_inversion(
        names["exported"].parent, weight_name=names["exported"].name, token="<cypresses>"
    )
    assert "<cypresses>" in pipeline.tokenizer.get_vocab()


@pytest.mark.slow
def test_a_work_that_is_not_in_the_public_domain_is_refused(monkeypatch, sd1_folder: Path) -> None:
    with pytest.raises(AssertionError, match="Wheat is not in the public domain"):
        walk(monkeypatch, Museum(public=False), sd1_folder)


def test_the_chapter_fills_its_tables_with_what_was_measured() -> None:
    """And names the rest in one sentence, without an empty table."""
    from IPython.display import Markdown

    notebook = nbformat.read(CHAPTER, as_version=4)
    (source,) = [c.source for c in notebook.cells if "def gpu_tables" in c.source]
    names: dict[str, Any] = {"json": json, "Markdown": Markdown}
    exec(compile(source, str(CHAPTER), "exec"), names)
    names["measured"] = {"rows": [], "goals": [{"goal": "g", "found": None, "verdict": None}]}
    empty = names["gpu_tables"]().data
    assert "|" not in empty and empty.startswith("Not measured yet, because no GPU was at hand: a")
    step = {"median_s": 0.04, "share_of_matmul": 0.42, "peak_gb": 20.5, "words_an_hour": 180.0}
    common = {"layout": "sd15", "stage": "learning"}
    names["measured"] = {
        "rows": [
            {**common, "name": "batch 8", **step},
            {**common, "name": "batch 16", "failed": "out of memory: CUDA"},
            {"layout": "sd21", "stage": "together", "name": "2 words", **step},
        ],
        "goals": [{"goal": "speed, at least 0.4", "found": 0.42, "verdict": "met"}],
    }
    full = names["gpu_tables"]().data
    assert "| 1.5, 512 pixels | batch 8 | 40 | 42 % | 20.5 |" in full
    assert "| 1.5, 512 pixels | batch 16 | out of memory: CUDA |" in full
    assert "| 2.1, 768 pixels | 2 words | 40 | 5.6 | 0.7 |" in full
    assert "| speed, at least 0.4 | 0.42 | met |" in full
    assert full.endswith("the step at batch 1 with less memory.") and "a learning step;" not in full
