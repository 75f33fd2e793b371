"""What Sphinx knows about the book: titles, numbers, and where each label stands online.

The pages are read once by Sphinx itself, and nothing is written. So an edition calls a figure by
the number that it has on the page, and links to the place that the page has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Any

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Link:
    """A text and the address that it leads to."""

    text: str
    url: str

    def __str__(self) -> str:
        return f"[{self.text}]({self.url})"


@contextmanager
def read_book(root: Path = ROOT) -> Iterator[References]:
    """The references of the book in `root`; Sphinx keeps its files until the block is left."""
    config, _ = get_final_config(
        user_yaml=root / "_config.yml",
        sourcedir=root,
        cli_config={"latex_individualpages": False},
    )
    config |= {"external_toc_path": str(root / "_toc.yml")}
    config |= {"autodoc_preserve_defaults": False}  # else autodoc changes functions of this process
    with tempfile.TemporaryDirectory() as folder:
        out, trees = (str(Path(folder, name)) for name in ("out", "trees"))
        with docutils_namespace():  # what it registers ends with it, for the next Sphinx
            app = Sphinx(str(root), None, out, trees, "dummy", config, status=None, freshenv=True)
            app.build()
        yield References(app)


class References:
    """Links for the roles of MyST, as the pages would show them. Unknown labels are a KeyError."""

    def __init__(self, app: Sphinx) -> None:
        self.env = app.env
        self.base = str(app.config.html_baseurl)
        self.repository = str(app.config.html_theme_options["repository_url"])
        self.labels = self.env.domains["std"].anonlabels
        self.titles = self.env.domains["std"].labels

    def url(self, page: str, place: str = "") -> str:
        """The address of a page, or of a place in it."""
        return f"{self.base}{page}.html" + (f"#{place}" if place else "")

    def file(self, path: str) -> Link:
        """A file of the repository, named from a page in book/."""
        return Link(Path(path).name, f"{self.repository}/blob/main/{normpath(Path('book', path))}")

    def static(self, path: str) -> str:
        """The online address of a file in _static, named from a page in book/."""
        return self.base + path

    def title(self, page: str) -> str:
        """A page's title."""
        return self.env.titles[page].astext()

    def chapter(self, page: str) -> int | None:
        """A chapter's number; None for pages without one."""
        numbers = self.env.toc_secnumbers.get(page, {}).get("", ())
        return numbers[0] if numbers else None

    def doc(self, page: str) -> Link:
        """A chapter by its number, another page by its title."""
        number = self.chapter(page)
        name = self.title(page) if number is None else f"Chapter {number}"
        return Link(name, self.url(page))

    def ref(self, label: str) -> Link:
        """A section by its title."""
        page, place, title = self.titles[label]
        return Link(title, self.url(page, place))

    def numbered(self, label: str, kind: str = "figure") -> Link:
        """A figure or an exercise by its number: "Fig. 2.3", "Exercise 2.1"."""
        page, place = self.labels[label]
        number = ".".join(map(str, self.env.toc_fignumbers[page][kind][place]))
        name = {"figure": "Fig."}.get(kind, kind.capitalize())
        return Link(f"{name} {number}", self.url(page, place))

    def equation(self, label: str) -> Link:
        """An equation by its number in brackets."""
        page, _ = self.env.domains["math"].equations[label]
        place = f"equation-{label}"
        number = ".".join(map(str, self.env.toc_fignumbers[page]["displaymath"][place]))
        return Link(f"({number})", self.url(page, place))

    def api(self, role: str, target: str) -> Link:
        """A function, class, method, module or constant by its name, on the API page."""
        name = target.lstrip("~!")
        found = self.env.domains["py"].objects[name]
        shown = name.rsplit(".", 1)[-1] if target.startswith("~") else name
        call = "()" if role in ("func", "meth") else ""
        return Link(f"`{shown}{call}`", self.url(found.docname, found.node_id))

    def cite(self, key: str, in_text: bool = False) -> Link:
        """A source by author and year: "Zhang et al., 2023", or "Zhang et al. (2023)"."""
        bibtex: Any = self.env.domains["cite"]
        citations = bibtex.citations
        (found,) = [one for one in citations if one.key == key]
        authors, year = surnames(found.entry), found.entry.fields["year"]
        text = f"{authors} ({year})" if in_text else f"{authors}, {year}"
        return Link(text, self.url(found.bibliography_key.docname, found.citation_id))


def surnames(entry: Any) -> str:
    """The authors of an entry of a bibliography, as one cites them in a text."""
    names = [" ".join([*p.prelast_names, *p.last_names]) for p in entry.persons["author"]]
    plain = [name.replace("{", "").replace("}", "") for name in names]
    return " et al.".join([plain[0], ""]) if len(plain) > 2 else " and ".join(plain)
