"""The folder that a page of the book reads: graphs, weights, pictures, and paintbox.json.

paintbox.json                    sizes, schedule, vocabulary, pictures; every file's sha256
text.onnx ... learn.onnx         the graphs
unet/ vae/ text_encoder/         the painter's own files, which the graphs point into
gallery/                         pictures to choose from
words/                           learned words that come with the painter, as they are
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

import inst_tutorial
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_names
from inst_tutorial.words import Word
from onnx_export import graphs, weights
from onnx_export.gallery import write_gallery

MANIFEST = "paintbox.json"
START = "painting"  # where a learned word starts from
RUNTIME = Path(__file__).parents[2] / "web/vendor/onnxruntime-web"
PROGRAMS = ("parts", "reverse", "graphs", "weights")  # what the graphs depend on
DESCRIBED = ("noise_schedule", "painter", "shipped_words", "words")  # what paintbox.json tells of
PACKAGES = ("diffusers", "onnx", "onnxscript", "torch", "transformers")


def export_all(out: Path, folder: Path = PAINTBOX) -> bool:
    """Write the folder `out` for the painter at `folder`, whole or not at all.

    False, at once, if `out` was made of the same files already. Raises ExportError.
    """
    made_of = fingerprints(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{out}.lock"), tempfile.TemporaryDirectory(dir=out.parent) as beside:
        if read_manifest(out).get("made_of") == made_of:
            return False
        whole = Path(beside, out.name)
        _write(whole, out, folder, made_of)
        shutil.rmtree(out, ignore_errors=True)
        whole.rename(out)
    return True


def read_manifest(out: Path) -> dict[str, Any]:
    """What paintbox.json says; empty if the file does not exist."""
    path = out / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def fingerprints(folder: Path) -> dict[str, str]:
    """Equal for exports that would be equal: of the same painter and world by the same programs."""
    here, package = Path(__file__).parent, Path(inst_tutorial.__file__).parent
    words = set(folder.glob("words/*.safetensors"))
    parts = {*folder.glob("*/*.safetensors"), *folder.rglob("*.json")} - words
    rest = {*words, *package.glob("world/*.py"), *here.glob("*.py"), *RUNTIME.iterdir()}
    rest |= {package / f"{name}.py" for name in DESCRIBED}
    return {
        "graphs": _digest([*sorted(parts), *(here / f"{name}.py" for name in PROGRAMS)]),
        "rest": _digest(sorted(rest), inst_tutorial.__version__),
    }


def _digest(paths: list[Path], release: str = "") -> str:
    packages = {name: version(name) for name in PACKAGES}
    digest = hashlib.sha256((json.dumps(packages) + release).encode())
    for path in paths:
        digest.update(f"{path.name} {weights.sha256(path)}\n".encode())
    return digest.hexdigest()


def _write(out: Path, old: Path, folder: Path, made_of: dict[str, str]) -> None:
    """Everything, into a new folder; the graphs of an old one, if they would be the same."""
    out.mkdir()
    painter = Painter.load(folder, device="cpu")
    before = read_manifest(old)
    if before.get("made_of", {}).get("graphs") == made_of["graphs"]:
        made = before["graphs"]
        for entry in made.values():
            shutil.copyfile(old / entry["graph"], out / entry["graph"])
    else:
        made = _export_graphs(out, painter, folder)
    for file in {file for entry in made.values() for file in entry["weights"]}:
        (out / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / file, out / file)
    shutil.copytree(RUNTIME, out / "runtime")
    words = copy_words(out, folder)
    runtime = [f"runtime/{path.name}" for path in RUNTIME.glob("ort*")]
    manifest = {
        "made_of": made_of,
        "graphs": made,
        "files": {name: _facts(out / name) for name in _files(made, words, runtime)},
        **describe(painter),
        "gallery": write_gallery(out, painter.picture_size, words),
    }
    (out / MANIFEST).write_text(json.dumps(manifest, separators=(",", ":")), encoding="utf-8")


def _export_graphs(out: Path, painter: Painter, folder: Path) -> dict[str, Any]:
    """{name: {"graph": its file, "weights": the files it points into}}."""
    if painter.schedule.prediction_type != "epsilon":
        raise weights.ExportError(
            f"the painter predicts {painter.schedule.prediction_type!r}; the browser's sampling "
            f"reads 'epsilon' only"
        )
    made = {}
    for part in graphs.parts(painter):
        name = f"{part.name}.onnx"
        made[part.name] = {"graph": name, "weights": graphs.export(part, out / name, folder)}
    return made


def copy_words(out: Path, folder: Path) -> dict[str, Any]:
    """Put the painter's learned words into out/words, as they are; {name: file, and steps}."""
    (out / "words").mkdir()
    words = {}
    for name in shipped_names(folder / "words"):
        file = f"words/{name}.safetensors"
        shutil.copyfile(folder / file, out / file)
        words[name] = {"file": file, "steps": Word.load(out / file).info["steps"]}
    return words


def _files(made: dict[str, Any], words: dict[str, Any], runtime: list[str]) -> list[str]:
    """All files that a page checks when it has fetched them."""
    names = {name for entry in made.values() for name in (entry["graph"], *entry["weights"])}
    return [*sorted(names), *sorted(runtime), *(word["file"] for word in words.values())]


def _facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": weights.sha256(path)}


def describe(painter: Painter) -> dict[str, Any]:
    """What a program must know of a painter besides its graphs, as JSON."""
    schedule, tokenizer = painter.schedule, painter.tokenizer
    return {
        "version": inst_tutorial.__version__,
        "fingerprint": painter.fingerprint(),
        "picture_size": painter.picture_size,
        "latent": list(painter.latent_shape),
        "batch": graphs.BATCH,
        "text": {
            "length": painter.text_length,
            "width": painter.text_width,
            "begin": tokenizer.bos_token_id,
            "end": tokenizer.eos_token_id,
            "pad": tokenizer.pad_token_id,
            "vocabulary": vocabulary(painter),
        },
        "start": {"text": START, "vector": painter.vectors_of(START)[0].tolist()},
        "schedule": {
            "alphas": schedule.alphas_cumprod.tolist(),
            "final": schedule.final_alpha,
            "offset": schedule.steps_offset,
            "coarse_level": schedule.coarse_level,
        },
        "probe": probe(painter),
    }


def probe(painter: Painter, t: int = 500, count: int = 32) -> dict[str, Any]:
    """The first numbers of the noise seen in a ramp from -1 to 1, without a prompt: a graphics
    processor is used only if it comes to the same."""
    c, h, w = painter.latent_shape
    ramp = torch.linspace(-1, 1, c * h * w).view(1, c, h, w)
    with torch.no_grad():
        eps = painter.predict_noise(ramp, t, painter.embed(""))  # (1, c, h, w)
    return {"t": t, "eps": eps.flatten()[:count].tolist()}


def vocabulary(painter: Painter) -> dict[str, int]:
    """The words that can stand in a prompt, and their numbers."""
    special = set(painter.tokenizer.all_special_ids)
    words = painter.tokenizer.get_vocab().items()
    return {word: id_ for word, id_ in sorted(words, key=lambda w: w[1]) if id_ not in special}
