"""Editions for a course: exercises without their solutions, and the same for nbgrader.

In both, an exercise whose solution is code is a cell with a stub and a locked cell with its check,
the lines that stand below `# check` in the book. An open exercise has a cell for an answer in
words. nbgrader's own marks say where a solution begins and ends; what it takes out for its release
is what the student edition lacks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from editions.notebooks import glued, plain_cells, sources, tags, with_heading
from editions.painters import text_cells
from editions.plain import Piece, Plain, headings, segments, without_code
from editions.references import References

CHECK = "# check\n"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TO_DO = ["# YOUR CODE HERE", "raise NotImplementedError()"]
EXERCISE = ("exercise", "solution", "solution-start", "solution-end")
POINTS = {"code": 2, "words": 2}
CHECKS = "# Run this cell to check your answer."
CONFIG = r'''"""nbgrader's settings for this course. Submissions are named STUDENT_CHAPTER.ipynb.

The student's name may contain underscores. The files that Moodle packs work as they are, whether
it puts a student's number into the name of the file or of a folder. Other files are left out, and
nbgrader's warning names them.
"""

import re
from pathlib import Path

c = get_config()  # noqa: F821  (nbgrader brings it)
c.CourseDirectory.course_id = "inst-tutorial"
chapters = "|".join(re.escape(path.name) for path in Path(__file__).parent.glob("source/*"))
c.FileNameCollectorPlugin.named_regexp = (
    r".*[/\\](?P<student_id>[^/\\]+?)"
    r"(_|_\d+_assignsubmission_file(_|_?[/\\]))"
    rf"(?P<file_id>({chapters})[.]ipynb)$"
)
c.ZipCollectApp.strict = True
c.ExecutePreprocessor.timeout = 300
'''


def write_course(references: References, folder: Path) -> None:
    """A course for nbgrader: its settings, and an assignment for each notebook with exercises."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    for path in sources():
        notebook = course_notebook(path, references, solved=True)
        if any("nbgrader" in cell.metadata for cell in notebook.cells):
            assignment = folder / "source" / path.stem
            assignment.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, assignment / path.name)


def write_students(references: References, folder: Path) -> None:
    """The notebooks for students."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sources():
        nbformat.write(course_notebook(path, references, solved=False), folder / path.name)


def course_notebook(path: Path, references: References, solved: bool) -> NotebookNode:
    """A notebook with a stub and a check in place of each solution, and without answers.

    solved: stubs hold their solution between nbgrader's marks, which its release takes out.
    """
    source = nbformat.read(path, as_version=4)
    plain = Plain(references, glued(source), answers="out")
    cells = list(Exercises(source, plain, solved).cells())
    cells[0].source = with_heading(cells[0].source, f"book/{path.stem}", references)
    return new_notebook(cells=cells, metadata=source.metadata)


class Exercises:
    """Goes through a notebook of the book, cell by cell, and leaves solutions out."""

    def __init__(self, source: NotebookNode, plain: Plain, solved: bool) -> None:
        self.source, self.plain, self.solved = source, plain, solved
        self.code = {label(cell): cell.source for cell in source.cells if "solution" in tags(cell)}
        self.skips = False  # from the start of a solution to the next exercise or heading

    def cells(self) -> Iterator[NotebookNode]:
        """The cells of the edition."""
        for cell in self.source.cells:
            if cell.cell_type == "markdown":
                for number, part in enumerate(segments(cell.source, EXERCISE)):
                    yield from self.part(part, f"{cell.id}-{number}")
            elif "solution" not in tags(cell):
                yield from plain_cells(cell, self.plain)

    def part(self, part: str | Piece, name: str) -> Iterator[NotebookNode]:
        """The cells for a piece of text between exercises, or for an exercise."""
        if isinstance(part, str):
            yield from self.text(part, name)
        elif part.name == "exercise":
            self.skips = False
            yield from self.exercise(part, name)
        else:
            self.skips = True

    def text(self, text: str, name: str) -> Iterator[NotebookNode]:
        """What is not a remark on a solution."""
        if self.skips:
            start = next((start for _, start, _ in headings(text)), len(text))
            text, self.skips = text[start:], start == len(text)
        yield from text_cells(text, self.plain, name)

    def exercise(self, piece: Piece, name: str) -> Iterator[NotebookNode]:
        """The question; then a stub and its check, or a cell for words."""
        key = piece.options["label"]
        solution = self.code.get(key)
        body = piece.body if solution is None else without_code(piece.body)
        question = Piece(piece.name, piece.title, piece.options, body)
        yield new_markdown_cell(self.plain.exercise(question).strip(), id=name)
        if solution is None:
            marks = graded(key, "markdown", grade=True, solution=True, points=POINTS["words"])
            yield new_markdown_cell("YOUR ANSWER HERE", id=key, metadata=marks)
            return
        answer, check = solution.split(CHECK, 1)
        answer = marked(answer) if self.solved else released(answer)
        yield new_code_cell(answer, id=key, metadata=graded(key, "code", solution=True))
        marks = graded(f"{key}-check", "code", grade=True, locked=True, points=POINTS["code"])
        check = f"{CHECKS}\n{check.strip()}"
        yield new_code_cell(check, id=f"{key}-check", metadata=marks)


def label(cell: NotebookNode) -> str:
    """The label of the exercise that a cell of code solves."""
    (found,) = (tag for tag in tags(cell) if tag.startswith("ex-"))
    return found


def graded(
    name: str,
    kind: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: int | None = None,
) -> dict[str, object]:
    """Nbgrader's metadata of a cell."""
    about = {"grade_id": name, "cell_type": kind, "schema_version": 3, "task": False}
    about |= {"grade": grade, "solution": solution, "locked": locked}
    return {"nbgrader": about if points is None else about | {"points": points}}


def bodies(source: str) -> list[tuple[int, int, int]]:
    """Of each function in the outermost level: the first and the last line of its body, counted
    from 0 and without its docstring, and how far it is indented."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            first = node.body[1 if ast.get_docstring(node) else 0]
            above = [d.lineno for d in getattr(first, "decorator_list", ())]
            line = min([first.lineno, *above])
            found.append((line - 1, (node.end_lineno or line) - 1, first.col_offset))
    return found


def marked(source: str) -> str:
    """A solution with nbgrader's marks round the body of each function."""
    lines = source.strip().splitlines()
    for first, last, indent in reversed(bodies(source.strip())):
        space = " " * indent
        lines[first : last + 1] = [space + BEGIN, *lines[first : last + 1], space + END]
    return "\n".join(lines)


def released(source: str) -> str:
    """A solution with the bodies of its functions left out, as nbgrader leaves them out."""
    lines = source.strip().splitlines()
    for first, last, indent in reversed(bodies(source.strip())):
        lines[first : last + 1] = [" " * indent + line for line in TO_DO]
    return "\n".join(lines)
