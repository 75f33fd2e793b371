"""Print the pages of the book into one PDF, in their order: `make pdf`, after `make book`.

Chromium prints each page as a reader sees it, with answers and solutions unfolded; pypdf binds
the pages, and turns links between them into links within the file.
"""

from __future__ import annotations

import functools
import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from chromium_browser import NAMES, installed_chromium
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from tqdm.auto import tqdm

from inst_tutorial.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build/html"
PDF = ROOT / "_build/inst-tutorial.pdf"
PAPER = {
    "format": "A4",
    "print_background": True,
    "scale": 0.8,
    "margin": {"top": "15mm", "bottom": "15mm", "left": "14mm", "right": "14mm"},
}
UNFOLD = "document.querySelectorAll('details').forEach(part => { part.open = true; })"
TYPESET = "() => !window.MathJax || MathJax.startup.promise.then(() => true)"


def main() -> None:
    """Print, bind and write."""
    if not SITE.exists():
        raise SystemExit(f"no pages in {SITE}: run 'make book' first")
    browser = installed_chromium()
    if browser is None:
        raise SystemExit(f"no browser found (looked for {', '.join(NAMES)}): install Chromium")
    with served(SITE) as address:
        printed = dict(print_pages(browser, address))
    with atomic_path(PDF) as target:
        bind(printed, address).write(target)
    print(f"{PDF.relative_to(ROOT)}, {PDF.stat().st_size / 1e6:.0f} MB")


def pages() -> list[str]:
    """The pages in the order of the table of contents, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]


def online() -> str:
    """The address of the pages online, with a slash at the end."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return str(config["html"]["baseurl"])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; gives the address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not report each file."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def print_pages(browser: str, address: str) -> Iterator[tuple[str, PdfReader]]:
    """Each page's name and what the browser prints of it."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(color_scheme="light")
        for name in tqdm(pages(), desc="printing"):
            yield name, PdfReader(io.BytesIO(print_page(page, f"{address}/{name}.html")))
        chromium.close()


def print_page(page: Page, url: str) -> bytes:
    """One page, with everything unfolded and all formulas set."""
    page.goto(url, wait_until="networkidle")
    page.evaluate(UNFOLD)
    page.wait_for_function(TYPESET)
    return page.pdf(**PAPER)  # type: ignore[arg-type]


def bind(printed: dict[str, PdfReader], address: str) -> PdfWriter:
    """All of them in one file, with an outline and links that stay inside."""
    writer, first = PdfWriter(), {}
    for name, reader in printed.items():
        first[f"/{name}.html"] = len(writer.pages)
        title = (reader.metadata.title if reader.metadata else None) or name
        writer.append(reader, outline_item=title.split(" — ")[0])
    for page in writer.pages:
        for link in page.get("/Annots", ArrayObject()):
            turn_inwards(writer, link.get_object(), first, address)
    return writer


def turn_inwards(
    writer: PdfWriter, link: DictionaryObject, first: dict[str, int], address: str
) -> None:
    """Let a link to a page of the book lead to where that page begins in the file, and a link to
    another file of the pages, such as the slides, to the one online.
    """
    action: DictionaryObject = link.get("/A", DictionaryObject())
    url = action.get("/URI", "")
    if not url.startswith(address):
        return
    if (place := first.get(urlsplit(url).path)) is None:
        action[NameObject("/URI")] = TextStringObject(url.replace(f"{address}/", online(), 1))
    else:
        target = writer.pages[place].indirect_reference
        link[NameObject("/Dest")] = ArrayObject([target, NameObject("/FitH"), NumberObject(842)])
        del link["/A"]


if __name__ == "__main__":
    main()
