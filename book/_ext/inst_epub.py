"""The EPUB, `make epub`: its readers take well-formed XML only, and run no scripts.

So of a viewer its first picture is left, with a note that the web page has more, and of a diagram
the one on white. Styles and fonts that serve the web pages alone are not packed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder

UNSEEN = "script, style, .ip-hint, .only-dark"
STILL = "Here one picture stands still. On the web page of the book, controls change it."
STYLES = ("pygments.css", "epub.css", "sphinx-design.min.css", "book.css", "ereader.css")
FOR_WEB = ("vendor/**/*", "diagrams/*-dark.svg", "card.jpg")
PAGE = re.compile(r'<item ([^>]*href="([^"]+)"[^>]*application/xhtml[+]xml") ?/>')


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_builder(Builder, override=True)
    app.connect("builder-inited", _leave_out)
    app.connect("doctree-resolved", _for_readers, priority=900)  # behind those that add pieces
    app.connect("html-page-context", _styles, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Builder(Epub3Builder):
    """Sphinx's builder, with the numbers of chapters and what EPUB 3 asks about formulas."""

    def get_toc(self) -> None:
        """Collect the entries of the menu: each chapter with its number."""
        super().get_toc()
        for entry in self.refnodes:
            numbers = self.env.toc_secnumbers.get(entry["refuri"].removesuffix(self.out_suffix))
            if numbers:
                entry["text"] = f"{'.'.join(map(str, numbers['']))}. {entry['text']}"

    def build_content(self) -> None:
        """Write content.opf, which names the pages with formulas."""
        super().build_content()
        path = Path(self.outdir, "content.opf")
        path.write_text(PAGE.sub(self._declared, path.read_text("utf-8")), encoding="utf-8")

    def _declared(self, item: re.Match[str]) -> str:
        has_formulas = "<math " in Path(self.outdir, item[2]).read_text("utf-8")
        return f'<item {item[1]} properties="mathml" />' if has_formulas else item[0]


def well_formed(text: str, site: str = "") -> str:
    """A piece of HTML as XML, without what an e-reader cannot show.

    Links to parts of the book's `site` that are no pages of the EPUB become links to the site.
    """
    piece = BeautifulSoup(text, "html.parser")
    for part in piece.select(UNSEEN):
        part.decompose()
    for hint in piece.select(".inst-view-hint em"):
        hint.string = STILL
    for link in piece.select('a[href^="../"][href$=".html"]'):
        link["href"] = site + str(link["href"]).removeprefix("../")
    return str(piece)


def _leave_out(app: Sphinx) -> None:
    """Pack no file of _static that serves the web pages alone."""
    if app.builder.name == "epub":
        folders = [Path(app.confdir, folder) for folder in app.config.html_static_path]
        found = [(folder, path) for folder in folders for p in FOR_WEB for path in folder.glob(p)]
        names = [f"_static/{path.relative_to(folder).as_posix()}" for folder, path in found]
        app.config.epub_exclude_files = [*app.config.epub_exclude_files, *names]


def _for_readers(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn each piece of HTML on a page into XML."""
    if app.builder.name == "epub":
        for raw in doctree.findall(nodes.raw):
            if raw["format"] == "html":
                raw.children[:] = [nodes.Text(well_formed(raw.astext(), app.config.html_baseurl))]


def _styles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Link to no style of a script, such as a copy button."""
    if app.builder.name == "epub":
        files = context["css_files"]
        context["css_files"] = [file for file in files if Path(str(file.filename)).name in STYLES]
