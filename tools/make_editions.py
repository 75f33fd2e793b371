"""Write the editions of the notebooks: `make editions`.

    _build/notebooks/plain/     each notebook of the book, for any front end

Nothing is run: code and outputs are those of the book.
"""

from __future__ import annotations

import shutil

from editions.notebooks import write_plain
from editions.references import ROOT, read_book

OUT = ROOT / "_build" / "notebooks"


def main() -> None:
    """Write all editions anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    with read_book() as references:
        write_plain(references, OUT / "plain")
    print(OUT)


if __name__ == "__main__":
    main()
