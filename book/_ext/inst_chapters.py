"""Chapters are called by their numbers: {doc}`05_textual_inversion` reads "Chapter 5".

The title shows when the pointer rests on the link. In a table's cell that holds nothing but links
the title is written out, "5. Learning a word by hand". Pages without a number keep their title.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join
from sphinx.util.nodes import make_refnode


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(ChapterLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class ChapterLinks(SphinxPostTransform):
    """Resolves links to numbered chapters, before Sphinx would give them their titles."""

    default_priority = 5

    def run(self, **options: Any) -> None:
        """Replace each such link of a page."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link["reftype"] == "doc" and not link["refexplicit"]:
                page = docname_join(link.get("refdoc", self.env.docname), link["reftarget"])
                if numbers := self.env.toc_secnumbers.get(page, {}).get(""):
                    link.replace_self(self.named(link, page, numbers[0]))

    def named(self, link: addnodes.pending_xref, page: str, number: int) -> nodes.reference:
        """The link to a chapter, under its number."""
        title = self.env.titles[page].astext()
        called = _("Chapter %s") % number
        text = f"{number}. {title}" if only_links(link) else called
        inner = nodes.inline(text, text, classes=["doc"])
        here, builder = self.env.docname, self.app.builder
        return make_refnode(builder, here, page, "", inner, f"{called}. {title}")


def only_links(link: nodes.Node) -> bool:
    """Whether a link stands in a table's cell that has no other words."""
    paragraph = link.parent
    words = [node.astext() for node in paragraph.children if isinstance(node, nodes.Text)]
    return isinstance(paragraph.parent, nodes.entry) and not "".join(words).strip(", ")
