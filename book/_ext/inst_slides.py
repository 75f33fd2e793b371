"""The slides come with the pages; the teaching guide links to slides/class.html and the rest."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from inst_languages import english_site
from sphinx.application import Sphinx

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
FOLDER = "slides"  # beside the pages


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", _write_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_slides(app: Sphinx, error: Exception | None) -> None:
    """Write all decks beside the pages."""
    if error is None and app.builder.name == "html" and not english_site(app):
        from editions.decks import write_slides

        folder = Path(app.outdir, FOLDER)
        shutil.rmtree(folder, ignore_errors=True)
        write_slides(folder)
