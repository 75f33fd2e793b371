"""MyST to plain Markdown: what any front end of Jupyter renders.

The text is read by MyST's own parser. Only what is MyST is replaced, at the lines where its tokens
stand; all other text stays as it was written, letter by letter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from docutils.parsers.rst import Directive, directives
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser
from sphinx.util.nodes import split_explicit_title

from editions.references import ROOT, Link, References

EXTENSIONS = {"amsmath", "colon_fence", "deflist", "dollarmath"}
BOOK = ROOT / "book"
FENCES = ("fence", "colon_fence")
FOLDED = "dropdown"
Answers = Literal["folded", "open", "out"]


@cache
def parser() -> MarkdownIt:
    """MyST's parser, with the extensions that _config.yml turns on."""
    return create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)


class Box(Directive):
    """The options that the book's directives take."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {  # noqa: RUF012
        "class": directives.class_option,
        **dict.fromkeys(("label", "name", "alt", "width"), directives.unchanged),
    }


@dataclass(frozen=True)
class Piece:
    """A directive, taken apart: its name, its argument, its options and its content."""

    name: str
    title: str
    options: Mapping[str, Any]
    body: str


@dataclass(frozen=True)
class Edit:
    """Replace text[start:end]."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class Plain:
    """Turns MyST into plain Markdown, with links into the online book.

    values: what the notebook glued. answers: what becomes of the text that the page folds. Raises
    ValueError for a role or a directive that has no plain form here.
    """

    references: References
    values: Mapping[str, str]
    answers: Answers = "folded"

    def __call__(self, text: str) -> str:
        """The text without MyST."""
        for edit in reversed(self.edits(text)):
            text = text[: edit.start] + edit.new + text[edit.end :]
        return text.strip()

    def edits(self, text: str) -> list[Edit]:
        """What is to be replaced, in the order of the text."""
        starts = line_starts(text)
        found: list[Edit] = []
        at = 0
        for token in parser().parse(text):
            if token.map:
                at = max(at, starts[token.map[0]])
            if token.map and (new := self.block(token)) is not None:
                found.append(Edit(starts[token.map[0]], starts[token.map[1]], new))
            for role in roles(token):
                start, end = written(text, role, at)
                found.append(Edit(start, end, self.role(role.meta["name"], role.content)))
                at = end
        return found

    # --------------------------------------------------------------------------------- blocks

    def block(self, token: Token) -> str | None:
        """What stands in place of a block; None for what is plain already."""
        if token.type == "myst_target":
            return ""
        if token.type == "math_block_label":
            return self.formula(token.content, token.info)
        if token.type in FENCES and token.info.startswith("{"):
            if token.level:
                raise ValueError(f"a directive inside a list or a quotation: {token.info}")
            return self.directive(piece_of(token)) + "\n"
        return None

    def directive(self, piece: Piece) -> str:
        """A box, an exercise, a solution or a formula."""
        known: dict[str, Callable[[Piece], str]] = {
            "admonition": self.admonition,
            "dropdown": lambda one: self.folded(self(one.title), self(one.body)),
            "exercise": self.exercise,
            "figure": self.figure,
            "math": lambda one: self.formula(one.body, one.options.get("label")),
            "solution": lambda one: self.folded(f"Solution of {self.called(one)}", self(one.body)),
            "solution-end": lambda one: "",
            "solution-start": self.solution_start,
        }
        if piece.name not in known:
            raise ValueError(f"no plain form for the directive {piece.name!r}: {sorted(known)}")
        return known[piece.name](piece)

    def admonition(self, piece: Piece) -> str:
        """A quotation with a title; what the page folds is folded here as well."""
        title, body = self(piece.title), self(piece.body)
        if FOLDED in piece.options.get("class", ()):
            return self.folded(title, body)
        return quoted(f"**{title}**\n\n{body}")

    def folded(self, title: str, body: str) -> str:
        """Text that opens at a click, or nothing."""
        return "" if self.answers == "out" else folded(title, body, self.answers == "open")

    def exercise(self, piece: Piece) -> str:
        """The exercise with its number and its title."""
        link = self.references.numbered(piece.options["label"], "exercise")
        return f"**{link}. {self(piece.title)}**\n\n{self(piece.body)}\n"

    def solution_start(self, piece: Piece) -> str:
        """The line above a cell with a solution, which is folded where answers are."""
        name = f"Solution of {self.called(piece)}"
        if self.answers == "open":
            return f"**{name}:**"
        return f"**{name}**, folded in the next cell. Try it first."

    def figure(self, piece: Piece) -> str:
        """The picture of the page, from the online book, with its number if it has one."""
        url = self.references.static(piece.title)
        alt = piece.options.get("alt") or drawn_text(BOOK / piece.title)
        name = piece.options.get("name")
        number = f"**{self.references.numbered(name)}.** " if name else ""
        return f"![{alt}]({url})\n\n{number}{self(piece.body)}\n"

    def called(self, piece: Piece) -> str:
        """The exercise that a solution belongs to, without a link."""
        return self.references.numbered(piece.title, "exercise").text.lower()

    def formula(self, tex: str, label: str | None = None) -> str:
        """A formula on lines of its own, with the number that it has on the page."""
        number = self.references.equation(label).text.strip("()") if label else ""
        tag = f" \\tag{{{number}}}" if label else ""
        return f"$${tex.rstrip()}{tag}$$\n"

    # ---------------------------------------------------------------------------------- roles

    def role(self, name: str, content: str) -> str:
        """A value, or a link into the book."""
        find = self.references
        if name == "glue:text":
            return self.values[content]
        if name == "cite":
            return f"({'; '.join(str(find.cite(key)) for key in split(content))})"
        if name == "cite:t":
            return ", ".join(str(find.cite(key, in_text=True)) for key in split(content))
        known: dict[str, Callable[[str], Link]] = {
            "doc": lambda page: find.doc(f"book/{page}"),
            "download": find.file,
            "eq": find.equation,
            "numref": find.numbered,
            "ref": find.ref,
            **{role: partial(find.api, role) for role in API_ROLES},
        }
        if name not in known:
            raise ValueError(f"no plain form for the role {name!r}: {sorted(known)}")
        has_text, text, target = split_explicit_title(content)
        link = known[name](target)
        return str(Link(text, link.url) if has_text else link)


