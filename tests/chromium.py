"""A browser for tests, where one is installed: Debian's `chromium`, or Chrome."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
DESKTOP = 1280
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
