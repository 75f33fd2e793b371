"""The editions: no MyST; the plain ones run where only the wheel is, and a course is graded."""

import ast
import csv
import inspect
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import ipywidgets
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_markdown_cell, new_notebook

pytest.importorskip("jupyter_book")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import make_editions  # noqa: E402
from editions import course, painters, teacher  # noqa: E402
from editions.notebooks import SETUP, plain_notebook, sources, tags  # noqa: E402
from editions.plain import Plain, is_plain  # noqa: E402
from editions.references import Link, read_book  # noqa: E402
from fresh import build_wheel, fresh_environment  # noqa: E402

from inst_tutorial.studies import experiments  # noqa: E402
from inst_tutorial.studies.plan import Plan  # noqa: E402

each_source = pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)


class Known:
    """References that need no book."""

    def doc(self, page):
        return Link(f"page {page}", "page.html")

    def numbered(self, label, kind="figure"):
        return Link(f"{kind} {label}", "#")

    def equation(self, label):
        return Link(f"({label})", "#")

    def api(self, role, target):
        return Link(f"{role} {target}", "api.html")

    def cite(self, key, in_text=False):
        return Link(f"{key} ({in_text})", "bib.html")

    def file(self, path):
        return Link(path, "file")

    def static(self, path):
        return f"https://book/{path}"

    ref = numbered


plain = Plain(Known(), {"far": "12.5"})

# ----------------------------------------------------------------------------------- the text


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        ("{glue:text}`far` units", "12.5 units"),
        (
            "see {doc}`02_x`, or {doc}`this <02_x>`",
            "see [page book/02_x](page.html), or [this](page.html)",
        ),
        ("{cite}`a, b`", "([a (False)](bib.html); [b (False)](bib.html))"),
        ("{cite:t}`a`", "[a (True)](bib.html)"),
        ("a role over {func}`~a.b\nc` lines", "a role over [func ~a.b c](api.html) lines"),
        ("`{doc}` is code, {eq}`e` is not", "`{doc}` is code, [(e)](#) is not"),
        ("(label)=\n## Title", "## Title"),
        ("$$a$$ (e)", "$$a \\tag{e}$$"),
        ("| a |\n|---|\n| {doc}`x` |", "| a |\n|---|\n| [page book/x](page.html) |"),
        ("```{admonition} T\n:class: tip\nb\n```", "> **T**\n>\n> b"),
        ("```{solution-end}\n```", ""),
        (
            "```{figure} _static/a.webp\n:name: fig-a\n:alt: A house\n\nOne {doc}`x`.\n```",
            "![A house](https://book/_static/a.webp)\n\n"
            "**[figure fig-a](#).** One [page book/x](page.html).",
        ),
        (
            "```{figure} _static/a.webp\n:alt: A house\n\nOne.\n```",
            "![A house](https://book/_static/a.webp)\n\nOne.",
        ),
        ("```python\n{doc}`x`\n```", "```python\n{doc}`x`\n```"),
    ],
)
def test_myst_becomes_plain_markdown(myst, expected):
    assert plain(myst) == expected


def test_what_the_page_folds_is_folded():
    text = "````{admonition} Think\nWhy?\n```{admonition} Answer\n:class: dropdown\nSo.\n```\n````"
    assert "> <summary><b>Answer</b></summary>" in plain(text) and "So." in plain(text)
    without = Plain(Known(), {}, answers="out")(text)
    assert "Why?" in without and "So." not in without


@pytest.mark.parametrize(
    "text", ["{unknown}`x`", "```{unknown}\n```", "- ```{admonition} T\n  b\n  ```"]
)
def test_what_has_no_plain_form_is_an_error(text):
    with pytest.raises(ValueError, match=r"unknown|inside a list"):
        plain(text)


@pytest.mark.parametrize("widget", painters.PANELS)
def test_a_cell_opens_a_panel_where_the_page_has_a_painter(widget):
    text = f"# Here\n\n```{{painter}} {widget}\nCaption.\n```\n\n## There"
    before, about, panel, after = painters.text_cells(text, plain, "cell-7")
    assert (before.source, before.id, after.source) == ("# Here", "cell-7", "## There")
    assert "[page book/painter_in_browser](page.html)" in about.source
    found = {}
    exec(panel.source.rsplit("\n", 1)[0], found)  # all but the last line, which opens it
    name = panel.source.splitlines()[-1].removesuffix("()")
    assert issubclass(found[name], ipywidgets.VBox)


def test_a_painter_without_a_panel_is_an_error():
    with pytest.raises(ValueError, match=r"no panel for the painter 'fly'"):
        list(painters.text_cells("```{painter} fly\n```", plain, "cell-7"))


