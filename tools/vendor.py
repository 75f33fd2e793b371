"""Fetch what the pages of the book need in the browser: `python tools/vendor.py` (needs npm).

Only the files that a page loads are kept, with their licence. Versions and checksums are pinned:
the same call writes the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "book/_static/vendor"


@dataclass(frozen=True)
class Package:
    """A package of npm: its sha512 as package-lock.json writes it, and the parts kept of it.

    keep: {path in the package: path below book/_static/vendor/name}; a path may be a folder.
    """

    name: str
    version: str
    sha512: str
    keep: dict[str, str]


PACKAGES = (
    Package(
        name="mathjax",
        version="3.2.2",
        sha512="Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        keep={
            "es5/tex-chtml-full.js": "tex-chtml-full.js",
            "es5/output/chtml/fonts/woff-v2": "output/chtml/fonts/woff-v2",
            "LICENSE": "LICENSE",
        },
    ),
)


def main() -> None:
    """Write book/_static/vendor anew."""
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            vendor(package, Path(folder))


def vendor(package: Package, folder: Path) -> None:
    """Download one package into a temporary folder, check it, and copy what is kept."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    name = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    archive = folder / name.stdout.strip()
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != package.sha512:
        raise SystemExit(f"{archive.name}: the checksum is {digest}, not {package.sha512}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    target = VENDOR / package.name
    shutil.rmtree(target, ignore_errors=True)
    for source, place in package.keep.items():
        copy = shutil.copytree if (folder / "package" / source).is_dir() else shutil.copyfile
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        copy(folder / "package" / source, target / place)
    print(f"{package.name} {package.version} -> {target}")


if __name__ == "__main__":
    main()
