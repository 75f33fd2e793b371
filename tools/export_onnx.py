"""Write the painter for the reader's browser: `python tools/export_onnx.py`.

The folder holds ONNX graphs, the painter's own weights, pictures and paintbox.json; the pages of
the book read it, and so can any program with ONNX Runtime. It takes some two minutes, and nothing
is done when the folder is up to date. Needs the packages of the extra "web".
"""

from __future__ import annotations

import argparse
from pathlib import Path

from onnx_export.export import export_all

from inst_tutorial.folders import PAINTBOX

OUT = Path(__file__).parents[1] / "_build/painter"


def main() -> None:
    """Read the arguments and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--painter", type=Path, default=PAINTBOX, help="a painter's folder")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write")
    arguments = parser.parse_args()
    made = export_all(arguments.out, arguments.painter)
    print(f"{arguments.out}: {'written' if made else 'up to date'}")


if __name__ == "__main__":
    main()