API_ROLES = ("func", "meth", "class", "mod", "data")


def segments(text: str, names: Collection[str]) -> Iterator[str | Piece]:
    """A text cut at the directives of these names: what stands between them, and they."""
    starts, at = line_starts(text), 0
    for token in parser().parse(text):
        if token.type in FENCES and token.map and token.info.startswith("{"):
            piece = piece_of(token)
            if piece.name in names:
                yield text[at : starts[token.map[0]]]
                yield piece
                at = starts[token.map[1]]
    yield text[at:]


def without_code(text: str) -> str:
    """A text without its fenced Python."""
    starts = line_starts(text)
    for token in reversed(parser().parse(text)):
        if token.type == "fence" and token.info == "python" and token.map:
            text = text[: starts[token.map[0]]] + text[starts[token.map[1]] :]
    return text


def headings(text: str) -> Iterator[tuple[str, int, int]]:
    """Each heading of a text, with the positions where its line begins and where it ends."""
    starts, tokens = line_starts(text), parser().parse(text)
    for token, inner in itertools.pairwise(tokens):
        if token.type == "heading_open" and token.map:
            yield inner.content, starts[token.map[0]], starts[token.map[1]]


def piece_of(token: Token) -> Piece:
    """Take a directive apart as MyST does."""
    name, _, first = token.info.strip().partition("}")
    parsed = parse_directive_text(Box, first.strip(), token.content, validate_options=True)
    if parsed.warnings:
        raise ValueError(f"{token.info}: {parsed.warnings[0]}")
    title = " ".join(parsed.arguments)
    return Piece(name.lstrip("{"), title, parsed.options, "\n".join(parsed.body))


def roles(token: Token) -> Iterator[Token]:
    """The roles in a line of text."""
    return (child for child in token.children or () if child.type == "myst_role")


def written(text: str, role: Token, at: int) -> tuple[int, int]:
    """Where a role is written, from position `at` on: a parser joins lines, the text has them."""
    head = f"{{{role.meta['name']}}}`"
    start = text.index(head, at)
    while True:
        end = text.index("`", start + len(head))
        if text[start + len(head) : end].split() == role.content.split():
            return start, end + 1
        start = text.index(head, start + 1)


def line_starts(text: str) -> list[int]:
    """The position of each line, and of the end."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return [*starts, len(text)]


def drawn_text(path: Path) -> str:
    """What a drawing shows, in its own words."""
    found = ElementTree.parse(path).getroot().findtext("{http://www.w3.org/2000/svg}desc")
    return " ".join((found or "").split())


def quoted(text: str) -> str:
    """A quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines()) + "\n"


def folded(title: str, body: str, is_open: bool) -> str:
    """Text that opens and closes at a click."""
    start = "<details open>" if is_open else "<details>"
    return f"{start}\n<summary><b>{title}</b></summary>\n\n{body}\n\n</details>\n"


def split(keys: str) -> list[str]:
    """The keys of a citation."""
    return [key.strip() for key in keys.split(",")]


def is_plain(text: str) -> bool:
    """Whether MyST's parser finds nothing of its own in the text."""
    own = {"myst_role", "myst_target", "math_block_label", "myst_line_comment", "colon_fence"}
    tokens = [inner for token in parser().parse(text) for inner in (token, *(token.children or ()))]
    return not any(t.type in own or (t.type == "fence" and t.info.startswith("{")) for t in tokens)
