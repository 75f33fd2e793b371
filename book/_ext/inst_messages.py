"""What of a page is translated: the messages, which are the entries of its catalogue.

Sphinx's own transform `Locale` takes each message from locale/<language>/LC_MESSAGES/<page>.po.
Four things of this book need help:

- display formulas are no messages: they are the same in all languages;
- of an exercise's heading ("Exercise 6.1 (A fair race)") the title is one, and is no node of its
  own kind for Sphinx;
- a glued value in a translated text is taken from the page that the text stands in;
- glued values that are words, captions within the HTML of viewers, and the names of the book's
  parts are messages, too: they come from code, or from the table of contents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.ext.glue.crossref import ReplacePendingGlueReferences
from myst_nb.ext.glue.roles import PasteTextRole
from myst_nb.ext.glue.utils import create_pending_glue_ref
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.locale import init as catalogue
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.i18n import docname_to_domain
from sphinx.util.nodes import extract_messages
from sphinx_exercise.nodes import (
    exercise_subtitle,
    exercise_title,
    solution_node,
    solution_title,
)

LOCALE = 20  # the priority of Sphinx's transform
CAPTION = re.compile(r"(?<=<figcaption>)[^<]+(?=</figcaption>)")
CAPTION_FOR_SCRIPT = re.compile(r'(?<="caption":)"(?:[^"\\]|\\.)*"')  # the viewer's own copy
WORD = re.compile(r"[A-Za-z]{2,}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    for transform in (Prepare, Collect, TranslateRest):
        app.add_transform(transform)
    app.add_post_transform(TranslateGlued)
    app.add_role_to_domain("glue", "text", GluedText(), override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Prepare(SphinxTransform):
    """Mark what Sphinx would translate in vain, and what it would miss."""

    default_priority = LOCALE - 15

    def apply(self, **options: Any) -> None:
        """Mark formulas and the headings of exercises and solutions."""
        for kind in (nodes.math_block, exercise_title, solution_title):
            for node in self.document.findall(kind):
                node["translatable"] = False
        for title in self.document.findall(exercise_subtitle):
            title.source, title.line = self.document["source"], 0
            title.rawsource = "".join(map(as_markdown, title.children))


class Collect(SphinxTransform):
    """Keep the messages of a page, just as `Locale` will look them up, in document["messages"]."""

    default_priority = LOCALE - 1

    def apply(self, **options: Any) -> None:
        """Collect them in order."""
        self.document["messages"] = [message for _, message in extract_messages(self.document)]


class TranslateRest(SphinxTransform):
    """Messages that Sphinx does not know: captions in HTML, parts of the book, glued words."""

    default_priority = 110  # the parts are inserted at 100

    def apply(self, **options: Any) -> None:
        """Collect them and translate them."""
        found: list[str] = self.document["messages"]
        translated = translation(self)

        def replace(message: str) -> str:
            found.append(message)
            return translated(message)

        for solution in self.document.findall(solution_node):
            solution["title"] = _(solution["title"])  # which sphinx-exercise has in few languages
        for part in self.document.findall(addnodes.toctree):
            if part.get("caption"):
                part["caption"] = part["rawcaption"] = replace(part["caption"])
        for html in self.document.findall(nodes.raw):
            with_captions(html, replace)
        found += [text.astext() for text in glued(self.document) if WORD.search(text.astext())]


def with_captions(html: nodes.raw, replace: Callable[[str], str]) -> None:
    """Replace the captions within a piece of HTML."""

    def caption(match: re.Match[str]) -> str:
        return escape(replace(" ".join(unescape(match[0]).split())), quote=False)

    def caption_for_script(match: re.Match[str]) -> str:
        return json.dumps(replace(json.loads(match[0])))

    text = html.astext()
    new = CAPTION_FOR_SCRIPT.sub(caption_for_script, CAPTION.sub(caption, text))
    if new != text:
        html.rawsource = new
        html[:] = [nodes.Text(new)]


class TranslateGlued(SphinxPostTransform):
    """Glued values that are words, on translated pages."""

    default_priority = ReplacePendingGlueReferences.default_priority + 1

    def run(self, **options: Any) -> None:
        """Translate each."""
        translated = translation(self)
        for value in glued(self.document):
            value[:] = [nodes.Text(translated(value.astext()))]


def glued(document: nodes.document) -> Iterator[nodes.inline]:
    """The values that a page's prose quotes from its cells."""
    return (node for node in document.findall(nodes.inline) if "pasted-text" in node["classes"])


def translation(transform: SphinxTransform) -> Callable[[str], str]:
    """What a page's catalogue says of a message; the message itself if it says nothing."""
    config, env = transform.config, transform.env
    folders = [str(Path(env.srcdir, folder)) for folder in config.locale_dirs]
    domain = docname_to_domain(env.docname, config.gettext_compact)
    return catalogue(folders, config.language, domain)[0].gettext


def as_markdown(node: nodes.Node) -> str:
    """One piece of a title as it was written."""
    mark = {nodes.literal: "`", nodes.math: "$", nodes.emphasis: "*", nodes.strong: "**"}
    sign = mark.get(type(node), "")
    return f"{sign}{node.astext()}{sign}"


class GluedText(PasteTextRole):
    """{glue:text} of MyST-NB, also within a translated message, which is parsed by itself."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The value, or a reference to it, which MyST-NB resolves when pages are written."""
        if "nb_renderer" in self.document or "::" in self.text:
            return super().run()
        key, _, form = self.text.partition(":")
        here = Path(self.document.settings.env.doc2path(self.document.settings.env.docname)).name
        value = create_pending_glue_ref(
            self.document, self.source, self.line, here, key, True, "text", fmt_spec=form or "s"
        )
        return [value], []
