"""The painter in the reader's browser: a directive, and the files that it needs.

    ```{painter} learn
    A caption of the still picture that stands there without the painter.
    ```

The argument is a widget of web/src/page.js: studio, learn or inversion. The page shows a still
picture and a command of `inst` until the painter takes their place; where it cannot (no
JavaScript, an old browser, a file opened without a server, paper), they stay. The folder of the
painter is made by tools/onnx_export, once for the same weights, and copied into the pages.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from inst_languages import english_site
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
FOLDER = "_static/painter"
STILL = "_static/painter-still.webp"
NEEDED = ("onnx", "onnxscript")
COMMANDS = {
    "studio": "inst transfer photo.png --word word.safetensors",
    "learn": "inst learn style.png --kind free --steps 60",
    "inversion": "inst transfer photo.png --word word.safetensors --inversion ddim",
}
TEXT = """
<section class="inst-painter" data-widget="{widget}" data-root="{folder}/">
<figure><img src="{still}" alt="{alt}" width="600" height="200">
<figcaption>{caption}</figcaption></figure>
<p class="ip-hint">{hint}</p>
</section>
"""
ALT = (
    "A photograph of a cat in a meadow, a painting in the style called lagoon, "
    "and the cat repainted in that style"
)
HINT = (
    "On a web page with JavaScript, the painter itself stands here. "
    "On your own machine the same is done by %s."
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("painter", PainterDirective)
    app.connect("html-page-context", _scripts)
    app.connect("build-finished", _copy_painter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class PainterDirective(SphinxDirective):
    """A widget of the painter; the content is the caption of its still picture."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The widget's place, as HTML."""
        widget = self.arguments[0]
        if widget not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise self.error(f"there is no widget {widget!r} of the painter: choose {known}")
        up = "/".join([".."] * self.env.docname.count("/")) or "."
        root = f"{up}/{english_site(self.env.app)}".rstrip("/")
        text = html(widget, " ".join(self.content), f"{root}/{FOLDER}", f"{root}/{STILL}")
        return [nodes.raw("", text, format="html", classes=["inst-painter-place"])]


def html(widget: str, caption: str, folder: str, still: str) -> str:
    """A widget's place: what stands there until the painter does, and where that lies."""
    hint = _(HINT) % f"<code>{COMMANDS[widget]}</code>"
    places = dict(widget=widget, folder=folder, still=still)
    return TEXT.format(**places, alt=_(ALT), caption=caption, hint=hint)


def _scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the app to the pages that have a widget."""
    if doctree and any(
        "inst-painter-place" in raw["classes"] for raw in doctree.findall(nodes.raw)
    ):
        site = "../../_static/" if english_site(app) else ""
        app.add_css_file(f"{site}painter/app/painter.css")
        app.add_js_file(f"{site}painter/app/page.js", type="module")


def _copy_painter(app: Sphinx, error: Exception | None) -> None:
    """Put painter and app into the built pages."""
    if error or app.builder.name != "html" or english_site(app):
        return
    target = Path(app.outdir, FOLDER)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "web/src", target / "app", ignore=shutil.ignore_patterns("*.d.ts"))
    if all(map(importlib.util.find_spec, NEEDED)):
        shutil.copytree(_exported(), target, dirs_exist_ok=True)
    else:
        logging.getLogger(__name__).info(
            "the pages have no painter: it needs the packages of the extra 'web'"
        )


def _exported() -> Path:
    """The painter's folder, made anew if it is not up to date."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from export_onnx import OUT
        from onnx_export.export import export_all

        export_all(OUT)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return OUT
