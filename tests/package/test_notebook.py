"""What the notebooks need beside the method: values for the prose, data, the device."""

import json
import subprocess
import sys

import pytest

from inst_tutorial.notebook import data_file, device_line, glue

WITHOUT_MYST = """
import sys
sys.modules["myst_nb"] = None  # an import of it raises
from inst_tutorial.notebook import glue
glue("name", "value")
"""


@pytest.mark.parametrize("value", ["12.5", "a longer sentence, with 'quotes'.", 28])
def test_glue_displays_what_myst_displays(value, monkeypatch):
    myst = pytest.importorskip("myst_nb.ext.glue")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: shown.append((data, rest)))
    monkeypatch.setattr(myst, "ipy_display", lambda data, **rest: shown.append((data, rest)))
    glue("name", value)
    myst.glue("name", value, display=False)
    ours, theirs = (json.dumps(one, sort_keys=True) for one in shown)
    assert ours == theirs


def test_glue_works_where_myst_is_not_installed():
    subprocess.run([sys.executable, "-c", WITHOUT_MYST], check=True)


def test_data_comes_with_the_package():
    for name in ("experiments.json", "bench_cpu.json", "bench_gpu.json"):
        assert json.loads(data_file(name).read_text(encoding="utf-8"))


def test_an_unknown_data_file_lists_the_known_ones():
    with pytest.raises(FileNotFoundError, match=r"'none.json' .* experiments.json"):
        data_file("none.json")


@pytest.mark.parametrize("device", ["cpu", "mps", "xpu:1"])
def test_the_line_about_the_device_names_it(device, monkeypatch):
    monkeypatch.setattr("inst_tutorial.devices.best_device", lambda: device)
    assert {"cpu": "cores", "mps": "Apple"}.get(device, device) in device_line()
