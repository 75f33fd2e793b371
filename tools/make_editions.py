"""Write the editions of the notebooks: `make editions`.

    _build/notebooks/plain/     each notebook of the book, for any front end

Nothing is run: code and outputs are those of the book.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from editions.notebooks import plain_notebook, sources
from editions.references import ROOT, References, read_book
from tqdm.auto import tqdm

OUT = ROOT / "_build" / "notebooks"


def main() -> None:
    """Write all editions anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    with read_book() as references:
        write_plain(references, OUT / "plain")
    print(OUT)


def write_plain(references: References, folder: Path) -> None:
    """The plain notebooks."""
    folder.mkdir(parents=True)
    for path in tqdm(sources(), desc="plain"):
        nbformat.write(plain_notebook(path, references), folder / path.name)


if __name__ == "__main__":
    main()
