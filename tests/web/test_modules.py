"""The unit tests of web/, where Node is installed; `make web` checks types and style, too."""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_unit_tests_of_the_modules():
    done = subprocess.run(["node", "--test"], cwd=WEB, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "pass 0" not in done.stdout


def test_a_page_needs_no_compiled_file():
    """Every import of the app leads to a module that is there."""
    for path in (WEB / "src").rglob("*.js"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import ") and " from " in line:
                target = line.rsplit(" from ", 1)[1].strip('";')
                assert (path.parent / target).is_file(), f"{path.name}: {target}"