def test_a_line_names_the_solution_that_follows():
    text = "```{solution-start} ex-1\n```"
    assert plain(text) == "**Solution of exercise ex-1**, folded in the next cell. Try it first."
    assert Plain(Known(), {}, answers="open")(text) == "**Solution of exercise ex-1:**"


def test_students_get_the_panels_as_well():
    source = new_notebook(cells=[new_markdown_cell("A.\n\n```{painter} studio\n```")])
    cells = list(course.Exercises(source, plain, solved=False).cells())
    assert [cell.cell_type for cell in cells] == ["markdown", "markdown", "code"]


# ------------------------------------------------------------------------------ the notebooks


@pytest.fixture(scope="session")
def references():
    """What Sphinx knows about the book."""
    with read_book() as found:
        yield found


def test_reading_the_book_leaves_the_functions_of_this_process_alone(references):
    """Sphinx can put the words of a default in its place, and a command then refuses to start."""
    assert inspect.signature(experiments.main).parameters["styles"].default == Plan.styles


@pytest.fixture(scope="session")
def notebooks(references):
    """The name of each notebook, and its plain edition."""
    return {path.stem: plain_notebook(path, references) for path in sources()}


@pytest.mark.slow
@each_source
def test_no_myst_is_left(path, notebooks):
    cells = notebooks[path.stem].cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert texts and [text for text in texts if not is_plain(text)] == []
    assert not any("mystnb" in cell.metadata for cell in cells)


@pytest.mark.slow
@each_source
def test_code_and_outputs_are_those_of_the_book(path, notebooks):
    nbformat.validate(notebooks[path.stem])
    before, after = (
        [
            (cell.source, cell.outputs)
            for cell in notebook.cells
            if cell.cell_type == "code" and painters.PAINTER not in tags(cell)
        ]
        for notebook in (nbformat.read(path, 4), notebooks[path.stem])
    )
    assert before == after


@pytest.mark.slow
@each_source
def test_folded_cells_are_folded_and_the_first_is_open(path, notebooks):
    code = [cell for cell in notebooks[path.stem].cells if cell.cell_type == "code"]
    folded = [cell for cell in code if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert SETUP in tags(code[0]) and code[0] not in folded
    assert all(cell.metadata["cellView"] == "form" for cell in folded)
    assert [cell for cell in code if "solution" in tags(cell) and cell not in folded] == []


# --------------------------------------------------------------------------------- for courses

SOLVED = """import torch


@torch.no_grad()
def double(x):
    \"\"\"Twice x.\"\"\"
    two = 2
    return two * x


def half(x): return x / 2"""


def test_the_bodies_of_functions_are_marked_and_left_out():
    assert course.marked(SOLVED.replace(": return", ":\n    return")) == SOLVED.replace(
        "    two = 2\n    return two * x",
        "    ### BEGIN SOLUTION\n    two = 2\n    return two * x\n    ### END SOLUTION",
    ).replace(": return x / 2", ":\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION")
    left = course.released(SOLVED.replace(": return", ":\n    return"))
    assert "Twice x" in left and "two" not in left and "/ 2" not in left
    assert left.count("raise NotImplementedError()") == 2


def solutions(path):
    cells = nbformat.read(path, 4).cells
    return [cell.source for cell in cells if "solution" in tags(cell)]


@pytest.mark.slow
@each_source
def test_students_get_stubs_and_checks_and_no_answers(path, references):
    notebook = course.course_notebook(path, references, solved=False)
    nbformat.validate(notebook)
    assert all(is_plain(cell.source) for cell in notebook.cells if cell.cell_type == "markdown")
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "<details>" not in text and "**Solution" not in text
    stubs = [cell for cell in notebook.cells if "raise NotImplementedError()" in cell.source]
    checks = [cell.source for cell in notebook.cells if cell.get("id", "").endswith("-check")]
    lines = [source.split("# check\n")[1].strip() for source in solutions(path)]
    assert checks == [f"{course.CHECKS}\n{each}" for each in lines]
    assert len(stubs) == len(checks)


@pytest.mark.slow
@each_source
def test_teachers_get_every_answer_open_and_their_notes(path, references):
    notes = teacher.read_notes().get(path.stem, {})
    notebook = teacher.teacher_notebook(path, references, notes)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if "source_hidden" not in str(cell.metadata)]
    assert [source for source in solutions(path) if source not in code] == []
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "<details>" not in text and "folded in the next cell" not in text
    assert text.count("**For the teacher: ") == len(notes)


def test_each_chapter_has_notes_for_the_teacher():
    chapters = {path.stem for path in sources() if path.stem[:2].isdigit()}
    assert set(teacher.read_notes()) == chapters


