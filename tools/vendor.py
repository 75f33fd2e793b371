"""Fetch what the pages of the book need in the browser: `python tools/vendor.py` (needs npm).

MathJax goes to book/_static/vendor. ONNX Runtime goes to web/vendor: `tools/export_onnx.py` puts
it beside the painter. Its package has no licence file, so the texts come from the Python package
of the same project (extra "web").

Only the files that a page loads are kept, with their licence. Versions and checksums are pinned,
those of the licence texts as well: the same call writes the same bytes, or nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "book/_static/vendor"


@dataclass(frozen=True)
class Package:
    """A package of npm: its sha512 as package-lock.json writes it, and the parts kept of it.

    keep: {path in the package: path below folder/name}; a path may be a folder, and what gets the
    suffix .gz is compressed. licences: files of an installed Python package that say the terms,
    as {package/file: sha256}.
    """

    name: str
    version: str
    sha512: str
    keep: dict[str, str]
    folder: Path = VENDOR
    licences: Mapping[str, str] = field(default_factory=dict)


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
    Package(
        name="reveal.js",
        version="4.6.1",
        sha512="1CW0auaXNPmwmvQ7TwpszwVxMi2Xr5cTS3J3EBC/HHgbPF32Dn7aiu/LKWDOGjMbaDwKQiGmfqcoGQ74HUHCMw==",
        keep={
            "dist/reveal.js": "reveal.js",
            "dist/reveal.css": "reveal.css",
            "plugin/notes/notes.js": "notes.js",
            "LICENSE": "LICENSE",
        },
        folder=ROOT / "tools/editions/slides/vendor",
    ),
    Package(
        name="onnxruntime-web",
        version="1.30.0",
        sha512="q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        keep={
            "dist/ort.wasm.min.mjs": "ort.wasm.min.mjs",
            "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",
            "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm.gz",
            "dist/ort.jspi.min.mjs": "ort.jspi.min.mjs",
            "dist/ort-wasm-simd-threaded.jspi.mjs": "ort-wasm-simd-threaded.jspi.mjs",
            "dist/ort-wasm-simd-threaded.jspi.wasm": "ort-wasm-simd-threaded.jspi.wasm.gz",
        },
        folder=ROOT / "web/vendor",
        licences={  # of onnxruntime 1.32.0
            "onnxruntime/LICENSE": (
                "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c"
            ),
            "onnxruntime/ThirdPartyNotices.txt": (
                "d8696258afcf9df7827a5e01d6b6d55ee9b461b4e82020f5f48242deb9cc2270"
            ),
        },
    ),
)


def main() -> None:
    """Write all packages anew."""
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            vendor(package, Path(folder))


def vendor(package: Package, folder: Path) -> None:
    """Download one package into a temporary folder, check it, and copy what is kept."""
    licences = [checked_licence(name, sha256) for name, sha256 in package.licences.items()]
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    name = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    archive = folder / name.stdout.strip()
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != package.sha512:
        raise SystemExit(f"{archive.name}: the checksum is {digest}, not {package.sha512}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    target = package.folder / package.name
    shutil.rmtree(target, ignore_errors=True)
    for source, place in package.keep.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        keep(folder / "package" / source, target / place)
    for licence in licences:
        shutil.copyfile(licence, target / licence.name)
    print(f"{package.name} {package.version} -> {target}")


def keep(source: Path, target: Path) -> None:
    """Copy a file or a folder; compress a file where the target is a .gz and the source is not."""
    if source.is_dir():
        shutil.copytree(source, target)
    elif target.suffix == ".gz" != source.suffix:
        target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))
    else:
        shutil.copyfile(source, target)


def checked_licence(name: str, sha256: str) -> Path:
    """An installed text of a licence with this checksum."""
    path = installed(name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != sha256:
        package = name.partition("/")[0]
        raise SystemExit(
            f"{name}: the checksum is {digest}, not {sha256}. {package} {version(package)} is "
            f"installed: install the version in constraints.txt, or read what is new and pin it"
        )
    return path


def installed(name: str) -> Path:
    """A file of an installed Python package."""
    package, _, file = name.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install -e '.[web]'")
    return Path(spec.origin).parent / file


if __name__ == "__main__":
    main()
