"""Pictures to choose from: styles to learn, artists to call by name, scenes, and the truths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from inst_tutorial.world import HELD_OUT, STYLES, Scene, Style, paint, style_words

STYLE_SCENE = Scene("house", "meadow", colour="blue", trim="red", seed=4)
FIRST = ("lagoon", "starry", "ember")  # the others follow in the world's own order
CALLED = ("oil", "woodcut", "mosaic", "vortex", "blueprint", "watercolour")
CONTENTS = {
    "cat": Scene("cat", "meadow", colour="orange", trim="brown", seed=2),
    "lighthouse": Scene("lighthouse", "sea", colour="red", seed=1),
    "castle": Scene("castle", "mountains", colour="purple", seed=3),
    "owl": Scene("owl", "snow", colour="brown", seed=11),
    "sailboat": Scene("sailboat", "sea", light="sunset", colour="red", seed=12),
    "windmill": Scene("windmill", "meadow", colour="yellow", seed=13),
    "balloon": Scene("balloon", "desert", colour="purple", trim="yellow", seed=14),
    "rocket": Scene("rocket", "city", light="night", colour="red", seed=15),
}


def write_gallery(out: Path, artists: dict[str, Style], size: int) -> dict[str, Any]:
    """Paint all pictures into out/gallery; returns what paintbox.json says of them.

    Those that are read are without loss; a truth is only looked at.
    """
    (out / "gallery/truth").mkdir(parents=True)
    names = [*FIRST, *(name for name in HELD_OUT if name not in FIRST)]
    unseen = {name: HELD_OUT[name] for name in names}
    called = {
        name: artists[name] for name, style in _artists_of(artists).items() if style in CALLED
    }
    styles = [_style(out, size, name, style, None) for name, style in unseen.items()]
    styles += [_style(out, size, name, style, f"by {name}") for name, style in called.items()]
    contents = []
    for name, scene in CONTENTS.items():
        _save(paint(scene, size=size), out / f"gallery/{name}.webp")
        contents.append({"name": name, "label": _label(scene), "picture": f"gallery/{name}.webp"})
        for style_name, style in {**unseen, **called}.items():
            truth = paint(scene, style, size=size)
            _save(truth, out / f"gallery/truth/{name}-{style_name}.webp", lossy=True)
    return {"styles": styles, "contents": contents, "truth": "gallery/truth/{content}-{style}.webp"}


def _artists_of(artists: dict[str, Style]) -> dict[str, str]:
    """{an artist's name: the named style of training it paints in}, for those that have one."""
    return dict(zip(artists, STYLES, strict=False))


def _style(out: Path, size: int, name: str, style: Style, prompt: str | None) -> dict[str, Any]:
    """One style: its picture, and its prompt if the painter knows it by name."""
    path = f"gallery/style-{name}.webp"
    _save(paint(STYLE_SCENE, style, size=size), out / path)
    label = name.replace("-", " ")
    return {"name": name, "label": label, "picture": path, "prompt": prompt,
            "words": style_words(style)}  # fmt: skip


def _label(scene: Scene) -> str:
    return f"{scene.subject}, {scene.setting}"


def _save(picture: Image.Image, path: Path, lossy: bool = False) -> None:
    picture.save(path, quality=88 if lossy else 100, lossless=not lossy, method=6)
