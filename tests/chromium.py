"""A browser for tests, where one is installed, and what keeps its pages on this machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from chromium_browser import installed_chromium

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

CHROMIUM = installed_chromium()
DESKTOP = 1280
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


def refuse_outside(pages: Page | BrowserContext, complaints: list[str]) -> None:
    """Let a page, or all pages of a context, reach this machine only; others are complaints."""

    def only_here(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            complaints.append(f"asks for {route.request.url}")
            route.abort()

    pages.route(re.compile("^(?!data:|blob:)"), only_here)
