"""The exported painter, made once for all tests and kept between them, and a server for it."""

from __future__ import annotations

import functools
import http.server
import json
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from chromium import refuse_outside

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Painter</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/painter/app/painter.css"><main>{widget}</main>"""
SCRIPT = '<script type="module" src="/painter/app/page.js"></script>'


@pytest.fixture(scope="session")
def exported() -> Path:
    """The folder that `tools/export_onnx.py` writes, as it is now."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from export_onnx import OUT
    from onnx_export.export import export_all

    export_all(OUT)
    return OUT


@pytest.fixture(scope="session")
def paintbox():
    from inst_tutorial.painter import Painter

    return Painter.load(device="cpu")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the exported folder, and web/src in place of its copy of the app."""

    def translate_path(self, path: str) -> str:
        path = urlsplit(path).path
        if path.startswith("/painter/app/"):
            return str(ROOT / "web/src" / path.removeprefix("/painter/app/"))
        return super().translate_path(path.removeprefix("/painter"))

    def do_GET(self) -> None:
        if self.server.pages.get(urlsplit(self.path).path) is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.pages[urlsplit(self.path).path].encode())

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.server.received.put(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """`pages`: {path: the HTML served there}; `received`: what pages sent; `address` of it all."""

    pages: dict[str, str]
    received: queue.Queue[dict[str, Any]]
    daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def web_page():
    """web_page(widget): the HTML that the book's directive writes for a widget, as a page."""
    sys.path.insert(0, str(ROOT / "book/_ext"))
    from inst_painter import html

    def web_page(widget: str) -> str:
        return (
            PAGE.format(widget=html(widget, "A still picture.", "/painter", "/still.webp")) + SCRIPT
        )

    return web_page


@pytest.fixture
def server(exported: Path) -> Iterator[Server]:
    with serving(exported) as server:
        yield server


@pytest.fixture(scope="module")
def module_server(exported: Path) -> Iterator[Server]:
    with serving(exported) as server:
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server in the background, closed at the end."""
    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    server.received = queue.Queue()
    server.pages = {"/blank": PAGE.format(widget="")}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def complaints_of(page: Page) -> list[str]:
    """What goes wrong in a page, from now on; it reaches this machine only."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    refuse_outside(page, complaints)
    return complaints


@pytest.fixture
def guarded():
    """guarded(page): what goes wrong in that page, which reaches this machine only."""
    return complaints_of


@pytest.fixture(scope="module")
def blank(browser: Browser, module_server: Server) -> Iterator[Page]:
    """A page without anything, whose scripts can import the app's modules."""
    context = browser.new_context()
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(f"{module_server.address}/blank")
    yield page
    context.close()
    assert complaints == []
