"""The browser that prints the pages and tests them: Debian's `chromium`, or Chrome."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def installed_chromium() -> str | None:
    """The program of the first of NAMES that is installed; None without such a browser."""
    return next(filter(None, map(shutil.which, NAMES)), None)