def test_a_note_at_an_unknown_heading_is_an_error():
    note = {"Nowhere": teacher.Note(1, "show", "mistake", "ask", "answer")}
    with pytest.raises(ValueError, match=r"no heading .'Nowhere'.; there are"):
        teacher.teacher_notebook(sources()[0], Known(), note)


@pytest.mark.slow
def test_writing_again_keeps_what_a_teacher_made(references, tmp_path, monkeypatch):
    monkeypatch.setattr(make_editions, "OUT", tmp_path)
    monkeypatch.setattr(make_editions, "read_book", lambda: nullcontext(references))
    make_editions.main()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path).parts[0] for path in written} == {
        "plain",
        "student",
        "teacher",
        "course",
    }
    made = ["gradebook.db", "submitted/ada/02_diffusion/a.ipynb", "source/mine/mine.ipynb"]
    for name in made:
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).write_text("marks")
    for path in written:
        path.write_text("old")
    make_editions.main()
    assert {path: path.read_bytes() for path in written} == written
    assert [(tmp_path / "course" / name).read_text(encoding="utf-8") for name in made] == [
        "marks"
    ] * len(made)


@pytest.fixture
def collector(tmp_path):
    """What finds student and chapter in a file's name, for a course of two chapters."""
    loader = pytest.importorskip("traitlets.config").PyFileConfigLoader
    zipcollect = pytest.importorskip("nbgrader.plugins.zipcollect")
    for chapter in ("02_diffusion", "b_benchmarks"):
        (tmp_path / "source" / chapter).mkdir(parents=True)
    (tmp_path / "nbgrader_config.py").write_text(course.CONFIG, encoding="utf-8")
    settings = loader("nbgrader_config.py", path=str(tmp_path)).load_config()
    return zipcollect.FileNameCollectorPlugin(config=settings)


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ada_02_diffusion.ipynb", "ada"),
        ("jean_paul_02_diffusion.ipynb", "jean_paul"),
        ("Ada Lovelace_512_assignsubmission_file_02_diffusion.ipynb", "Ada Lovelace"),
        ("Ada Lovelace_512_assignsubmission_file/02_diffusion.ipynb", "Ada Lovelace"),
        ("Jean_Paul_7_assignsubmission_file_/02_diffusion.ipynb", "Jean_Paul"),
        ("class/ada_02_diffusion.ipynb", "ada"),
    ],
)
def test_a_file_belongs_to_the_student_whom_it_names(name, student, collector):
    found = collector.collect(f"/my_course/extracted/{name}")
    assert (found["student_id"], found["file_id"]) == (student, "02_diffusion.ipynb")


@pytest.mark.parametrize(
    "name",
    ["02_diffusion.ipynb", "ada_02_difusion.ipynb", "ada_3_x.ipynb", "ada_02_diffusion (1).ipynb"],
)
def test_a_file_that_fits_no_chapter_is_left_out_with_a_warning(name, collector, caplog):
    path = f"/my_course/extracted/{name}"
    collector.log = logging.getLogger("nbgrader-test")
    assert collector.collect(path) is None
    assert path in caplog.text


def commands_of_the_guide():
    """The blocks of nbgrader's commands in the guide for teachers, each command in its parts."""
    guide = (ROOT / "book" / "c_teaching.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(nbgrader .*?)```", guide, re.DOTALL)
    return [
        [shlex.split(line, comments=True)[1:] for line in block.splitlines()] for block in blocks
    ]


