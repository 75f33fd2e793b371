"""A Python environment with one wheel and what it requires: what Colab would have, and no more.

The wheel is installed; the packages that it requires are links to those of this environment. So it
needs no network and a second.
"""

import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def build_wheel(root: Path, folder: Path) -> Path:
    """A wheel of the checkout in `root`."""
    run_pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, root)
    (wheel,) = folder.glob("*.whl")
    return wheel


def fresh_environment(folder: Path, wheel: Path, extras: set[str], *more: str) -> Path:
    """An environment in `folder` with the wheel, its requirements, those of its extras, and the
    packages named in `more`. -> its interpreter."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    run_pip("install", "--no-deps", "--target", site, wheel)
    (own,) = distributions(path=[str(site)])
    for found in required([*wanted(own, extras), *map(Requirement, more)]):
        link(found, site)
    return folder / "bin" / "python"


def run_pip(*arguments: object) -> None:
    quiet = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*quiet, *map(str, arguments)], check=True)


def wanted(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What a package requires here, with some of its extras."""
    for requirement in map(Requirement, found.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def required(waiting: list[Requirement]) -> list[Distribution]:
    """The installed packages that satisfy the requirements, and theirs."""
    found: dict[tuple[str, frozenset[str]], Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in found:
            found[key] = distribution(requirement.name)
            waiting += wanted(found[key], set(requirement.extras))
    return list({name: one for (name, _), one in found.items()}.values())


def link(found: Distribution, site: Path) -> None:
    """Make a package visible in another folder of packages."""
    for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        if not (site / name).exists():
            (site / name).symlink_to(Path(str(found.locate_file(name))))
