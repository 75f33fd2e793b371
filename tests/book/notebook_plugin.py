"""Further tests in the kernel of each notebook, after its last cell.

nbval runs the cells and compares what they print. While the kernel is still there,
- each printed number is changed in the stored output, one by one: nbval must notice;
- each exercise is tried with the stub that the reader gets in place of the solution: what stands
  below `# check` must fail, and pass again with the solution.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

CHECK = "# check\n"
DIGIT = re.compile(r"\d")
SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the further tests behind the cells of their notebook, and mark them all."""
    with_more = []
    for item, following in zip(items, [*items[1:], None], strict=True):
        with_more.append(item)
        if isinstance(item, IPyNbCell) and getattr(following, "parent", None) is not item.parent:
            cells = [i for i in items if isinstance(i, IPyNbCell) and i.parent is item.parent]
            with_more += further_tests(item.parent, cells)
    items[:] = with_more
    for item in items:
        if isinstance(item, IPyNbCell | WrongNumber | Exercise):
            item.add_marker(pytest.mark.notebook)


def further_tests(notebook: IPyNbFile, cells: list[IPyNbCell]) -> Iterator[pytest.Item]:
    """One test for the numbers, and one for each exercise whose solution is code."""
    yield WrongNumber.from_parent(notebook, name="wrong numbers are noticed", cells=cells)
    for cell in notebook.nb.cells:
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            (label,) = (tag for tag in tags if tag.startswith("ex-"))
            stub = stub_of(notebook.nb, label)
            yield Exercise.from_parent(notebook, name=label, stub=stub, solution=cell.source)


class WrongNumber(pytest.Item):
    """nbval fails when a stored number is another."""

    def __init__(self, *, cells: list[IPyNbCell], **rest: object) -> None:
        super().__init__(**rest)
        self.cells = cells

    def runtest(self) -> None:
        """Change the first digit of each compared output."""
        if not all(hasattr(cell, "test_outputs") for cell in self.cells):
            pytest.skip("not all cells were run")
        compared = [cell for cell in self.cells if cell.options["check"]]
        planted = [(cell, wrong) for cell in compared if (wrong := plant(cell.cell.outputs))]
        assert planted, "this notebook prints no number"
        for cell, wrong in planted:
            assert not cell.compare_outputs(cell.test_outputs, wrong), cell.name


class Exercise(pytest.Item):
    """The stub of an exercise fails where its solution passes."""

    def __init__(self, *, stub: str, solution: str, **rest: object) -> None:
        super().__init__(**rest)
        self.stub, self.solution = stub, solution

    def runtest(self) -> None:
        """Run the check with the stub, then with the solution."""
        assert CHECK in self.solution, "the solution has no line '# check'"
        assert defined(self.stub) <= defined(self.solution), "the stub has another name"
        check = self.solution.split(CHECK, 1)[1]
        error = self.error_of(f"{self.stub}\n{check}")
        assert error not in ("", "NameError", "SyntaxError"), f"with the stub: {error or 'passes'}"
        assert self.error_of(self.solution) == "", "the solution fails at the end of the notebook"

    def error_of(self, source: str) -> str:
        """What running the source raises, or nothing."""
        kernel = self.parent.kernel
        message = kernel.execute_cell_input(source, allow_stdin=False)
        error = ""
        while True:
            heard = kernel.get_message("iopub", timeout=SECONDS)
            if heard["parent_header"].get("msg_id") == message:
                error = heard["content"].get("ename", error)
                if heard["content"].get("execution_state") == "idle":
                    return error


def plant(outputs: list) -> list | None:
    """Stored outputs with one digit changed; None when nothing printed has a digit."""
    wrong = copy.deepcopy(coalesce_streams(outputs))
    for output in wrong:
        holder = output if "text" in output else output.get("data", {})
        for key in {"text", "text/plain"} & set(holder):
            if DIGIT.search(holder[key]):
                holder[key] = DIGIT.sub(lambda d: str((int(d[0]) + 1) % 10), holder[key], count=1)
                return wrong
    return None


def stub_of(notebook: object, label: str) -> str:
    """The code that the exercise of this label gives its reader."""
    for cell in notebook.cells:
        found = re.search(
            rf"`{{3,}}{{exercise}}(?:(?!{{exercise}}).)*?:label: {label}\n(.*?)```python\n(.*?)```",
            cell.source,
            flags=re.DOTALL,
        )
        if found:
            return found[2]
    raise pytest.UsageError(f"the exercise {label} has a solution in code, but no stub")


def defined(source: str) -> set[str]:
    """The functions and classes that a piece of code defines."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds)}
