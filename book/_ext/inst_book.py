"""What the book asks of Sphinx beyond its settings: four small things.

- A social card: the tags by which a link to a page shows its title and a picture.
- Pictures from cells have one scale: figures as matplotlib measured them, small ones doubled.
- Code cells link to the API page (sphinx-codeautolink). It expects each section to have a
  title; proofs and exercises are sections without one. And it expects that types can be read;
  some of Pillow's exist for type checkers only.
- Thebe's scripts, which name an outside server and which no page uses, are left out.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, get_type_hints

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx_codeautolink.extension import block, resolve

CARD = "_static/card.jpg"
FIGURE_SCALE = 96 / 144  # a page's pixels an inch, by those of inst.mplstyle
SMALL = 200


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    block.CodeBlockAnalyser.depart_section = _depart_section
    resolve.get_type_hints = _type_hints
    app.connect("doctree-read", _scale_pictures)
    app.connect("html-page-context", _social_card)
    app.connect("html-page-context", _without_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _depart_section(analyser: Any, node: nodes.section) -> None:
    """Forget the title of a section that ends, if it had one."""
    if any(isinstance(child, nodes.title) for child in node.children):
        analyser.title_stack.pop()


def _type_hints(thing: Any) -> dict[str, Any]:
    """The types of a thing's parts, or none where they cannot be read."""
    try:
        return get_type_hints(thing)
    except (AttributeError, NameError, TypeError):
        return {}


def _scale_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Give each picture that a cell printed its width on the page."""
    containers = [
        node for node in doctree.findall(nodes.container) if "cell_output" in node["classes"]
    ]
    for image in (image for output in containers for image in output.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if "width" not in image and path.is_file():
            with Image.open(path) as picture:
                scale = 2 if picture.width < SMALL else FIGURE_SCALE
                image["width"] = f"{round(picture.width * scale)}px"


def _social_card(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the tags of the Open Graph protocol to a page."""
    if doctree is None or app.builder.name != "html":
        return
    base = app.config.html_baseurl.rstrip("/")
    first = next((p.astext() for p in doctree.findall(nodes.paragraph)), "")
    tags = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": context.get("title", ""),
        "og:description": _shortened(first),
        "og:url": f"{base}/{page}.html",
        "og:image": f"{base}/{CARD}",
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": "One scene of the book, as a photograph and in eleven styles",
    }
    lines = [f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items()]
    lines += ['<meta name="twitter:card" content="summary_large_image">']
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def _without_thebe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Drop Thebe's scripts."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{script} {getattr(script, 'attributes', {})}".lower()
    ]


def _shortened(text: str, longest: int = 200) -> str:
    words = " ".join(text.split())
    return words if len(words) <= longest else words[:longest].rsplit(" ", 1)[0] + " …"
