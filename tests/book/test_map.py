"""The map "paper, code, tests" and the API page name only what exists, and all of it."""

import ast
import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import inst_tutorial
from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import Schedule

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "book" / "b_paper_code_tests.md").read_text(encoding="utf-8")
API = (ROOT / "book" / "c_api.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "book").glob("*.md"))
ROLE = re.compile(r"\{(?:func|class|meth|attr|mod|data|exc)\}`(?:[^`<]*<)?[~!]?([\w.]+)>?`")
TEST = re.compile(r"`(tests/\w+/test_\w+\.py)::(\w+)`")
AUTHORS = re.compile(r"\(https://github\.com/zyxElsa/InST([^)]*)\)")


def symbol(name):
    """The object of a dotted name: the longest module in it, then attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def functions_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def public_modules():
    """All but commands, private ones, and the parts of the world, which it exports itself."""
    modules = pkgutil.walk_packages(inst_tutorial.__path__, "inst_tutorial.")
    names = {
        module.name for module in modules if not module.name.startswith("inst_tutorial.world.")
    }
    return {name for name in names if not re.search(r"\.(cli(\.\w+)?|__main__|_\w+)$", name)}


@pytest.mark.parametrize(
    "name", sorted({n for page in PAGES for n in ROLE.findall(page.read_text(encoding="utf-8"))})
)
def test_every_symbol_named_in_a_page_exists(name):
    assert symbol(name) is not None


@pytest.mark.parametrize("test", sorted(set(TEST.findall(MAP))), ids="::".join)
def test_every_test_named_in_the_map_exists(test):
    path, name = test
    assert name in functions_in(path)


def test_every_row_of_the_map_names_a_symbol_and_a_test():
    rows = re.split(r"^\* - ", MAP, flags=re.MULTILINE)[1:]
    rows = [row for row in rows if row.count("\n  - ") == 4 and not row.startswith("Step\n")]
    assert len(rows) > 25
    assert [row for row in rows if not (ROLE.search(row) and TEST.search(row))] == []


def test_links_to_the_authors_code_name_its_commit():
    links = [link for link in AUTHORS.findall(MAP) if link]
    assert len(links) > 20
    assert [link for link in links if not link.startswith("/blob/71a8f01/")] == []


def noise_to_signal(schedule, t):
    return ((1 - schedule.alpha_bar(t)) / schedule.alpha_bar(t)).sqrt().item()


@pytest.mark.parametrize("steps", [50, 20, 10])
def test_the_surplus_of_the_official_levels_is_as_the_map_says(steps):
    (head,) = re.findall(r"^\| \|(?: strength [\d.]+ \|)+$", MAP, flags=re.MULTILINE)
    (row,) = re.findall(rf"^\| {steps} steps \|(.+)$", MAP, flags=re.MULTILINE)
    strengths = [float(number) for number in re.findall(r"[\d.]+", head)]
    said = [int(number) for number in re.findall(r"\d+", row)]
    assert len(said) == len(strengths) == 5
    config = json.loads(
        (ROOT / "inst_tutorial/paintbox/scheduler/scheduler_config.json").read_text(
            encoding="utf-8"
        )
    )
    schedule = Schedule.from_config(config)
    for strength, percent in zip(strengths, said, strict=True):
        noised_at = int(1000 * strength)
        denoised_from = timesteps(schedule, steps)[-int(steps * strength)]
        ratio = noise_to_signal(schedule, noised_at) / noise_to_signal(schedule, denoised_from)
        assert round(100 * (ratio - 1)) == percent


def test_every_public_module_is_on_the_api_page():
    named = set(re.findall(r"automodule:: ([\w.]+)", API))
    assert sorted(public_modules() - named) == []
