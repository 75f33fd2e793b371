"""Further tests in the kernel of each notebook, after its last cell.

nbval runs the cells and compares what they print. While the kernel is still there,
- each printed number is changed in the stored output, one by one: nbval must notice;
- each exercise is tried with the stub that the reader gets in place of the solution: what stands
  below `# check` must fail with a sentence, and pass again with the solution;
- so it is with answers of another kind, such as a text in place of a tensor;
- and with at least two plausible wrong answers, from the folder wrong_answers: the check must give
  each its own hint;
- and with other right answers, from the folder right_answers: the check must take them.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

CHECK = "# check\n"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
SECONDS = 60
WRONG_ANSWERS = Path(__file__).with_name("wrong_answers")
RIGHT_ANSWERS = Path(__file__).with_name("right_answers")
RIGHT_ANSWER = re.compile(r"^# %% (\S+)\n((?:(?!# %%).*\n)*)", re.MULTILINE)
WRONG_KINDS = ("[1, 2]", "-1.5", "'some text'", "__import__('torch').ones(2, 3)", "print")
WRONG_ANSWER = re.compile(r"^# %% (\S+)\n# hint: (.*)\n((?:(?!# %%).*\n)*)", re.MULTILINE)


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
            yield Exercise.from_parent(
                notebook,
                name=label,
                stub=stub_of(notebook.nb, label),
                solution=cell.source,
                wrong=wrong_answers(notebook.path.stem, label),
                right=right_answers(notebook.path.stem, label),
            )


class WrongNumber(pytest.Item):
    """nbval fails when a stored number is another."""

    def __init__(self, *, cells: list[IPyNbCell], **rest: object) -> None:
        super().__init__(**rest)
        self.cells = cells

    def runtest(self) -> None:
        """Change the last digit of each number in the compared outputs, one number at a time."""
        if not all(hasattr(cell, "test_outputs") for cell in self.cells):
            pytest.skip("not all cells were run")
        compared = [cell for cell in self.cells if cell.options["check"]]
        planted = [(cell, *wrong) for cell in compared for wrong in plants(cell.cell.outputs)]
        assert planted, "this notebook prints no number"
        for cell, number, wrong in planted:
            noticed = not cell.compare_outputs(cell.test_outputs, wrong)
            assert noticed, f"{cell.name}: another number in the place of {number} is not noticed"


@dataclass(frozen=True)
class WrongAnswer:
    """A plausible wrong answer, and words of the hint that it must get."""

    hint: str
    source: str


class Exercise(pytest.Item):
    """The stub of an exercise fails, its solution passes, and wrong answers get their hints."""

    def __init__(
        self,
        *,
        stub: str,
        solution: str,
        wrong: list[WrongAnswer],
        right: list[str],
        **rest: object,
    ) -> None:
        super().__init__(**rest)
        self.stub, self.solution, self.wrong, self.right = stub, solution, wrong, right

    def runtest(self) -> None:
        """Run the check with the stub, with each wrong answer, then with the solution."""
        assert CHECK in self.solution, "the solution has no line '# check'"
        assert defined(self.stub) <= defined(self.solution), "the stub has another name"
        assert len({one.hint for one in self.wrong}) > 1, "fewer than two wrong answers with hints"
        check = self.solution.split(CHECK, 1)[1]
        for other in (self.stub, *wrong_kinds(self.stub)):
            error, text = self.error_of(f"{other}\n{check}")
            assert error == "AssertionError" and text, f"{error or 'passes'} {text}, with\n{other}"
        assert self.error_of(self.solution) == ("", ""), "the solution fails after the last cell"
        for other in self.right:
            assert self.error_of(f"{other}\n{check}") == ("", ""), f"also right:\n{other}"
        for one in self.wrong:
            error, hint = self.error_of(f"{one.source}\n{check}")
            assert error == "AssertionError", f"{one.hint!r}: {error or 'passes'} {hint}"
            assert one.hint in hint, f"the hint is {hint!r}, not {one.hint!r}"
        assert self.error_of(self.solution) == ("", ""), "the solution fails after wrong answers"

    def error_of(self, source: str) -> tuple[str, str]:
        """What running the source raises, and its text; or two empty texts."""
        kernel = self.parent.kernel
        message = kernel.execute_cell_input(source, allow_stdin=False)
        error = text = ""
        while True:
            heard = kernel.get_message("iopub", timeout=SECONDS)
            if heard["parent_header"].get("msg_id") == message:
                error = heard["content"].get("ename", error)
                text = heard["content"].get("evalue", text)
                if heard["content"].get("execution_state") == "idle":
                    return error, text


def wrong_answers(notebook: str, label: str) -> list[WrongAnswer]:
    """The wrong answers to the exercise of this label."""
    text = (WRONG_ANSWERS / f"{notebook}.py").read_text(encoding="utf-8")
    return [
        WrongAnswer(hint, code) for name, hint, code in WRONG_ANSWER.findall(text) if name == label
    ]


def right_answers(notebook: str, label: str) -> list[str]:
    """The other right answers to the exercise of this label; few exercises have some."""
    path = RIGHT_ANSWERS / f"{notebook}.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [code for name, code in RIGHT_ANSWER.findall(text) if name == label]


def plants(outputs: list) -> Iterator[tuple[str, list]]:
    """Each printed number, with the stored outputs in which its last digit is another one."""
    stored = coalesce_streams(copy.deepcopy(outputs))
    for place, output in enumerate(stored):
        for key in sorted({"text", "text/plain"} & set(holder(output))):
            text = holder(output)[key]
            for number in NUMBER.finditer(text):
                wrong, last = copy.deepcopy(stored), number.end() - 1
                digit = str((int(text[last]) + 1) % 10)
                holder(wrong[place])[key] = text[:last] + digit + text[last + 1 :]
                yield number[0], wrong


def holder(output: dict) -> dict:
    """What has the texts of an output: itself if it was printed, else its data."""
    return output if "text" in output else output.get("data", {})


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


def wrong_kinds(stub: str) -> list[str]:
    """Answers with the names of the stub that return values of other kinds."""
    return [
        "\n".join(f"def {name}(*_, **__):\n    return {value}" for name in sorted(defined(stub)))
        for value in WRONG_KINDS
    ]


def defined(source: str) -> set[str]:
    """The functions and classes that a piece of code defines."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds)}
