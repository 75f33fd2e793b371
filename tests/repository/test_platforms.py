"""Windows lacks some of Python's modules and functions: every file can be imported without them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("inst_tutorial", "bench", "tools", "tests", "book/_ext")
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES = {
    *(f"os.{name}" for name in ("fork", "getegid", "geteuid", "getgid", "getloadavg", "getuid")),
    *(f"os.{name}" for name in ("killpg", "mkfifo", "nice", "sched_getaffinity", "setsid")),
    *(f"os.{name}" for name in ("sysconf", "uname", "WNOHANG")),
    *(f"signal.{name}" for name in ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGUSR1")),
}
STARTS = {"fork", "forkserver"}  # ways to start processes


def done_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the file is imported: all but the bodies of functions."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from done_at_import(child)


def needed(node: ast.AST) -> set[str]:
    """What Windows lacks of what a node asks for."""
    if isinstance(node, ast.Import):
        return MODULES & {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        named = {f"{node.module}.{alias.name}" for alias in node.names}
        return MODULES & {node.module} | NAMES & named
    if isinstance(node, ast.Attribute):
        return NAMES & {ast.unparse(node)}
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("get_context"):
        return STARTS & {one.value for one in node.args if isinstance(one, ast.Constant)}
    return set()


def missing_on_windows(source: str) -> set[str]:
    return set().union(*map(needed, done_at_import(ast.parse(source))))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import resource", {"resource"}),
        ("from os import setsid", {"os.setsid"}),
        ("@skipif(os.geteuid() == 0)\ndef test(): ...", {"os.geteuid"}),
        ("class A:\n    processes = get_context('forkserver')", {"forkserver"}),
        ("def test():\n    import resource\n    os.setsid()", set()),
        ("import os, signal\nsignal.SIGINT, os.getpid()", set()),
    ],
)
def test_what_windows_lacks_is_noticed(source: str, expected: set[str]) -> None:
    assert missing_on_windows(source) == expected


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_can_be_imported_on_windows(folder: str) -> None:
    files = [ROOT / "conftest.py", *(ROOT / folder).rglob("*.py")]
    assert len(files) > 5
    missing = {path.name: missing_on_windows(path.read_text(encoding="utf-8")) for path in files}
    assert {name: found for name, found in missing.items() if found} == {}
