"""Files that say the same thing twice must agree, and nothing of one machine may be in them."""

import json
import pkgutil
import re
import shutil
import subprocess
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from platforms import not_on_windows

import inst_tutorial
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_names, shipped_word
from inst_tutorial.studies.results import Results

ROOT = Path(__file__).parents[2]
_TABLES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, GROUPS = _TABLES["project"], _TABLES["dependency-groups"]
BIGGEST_MB = 15


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def pins():
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def requirements():
    named = [*PROJECT["optional-dependencies"].values(), *GROUPS.values()]
    return [Requirement(text) for text in sum(named, PROJECT["dependencies"])]


def tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in names.stdout.split("\0") if name and (ROOT / name).is_file()]


# ----------------------------------------------------------------------------- environments


def test_constraints_are_plain_exact_versions():
    for line in read("constraints.txt").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line), line


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_the_tested_version_is_in_the_range(requirement):
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_environment_yml_installs_this_project_with_the_tested_versions():
    dependencies = yaml.safe_load(read("environment.yml"))["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip == ["--constraint constraints.txt", "--editable .[book,test]"]
    assert set(PROJECT["optional-dependencies"]) >= {"book", "test"}


def test_environments_use_a_python_that_the_project_accepts():
    accepted = SpecifierSet(PROJECT["requires-python"])
    named = re.findall(r'python(?:=|-version: ")(3\.\d+)', read("environment.yml"))
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        named += re.findall(r'python-version: "(3\.\d+)"', workflow.read_text(encoding="utf-8"))
        named += re.findall(r'python: \["(.*)"\]', workflow.read_text(encoding="utf-8"))
    pythons = {python for listed in named for python in listed.split('", "')}
    assert pythons == {"3.11", "3.12", "3.13"}
    assert all(accepted.contains(python) for python in pythons)


def test_one_version_everywhere():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert version("inst-tutorial") == inst_tutorial.__version__ == str(citation["version"])
    config = yaml.safe_load(read("_config.yml"))
    assert config["sphinx"]["config"]["version"] == inst_tutorial.__version__


# --------------------------------------------------------------------------------- commands


def make_targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_targets_that_are_named_exist(name):
    named = set(re.findall(r"(?:^|`|&& )make ([a-z-]+)", read(name), flags=re.MULTILINE))
    assert named
    assert named <= make_targets()


def test_workflows_call_make_targets_that_exist():
    ci = yaml.safe_load(read(".github/workflows/ci.yml"))
    targets = {"lint", "test", "web", "book"}
    assert set(ci["jobs"]["make"]["strategy"]["matrix"]["target"]) == targets
    nightly = yaml.safe_load(read(".github/workflows/nightly.yml"))
    assert {"run": "make test-all"} in nightly["jobs"]["test"]["steps"]
    assert targets | {"test-all"} <= make_targets()


def test_actions_of_the_workflows_are_pinned_to_a_commit():
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
        assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


def test_workflows_and_binder_take_pytorch_without_cuda():
    indexes = re.findall(r"--extra-index-url (\S+)\"", read(".github/push-notebooks"))
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        told = yaml.safe_load(workflow.read_text(encoding="utf-8"))["env"]
        indexes.append(told["PIP_EXTRA_INDEX_URL"])
    assert len(indexes) == 4
    assert {*indexes, *re.findall(r"PIP_EXTRA_INDEX_URL=(\S+)", read("book/install.md"))} == {
        "https://download.pytorch.org/whl/cpu"
    }


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "book/install.md"])
def test_pytest_by_hand_is_that_of_the_makefile(name):
    commands = re.findall(r"python -m pytest\b(.*)", read(name))
    options = re.search(r"python -m pytest(.*)", read("Makefile").split("\ntest:")[1])[1]
    assert set(commands) <= {options}


def test_the_fast_set_of_the_workflow_is_that_of_the_makefile():
    ci = yaml.safe_load(read(".github/workflows/ci.yml"))
    fast = read("Makefile").split("\ntest-fast:")[1]
    marked = re.search(r'-m "[^"]+"', fast)[0]
    assert any(marked in step.get("run", "") for step in ci["jobs"]["fast"]["steps"])


def test_the_commands_of_the_readme_exist():
    from inst_tutorial.cli import app

    known = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
    }
    named = set(re.findall(r"(?:^|`|bin/)inst ([a-z]+)", read("README.md"), flags=re.MULTILINE))
    assert "demo" in named
    assert named <= known


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", read("README.md"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


# -------------------------------------------------------------------------------- the files


def test_no_file_is_too_big():
    sizes = {path.name: path.stat().st_size / 1e6 for path in tracked()}
    assert {name: size for name, size in sizes.items() if size > BIGGEST_MB} == {}


def test_nothing_names_a_place_on_one_machine():
    place = re.compile(rb"(?<![\w.:/~])/(?:home|root|Users|work|opt|tmp)/[\w.]")
    found = {
        path.name: place.search(data)[0]
        for path in tracked()
        if "vendor" not in path.parts  # others' files, as they are
        if b"\0" not in (data := path.read_bytes()) and place.search(data)
    }
    assert found == {}


@pytest.mark.parametrize("package", ["inst_tutorial", "inst_tutorial.world"])
def test_no_public_name_is_also_the_name_of_a_module(package):
    """Importing the module would replace the function."""
    module = import_module(package)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert not modules & set(module.__all__)


def test_recorded_numbers_belong_to_the_shipped_weights():
    painter = Painter.load("paintbox", device="cpu")
    recorded = json.loads((PAINTBOX / "evaluation.json").read_text(encoding="utf-8"))
    assert recorded["fingerprint"] == painter.fingerprint()
    for name in ("after_inst.json", "experiments.json", "held_out_pairs.json"):
        assert Results.load(ROOT / "inst_tutorial/data" / name).belongs_to(painter)
    for name in shipped_names():
        assert shipped_word(name).info["fingerprint"] == painter.fingerprint()


@not_on_windows("cannot run a script of bash by its name")
def test_notebooks_are_pushed_as_one_commit_with_what_binder_needs(tmp_path):
    def git(*arguments, cwd=tmp_path / "checkout"):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout

    checkout, version = tmp_path / "checkout", inst_tutorial.__version__
    (checkout / "inst_tutorial").mkdir(parents=True)
    (checkout / "inst_tutorial/__init__.py").write_text(f'__version__ = "{version}"\n')
    git("init", "--quiet", "--bare", str(tmp_path / "origin"))
    git("init", "--quiet")
    git("remote", "add", "origin", str(tmp_path / "origin"))
    for text in ("old", "new"):
        shutil.rmtree(checkout / "notebooks", ignore_errors=True)
        (checkout / "notebooks").mkdir()
        (checkout / "notebooks" / f"{text}.ipynb").write_text("{}")
        subprocess.run([ROOT / ".github/push-notebooks", "notebooks"], cwd=checkout, check=True)
    git("fetch", "--quiet", "origin", "notebooks")
    assert git("rev-list", "--count", "FETCH_HEAD").strip() == "1"
    files = git("ls-tree", "--name-only", "FETCH_HEAD").split()
    assert files == ["new.ipynb", "requirements.txt", "runtime.txt"]
    needed = git("show", "FETCH_HEAD:requirements.txt").splitlines()
    assert needed[-1] == f"inst-tutorial[notebooks]=={version}"
