"""Pictures to choose from: styles to learn, artists to call by name, scenes, and the truths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from inst_tutorial.world import Scene, Style, paint
from inst_tutorial.world.gallery import (
    CONTENT_SCENES,
    STYLE_SCENE,
    styles_of_artists,
    unseen_styles,
)


def write_gallery(out: Path, size: int, words: Mapping[str, Any]) -> dict[str, Any]:
    """Paint all pictures into out/gallery; returns what paintbox.json says of them.

    words {name of a style: what to say of the word that comes with the painter}.
    Those that are read are without loss; a truth is only looked at.
    """
    (out / "gallery/truth").mkdir(parents=True)
    unseen, called = unseen_styles(), styles_of_artists()
    styles = [_style(out, size, name, style, None) for name, style in unseen.items()]
    styles += [_style(out, size, name, style, f"by {name}") for name, style in called.items()]
    styles = [{**style, "word": words.get(style["name"])} for style in styles]
    contents = []
    for name, scene in CONTENT_SCENES.items():
        _save(paint(scene, size=size), out / f"gallery/{name}.webp")
        contents.append({"name": name, "label": _label(scene), "picture": f"gallery/{name}.webp"})
        for style_name, style in {**unseen, **called}.items():
            truth = paint(scene, style, size=size)
            _save(truth, out / f"gallery/truth/{name}-{style_name}.webp", lossy=True)
    return {"styles": styles, "contents": contents, "truth": "gallery/truth/{content}-{style}.webp"}


def _style(out: Path, size: int, name: str, style: Style, prompt: str | None) -> dict[str, Any]:
    """One style: its picture, and its prompt if the painter knows it by name."""
    path = f"gallery/style-{name}.webp"
    _save(paint(STYLE_SCENE, style, size=size), out / path)
    label = name.replace("-", " ")
    return {"name": name, "label": label, "picture": path, "prompt": prompt}


def _label(scene: Scene) -> str:
    return f"{scene.subject}, {scene.setting}"


def _save(picture: Image.Image, path: Path, lossy: bool = False) -> None:
    picture.save(path, quality=88 if lossy else 100, lossless=not lossy, method=6)
