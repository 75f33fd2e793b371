"""Diagrams of the book, drawn by tools/diagrams: each page shows the file that fits the reader.

A page names a diagram's first file, _static/diagrams/NAME.svg, in a figure. Beside it lie -dark,
for dark pages, -narrow, for phones, and -narrow-dark. The text for readers who do not see it is
the drawing's own.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx

FOLDER = "_static/diagrams"
PHONE = "(max-width: 576px)"
SVG = "{http://www.w3.org/2000/svg}"
TEXT = (
    '<picture class="{only}"><source media="{phone}" srcset="{file}-narrow{dark}.svg">'
    '<img class="dark-light" src="{file}{dark}.svg" alt="{alt}" width="{width}" height="{height}">'
    "</picture>"
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-read", _describe)
    app.connect("doctree-resolved", _show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _diagrams(doctree: nodes.document) -> list[nodes.image]:
    """The images of a page that are diagrams."""
    return [image for image in doctree.findall(nodes.image) if f"{FOLDER}/" in image["uri"]]


def _drawing(app: Sphinx, image: nodes.image) -> ElementTree.Element:
    """The drawing in an image's file."""
    return ElementTree.parse(Path(app.srcdir, image["uri"])).getroot()


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    """Take the words for a diagram from its file, where the page has none."""
    for image in _diagrams(doctree):
        image.setdefault("alt", _drawing(app, image).findtext(f"{SVG}desc"))


def _show(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """On web pages: the diagram twice, of which the page's theme hides one."""
    if app.builder.format != "html":
        return
    root = "/".join([".."] * page.count("/")) or "."
    for image in _diagrams(doctree):
        drawing = _drawing(app, image)
        facts: dict[str, Any] = {
            "file": f"{root}/{FOLDER}/{Path(image['uri']).stem}",
            "phone": PHONE,
            "alt": escape(image["alt"]),
            "width": drawing.get("width"),
            "height": drawing.get("height"),
        }
        both = [
            TEXT.format(only=only, dark=dark, **facts)
            for only, dark in (("only-light", ""), ("only-dark", "-dark"))
        ]
        # The theme hides captions beside what it hides; so the pictures are a level deeper.
        text = f'<div class="inst-diagram">{"".join(both)}</div>'
        image.replace_self(nodes.raw("", text, format="html"))
