"""The EPUB, `make epub`: its readers take well-formed XML only, and run no scripts.

So of a viewer its first picture is left, of a diagram the one on white.
"""

from __future__ import annotations

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx

UNSEEN = "script, style, .inst-view-hint, .ip-hint, .only-dark"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", _for_readers, priority=900)  # behind those that add pieces
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def well_formed(text: str) -> str:
    """A piece of HTML as XML, without what an e-reader cannot show."""
    piece = BeautifulSoup(text, "html.parser")
    for part in piece.select(UNSEEN):
        part.decompose()
    return str(piece)


def _for_readers(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn each piece of HTML on a page into XML."""
    if app.builder.name == "epub":
        for raw in doctree.findall(nodes.raw):
            if raw["format"] == "html":
                raw.children[:] = [nodes.Text(well_formed(raw.astext()))]
