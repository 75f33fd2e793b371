"""The marks in a message, which its translation must have as well: roles, links, formulas, code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from editions.plain import parser
from markdown_it.token import Token
from sphinx.util.nodes import split_explicit_title

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
KINDS = {
    "code_inline": "code",
    "math_inline": "formula",
    "strong_open": "strong",
    "em_open": "emphasis",
}


def marks(message: str) -> Counter[tuple[str, str]]:
    """What a message holds besides words: (kind, content), and how often."""
    return Counter(mark for token in inline(message) if (mark := mark_of(token)))


def mark_of(token: Token) -> tuple[str, str] | None:
    """The mark that a token is: a role with its target, a link's address, a formula, code."""
    if token.type == "myst_role":
        name = token.meta["name"]
        return name, split_explicit_title(token.content)[2]
    if token.type == "link_open":
        return "link", str(token.attrs["href"])
    if token.type in ("strong_open", "em_open"):
        return KINDS[token.type], ""
    return (KINDS[token.type], token.content) if token.type in KINDS else None


def words(message: str) -> str:
    """The words and numbers of a message, without its marks."""
    text = " ".join(token.content for token in inline(message) if token.type == "text")
    return text if re.search(r"[^\W\d_]", text) else ""


def numbers(message: str) -> Counter[str]:
    """The numbers of a message outside of its marks."""
    return Counter(NUMBER.findall(words(message)))


def inline(message: str) -> Iterator[Token]:
    """The tokens within a message, by MyST's own parser."""
    for token in parser().parse(message):
        yield from token.children or ()
