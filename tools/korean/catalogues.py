"""The catalogues of the Korean edition: what the pages say in English, and in Korean.

A page's catalogue is locale/ko/LC_MESSAGES/<page>.po, in the format of gettext. An entry is one
message: a paragraph, a title, a caption, a cell of a table. It holds MyST, as the page does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from inst_tutorial.files import atomic_path
from korean.markup import words

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale" / "ko"
HEADER = "# Korean translations of the book. Text: CC BY 4.0.\n#"
FORMER = "Translated from: "
WIDTH = 100


def translated_pages() -> list[str]:
    """The pages of the Korean edition, in order."""
    return yaml.safe_load((LOCALE / "pages.yml").read_text(encoding="utf-8"))


def begun_pages() -> list[str]:
    """Pages that have a catalogue, but are not whole in Korean: they are shown in English."""
    found = sorted((LOCALE / "LC_MESSAGES" / "book").glob("*.po"))
    return [f"book/{path.stem}" for path in found if f"book/{path.stem}" not in translated_pages()]


def path_of(page: str) -> Path:
    """Where a page's catalogue is."""
    return LOCALE / "LC_MESSAGES" / f"{page}.po"


def messages(pages: Iterable[str], root: Path = ROOT) -> dict[str, list[str]]:
    """What the pages say in English, in order: {page: messages}. Only these pages are read."""
    config, _ = get_final_config(
        user_yaml=root / "_config.yml",
        sourcedir=root,
        cli_config={"latex_individualpages": False},
    )
    config |= {"external_toc_path": str(root / "_toc.yml")}
    config |= {"include_patterns": [f"{page}.*" for page in pages]}
    with tempfile.TemporaryDirectory() as folder:
        out, trees = (str(Path(folder, name)) for name in ("out", "trees"))
        # Links to pages that are not read would be warned of.
        with docutils_namespace():  # what it registers ends with it, for the next Sphinx
            app = Sphinx(str(root), None, out, trees, "dummy", config, None, None, freshenv=True)
            app.builder.read()
        found = {page: app.env.get_doctree(page)["messages"] for page in pages}
    return {page: list(dict.fromkeys(texts)) for page, texts in found.items()}


def read(page: str) -> Catalog:
    """A page's catalogue; an empty one for a page that has none yet."""
    path = path_of(page)
    if not path.is_file():
        return Catalog("ko", header_comment=HEADER, project="inst-tutorial", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, "ko")


def write(page: str, catalogue: Catalog) -> None:
    """Write a page's catalogue; the same catalogue gives the same bytes."""
    path = path_of(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as target, target.open("wb") as file:
        write_po(file, catalogue, WIDTH, ignore_obsolete=True)


def updated(catalogue: Catalog, texts: Iterable[str]) -> Catalog:
    """The catalogue of the texts, in their order, with the translations that there are.

    A text that was changed keeps the translation of its former wording and is marked fuzzy; the
    former wording stands above it. What is nothing but links or numbers is filled in.
    """
    template = Catalog("ko")
    for text in texts:
        template.add(text)
    catalogue.update(template, update_creation_date=False)
    for entry in entries(catalogue):
        if not entry.fuzzy:
            entry.user_comments = []
        elif entry.previous_id:
            entry.user_comments = [FORMER + entry.previous_id[0]]
        if not entry.string and not words(str(entry.id)):
            entry.string = entry.id
    return catalogue


def entries(catalogue: Catalog) -> list[Message]:
    """The entries of a catalogue without its head."""
    return [entry for entry in catalogue if entry.id]