@pytest.mark.slow
@pytest.mark.notebook
def test_a_course_is_assigned_collected_and_graded_as_the_guide_says(references, tmp_path):
    """Ada hands in the stubs and then the solution; Jean is late; a file has no known name."""
    pytest.importorskip("nbgrader")
    folder, chapter = tmp_path / "course", "02_diffusion"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    active = os.environ | {"PATH": programs}  # nbgrader calls alembic by its name
    course.write_course(references, folder)

    def nbgrader(*arguments):
        program = [sys.executable, "-m", "nbgrader", *arguments]
        ran = subprocess.run(program, cwd=folder, env=active, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr[-2000:]
        return ran.stderr

    def marks():
        with (folder / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    def feedback(student):
        page = folder / "feedback" / student / chapter / f"{chapter}.html"
        return page.read_text(encoding="utf-8")

    (assign, *grade), again = commands_of_the_guide()
    nbgrader(*assign)
    released = folder / "release" / chapter / f"{chapter}.ipynb"
    student = course.course_notebook(ROOT / "book" / f"{chapter}.ipynb", references, solved=False)
    sheet = nbformat.read(released, 4)
    assert [cell.source for cell in sheet.cells] == [cell.source for cell in student.cells]
    solved = folder / "source" / chapter / released.name
    inbox = folder / "downloaded" / chapter / "archive"
    inbox.mkdir(parents=True)
    shutil.copy(released, inbox / f"ada_{released.name}")
    for name in ("homework.ipynb", "ada_05_textual_inversion.ipynb"):
        shutil.copy(released, inbox / name)
    said = "".join(nbgrader(*command) for command in grade)
    assert re.search(r"WARNING.*Skipped.*homework\.ipynb", said)
    assert re.search(r"WARNING.*Skipped.*05_textual_inversion\.ipynb", said)
    assert marks() == {"ada": 0}
    assert "NotImplementedError" in feedback("ada")

    shutil.copy(solved, inbox / f"ada_{released.name}")
    late = f"Jean_Paul Roux_512_assignsubmission_file_{released.name}"
    shutil.copy(solved, inbox / late)
    for command in again:
        nbgrader(*command)
    full = 3 * course.POINTS["code"]
    assert marks() == {"ada": full, "Jean_Paul Roux": full}
    assert "raise NotImplementedError" not in feedback("ada")


# ------------------------------------------------------------------------- where they must run
#
# Code and outputs of a plain notebook are those of the book, letter by letter (tested above), and
# nbval runs the book's in `make test`. What can still differ where only the wheel is: a package
# that it does not require, or a file that pip did not bring. Both are tested for every notebook
# without running it. Three notebooks run in full on every push; all of them run every night, as
# that takes seven minutes.

BY_DAY = {"first_steps", "13_after_inst", "b_benchmarks"}  # a painter, studies, measurements
each_to_run = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem in BY_DAY else pytest.mark.nightly)
        for path in sources()
    ],
)


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """A folder for JUPYTER_PATH with the kernel "fresh": the wheel with [notebooks], ipykernel."""
    folder = tmp_path_factory.mktemp("fresh")
    wheel = build_wheel(ROOT, folder / "wheel")
    python = fresh_environment(folder / "venv", wheel, {"notebooks"}, "ipykernel")
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "fresh", "language": "python"}
    (folder / "kernels" / "fresh").mkdir(parents=True)
    (folder / "kernels" / "fresh" / "kernel.json").write_text(json.dumps(spec))
    return folder


@pytest.mark.slow
def test_the_fresh_environment_has_the_wheel_and_no_myst(kernels):
    program = "import inst_tutorial, importlib.util as u; print(inst_tutorial.__file__)\n"
    program += "print([n for n in ('myst_nb', 'pytest', 'sphinx', 'nbformat') if u.find_spec(n)])"
    python = kernels / "venv" / "bin" / "python"
    said = subprocess.run(
        [python, "-Ic", program], cwd=kernels, capture_output=True, text=True, check=True
    )
    place, others = said.stdout.splitlines()
    assert Path(place).is_relative_to(kernels / "venv")
    assert others == "[]"


def parts_of_code(path):
    """All nodes of the syntax trees of a notebook's code."""
    python = TransformerManager().transform_cell  # %pip is not Python
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [node for cell in cells for node in ast.walk(ast.parse(python(cell.source)))]


@pytest.mark.slow
def test_what_notebooks_import_and_read_is_there_where_only_the_wheel_is(kernels):
    parts = [part for path in sources() for part in parts_of_code(path)]
    imports = {ast.unparse(one) for one in parts if isinstance(one, ast.Import | ast.ImportFrom)}
    calls = [ast.unparse(one) for one in parts if isinstance(one, ast.Call)]
    read = {call for call in calls if call.startswith("data_file(")}
    assert "import torch" in imports and len(read) > 2
    program = "\n".join([*sorted(imports), "from inst_tutorial.notebook import data_file", *read])
    python = kernels / "venv" / "bin" / "python"
    subprocess.run([python, "-Ic", program], cwd=kernels, check=True)


@each_source
def test_no_notebook_reads_a_file_that_lies_beside_it(path):
    texts = {part.value for part in parts_of_code(path) if isinstance(part, ast.Constant)}
    names = {text for text in texts if isinstance(text, str) and text.isprintable()}
    near = [name for name in names if len(name) < 200 and (ROOT / "book" / name).is_file()]
    assert near == []


@pytest.mark.slow
@pytest.mark.notebook
@each_to_run
def test_a_plain_notebook_runs_where_only_the_wheel_is(
    path, notebooks, kernels, tmp_path, monkeypatch
):
    nbformat.write(notebooks[path.stem], tmp_path / path.name)
    monkeypatch.setenv("JUPYTER_PATH", str(kernels))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        tmp_path,
    ]
    options = ["--nbval", "--nbval-kernel-name=fresh", "--nbval-cell-timeout=120"]
    options += [f"--nbval-sanitize-with={ROOT / 'tests/book/nbval.cfg'}"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    result = subprocess.run(
        [*command, "-c", tmp_path / "pytest.ini", *options, path.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
