"""What only some systems have, for the tests that need it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

LINUX = sys.platform == "linux"
WINDOWS = sys.platform == "win32"


def not_on_windows(reason: str) -> pytest.MarkDecorator:
    """Skips a test on Windows; the reason says what Windows lacks or does in another way."""
    return pytest.mark.skipif(WINDOWS, reason=f"Windows: {reason}")


def _links_can_be_made() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            (Path(folder) / "link").symlink_to("nowhere")
        except OSError:
            return False
    return True


needs_links = pytest.mark.skipif(
    not _links_can_be_made(), reason="on Windows only developers may make symbolic links"
)
