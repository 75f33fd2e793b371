"""What the pages load in the browser is fetched as it was pinned, or not at all."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("vendor", ROOT / "tools/vendor.py")
vendor = sys.modules["vendor"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vendor)


def test_the_licences_that_are_there_are_those_that_are_pinned() -> None:
    pinned = [(package, *text) for package in vendor.PACKAGES for text in package.licences.items()]
    assert len(pinned) == 2
    for package, name, sha256 in pinned:
        text = package.folder / package.name / Path(name).name
        assert hashlib.sha256(text.read_bytes()).hexdigest() == sha256


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one file and one licence; npm brings it from a folder."""
    (tmp_path / "program.js").write_bytes(b"program")
    (tmp_path / "LICENSE").write_bytes(b"terms")
    archive = tmp_path / "program.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "program.js", "package/program.js")

    def npm(command, cwd, **options):
        (cwd / archive.name).write_bytes(archive.read_bytes())
        return SimpleNamespace(stdout=f"{archive.name}\n")

    monkeypatch.setattr(vendor.subprocess, "run", npm)
    monkeypatch.setattr(vendor, "installed", lambda name: tmp_path / Path(name).name)
    return vendor.Package(
        name="program",
        version="1.0",
        sha512=base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode(),
        keep={"program.js": "program.js"},
        folder=tmp_path / "vendor",
        licences={"torch/LICENSE": hashlib.sha256(b"terms").hexdigest()},
    )


def test_a_package_and_its_licence_are_kept(package, tmp_path) -> None:
    (tmp_path / "work").mkdir()
    vendor.vendor(package, tmp_path / "work")
    kept = {path.name: path.read_bytes() for path in (tmp_path / "vendor/program").iterdir()}
    assert kept == {"program.js": b"program", "LICENSE": b"terms"}


@pytest.mark.parametrize("fault", [{"sha512": "other"}, {"licences": {"torch/LICENSE": "other"}}])
def test_another_package_or_licence_changes_nothing(package, tmp_path, fault) -> None:
    (tmp_path / "work").mkdir()
    old = tmp_path / "vendor/program/program.js"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    with pytest.raises(SystemExit, match=r"the checksum is .*, not other"):
        vendor.vendor(replace(package, **fault), tmp_path / "work")
    assert [path.read_bytes() for path in old.parent.iterdir()] == [b"old"]
