"""Build the Korean pages beside the English ones: `make book-ko`, after or before `make book`.

    python tools/make_korean_book.py             # into _build/html/ko
    python tools/make_korean_book.py FOLDER      # into FOLDER/_build/html/ko

Sphinx builds them from the same notebooks, with the settings of _config.yml and, above those, of
locale/ko/config.yml. A warning is an error, as in the English book.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from jupyter_book.sphinx import build_sphinx

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Build, then put the pages where readers find them."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT).resolve() / "_build"
    if build(target / "ko" / "html"):
        raise SystemExit("the Korean pages were not built: see the messages above")
    shutil.rmtree(target / "html" / "ko", ignore_errors=True)
    shutil.copytree(target / "ko" / "html", target / "html" / "ko")
    print(f"The Korean pages are in {target / 'html' / 'ko'}.")


def build(out: Path) -> Any:
    """Build the pages into the folder `out`; what Sphinx returns is 0 if all is well."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "_config.yml")
        config.write_text(yaml.safe_dump(settings(), allow_unicode=True), encoding="utf-8")
        return build_sphinx(
            ROOT,
            out,
            noconfig=True,
            path_config=config,
            confoverrides={
                "external_toc_path": str(ROOT / "_toc.yml"),
                "latex_individualpages": False,
                "nitpicky": True,
            },
            warningiserror=True,
            keep_going=True,
            freshenv=True,
        )


def settings() -> dict[str, Any]:
    """The settings of the Korean edition: those of the book, with its own above them."""
    book, korean = (
        yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
        for path in ("_config.yml", "locale/ko/config.yml")
    )
    extensions = book["sphinx"]["local_extensions"]
    book["sphinx"]["local_extensions"] = {name: str(ROOT / extensions[name]) for name in extensions}
    return merged(book, korean)


def merged(below: Any, above: Any) -> Any:
    """Two nested dictionaries as one; where both have a value, that of `above` counts."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    shared = {key: merged(below[key], above[key]) for key in below.keys() & above.keys()}
    return {**below, **above, **shared}


if __name__ == "__main__":
    main()
