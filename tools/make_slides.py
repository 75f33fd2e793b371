"""Write the slides of the 90-minute class and of the module: `make slides`."""

from __future__ import annotations

import shutil

from editions.decks import write_slides
from editions.references import ROOT

OUT = ROOT / "_build" / "slides"


def main() -> None:
    """Write all decks anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    write_slides(OUT)
    print(OUT)


if __name__ == "__main__":
    main()
