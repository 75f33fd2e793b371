"""The book in two languages: English, and Korean for the pages that locale/ko/pages.yml lists.

Both are built from the same notebooks. The head of each page has a link to its twin in the other
language; a page that has none leads to the first page there, and the link says so. The Korean
edition stands in the folder ko/ beside the English pages. It has its translated pages only; links
to all others, in its contents as in its text, lead to the English ones and are marked so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.search.en import SearchEnglish

FOLDER = "ko"
KOREAN = {
    "code": "ko",
    "name": "한국어",
    "twin": "이 쪽을 한국어로",
    "none": "한국어판 첫 쪽 (이 쪽은 아직 영어로만 있습니다)",
}
ENGLISH = {
    "code": "en",
    "name": "English",
    "twin": "This page in English",
    "none": "To the first page in English",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_search_language(SearchKorean)
    if app.config.language == KOREAN["code"]:
        app.add_builder(KoreanPages, override=True)
    app.connect("html-page-context", _language_switch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def english_site(app: Sphinx) -> str:
    """The way from the folder of this edition to that of the English pages."""
    return "../" if app.config.language == KOREAN["code"] else ""


def translated_pages(root: Path) -> list[str]:
    """The pages of the Korean edition, in order."""
    return yaml.safe_load((root / "locale/ko/pages.yml").read_text(encoding="utf-8"))


class KoreanPages(StandaloneHTMLBuilder):
    """Writes translated pages only; the addresses of all others are those of the English ones."""

    def init(self) -> None:
        """Read which pages there are."""
        super().init()
        self.pages = translated_pages(Path(self.srcdir))

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """A page's address, from the folder of this edition."""
        uri = super().get_target_uri(docname, typ)
        return f"../{uri}" if docname in self.env.found_docs and docname not in self.pages else uri

    def get_outdated_docs(self) -> Iterator[str]:
        """All translated pages: the edition is always built as a whole."""
        return iter(self.pages)

    def load_indexer(self, docnames: Iterable[str]) -> None:
        """Begin a new search index."""
        super().load_indexer(self.env.all_docs)

    def write(
        self,
        build_docnames: Iterable[str] | None,
        updated_docnames: Sequence[str],
        method: Any = "",
    ) -> None:
        """Write the translated pages."""
        for page in self.env.found_docs.difference(self.pages):
            self.mark_as_english(page)
        super().write(self.pages, [], "specific")

    def mark_as_english(self, page: str) -> None:
        """Let a page's title, and its entry in the contents, say in which language it is."""
        entry = next(self.env.tocs[page].findall(nodes.reference), None)
        for title in filter(None, (self.env.titles[page], entry)):
            title += nodes.Text(" (영어)")


class SearchKorean(SearchEnglish):
    """Korean words are found by their beginnings, as particles follow them; others as English ones.

    "화풍을" and "화풍의" are both found by "화풍": of each Korean word all beginnings of two or
    more syllables are in the index.
    """

    lang = "ko"
    language_name = "Korean"

    def split(self, input: str) -> list[str]:
        """The words of a text, and the beginnings of those that have Korean syllables."""
        return [part for word in super().split(input) for part in beginnings(word)]


def beginnings(word: str) -> list[str]:
    """A word and, from its first Korean syllable on, what stands before each further one."""
    ends = [i for i, letter in enumerate(word) if i > 1 and "가" <= letter <= "힣"]
    return [*(word[:end] for end in ends), word]


def _language_switch(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Tell the template language-switch.html where the page's twin is."""
    pages = translated_pages(Path(app.srcdir))
    twin = page if page in pages or page == "search" else app.config.root_doc
    path = f"{english_site(app) or FOLDER + '/'}{twin}.html"
    other = ENGLISH if english_site(app) else KOREAN
    title = other["twin" if twin == page else "none"]
    context["twin"] = {**other, "url": context["pathto"](path, 1), "title": title}
    if page in pages and app.builder.name == "html":
        link = (
            f'<link rel="alternate" hreflang="{other["code"]}" href="{context["twin"]["url"]}" />'
        )
        context["metatags"] = context.get("metatags", "") + link
