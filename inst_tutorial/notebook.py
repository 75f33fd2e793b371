"""What the notebooks of the book need beside the method: values for the prose, measurements that
take too long for a page, and one line about the device.

All of it comes with the package, so a notebook runs in any folder and on any hosted kernel.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

RECORD = "application/papermill.record/text/plain"


def glue(name: str, value: str | int) -> None:
    """Keep a value of this notebook under a name, for the prose, which quotes it by that name.

    It is stored as papermill, scrapbook and MyST-NB do, in an output that nothing shows; the pages
    and the plain notebooks are built with it. Only IPython is needed.
    """
    from IPython.display import display

    about = {"scrapbook": {"mime_prefix": RECORD.removesuffix("text/plain"), "name": name}}
    display({RECORD: repr(value)}, raw=True, metadata=about)


def data_file(name: str) -> Path:
    """The path of a file of measurements that comes with the package, such as "experiments.json".

    Raises FileNotFoundError, which lists the files there are.
    """
    folder = Path(str(files("inst_tutorial") / "data"))
    if not (folder / name).is_file():
        known = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise FileNotFoundError(f"no data file {name!r} in the package: there are {known}")
    return folder / name


def device_line() -> str:
    """One sentence about this Python and the device that `Painter.load` will choose."""
    import torch

    from inst_tutorial import __version__
    from inst_tutorial.devices import best_device

    device = torch.device(best_device())
    cores = f"{torch.get_num_threads()} cores"
    if device.type == "cuda":
        what = f"the GPU ({torch.cuda.get_device_name(device)})"
    else:
        what = {"mps": "Apple's GPU", "cpu": cores}.get(device.type, str(device))
    python = ".".join(map(str, sys.version_info[:2]))
    return f"inst-tutorial {__version__}, Python {python}: computing on {what}."
