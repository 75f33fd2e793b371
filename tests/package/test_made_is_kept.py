"""What was made is kept: it is saved before anything is said, and checked before it is made."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image
from platforms import LINUX, WINDOWS, needs_links, not_on_windows
from tiny import toy_picture
from typer.testing import CliRunner

from inst_tutorial import cli
from inst_tutorial.console import unbroken_output
from inst_tutorial.words import Word

QUICK = ["--steps", "1", "--batch", "1", "--kind", "free"]
LONG = "x" * 256  # not a legal name
FULL = "/dev/full"  # only Linux has it
STDOUTS = ([FULL] if LINUX else []) + ["closed pipe"] + ([] if WINDOWS else ["closed"])
SHORT_PATHS = "the names of files have other limits, and other errors"
FILE_SIZE = "a process cannot limit the size of its files"


def is_root() -> bool:
    return not WINDOWS and os.geteuid() == 0


def inst(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def command(*arguments):
    return [sys.executable, "-m", "inst_tutorial.cli", *map(str, arguments)]


@pytest.fixture
def style(tmp_path: Path) -> Path:
    toy_picture(7).save(tmp_path / "style.png")
    return tmp_path / "style.png"


@pytest.fixture(scope="module")
def word(tmp_path_factory, sd1_painter) -> Path:
    from inst_tutorial.learning import LearningSettings, learn

    settings = LearningSettings(kind="free", steps=1, batch=1, pairs=1)
    learned = learn(sd1_painter, toy_picture(7), settings, progress=False)
    return learned.save(tmp_path_factory.mktemp("word") / "word.safetensors")


def refused(result, *parts) -> None:
    (line,) = result.stderr.strip().splitlines()
    assert result.exit_code == 2 and line.startswith("inst: "), result.output
    assert all(str(part) in line for part in parts), line


# --------------------------------------------------------------- saved before it is said


def made_by(word: Path, style: Path, sd1_folder: Path, out: Path) -> dict[str, list]:
    """Commands that write a file, with as little work as possible."""
    painter = ["--painter", sd1_folder]
    return {
        "learn": [style, "-o", out / "w.safetensors", *painter, *QUICK],
        "learn-many": [style.parent, "-o", out, *painter, *QUICK],
        "transfer": [style, style, "-w", word, "-o", out, *painter, "--steps", 1],
        "draw": ["a cat", "-o", out / "drawn.png", *painter, "--steps", 1],
        "invert": [style, "-o", out / "back.png", *painter, "--steps", 1],
        "paint": ["-o", out, "--count", 2],
        "export": [word, "-o", out / "e.safetensors"],
        "demo": ["-o", out / "demo.png", "--steps", 1, *painter],
    }


MADE = {"transfer": 2, "paint": 2, "learn-many": 2, "demo": 2}  # files and folders; else 1
SLOW = ("learn", "learn-many", "transfer", "draw", "invert", "demo")


@pytest.mark.parametrize(
    "name", ["paint", "export", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_a_full_or_closed_output_loses_nothing(name, tmp_path, style, word, sd1_folder) -> None:
    for number, stdout in enumerate(STDOUTS):
        out = tmp_path / f"{name}-{number}"
        run = command(name, *made_by(word, style, sd1_folder, out)[name])
        result = started(run, stdout)
        made = [path for path in out.iterdir() if not path.name.startswith(".")]
        assert len(made) == MADE.get(name, 1)
        assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr
        assert result.returncode == (2 if stdout == FULL else 0), result.stderr
        if stdout == FULL:
            assert result.stderr.strip().splitlines()[-1] == (
                "inst: the output cannot be written: No space left on device"
            )


def started(run: list[str], stdout: str) -> subprocess.CompletedProcess:
    """The command with a standard output that is full, closed, or read by nobody."""
    if stdout == FULL:
        with open(stdout, "w") as full:
            return subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    if stdout == "closed":
        shell = ["bash", "-c", '"$@" >&-', "-", *run]
        return subprocess.run(shell, stderr=subprocess.PIPE, text=True, timeout=300)
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        return subprocess.run(run, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=300)


class Stopped(io.RawIOBase):
    """An output that takes nothing: the error EINVAL, Windows' word for a closed pipe."""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize(("platform", "code"), [("win32", 0), ("linux", 2)])
def test_a_closed_pipe_of_windows_is_no_error(platform, code, monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Stopped()))
    ended = nullcontext() if code == 0 else pytest.raises(SystemExit, match=str(code))
    with ended, unbroken_output():
        print("said to nobody")


@pytest.mark.slow
@not_on_windows("its shell cannot start a program without outputs")
def test_progress_that_cannot_be_shown_loses_nothing(tmp_path, style, sd1_folder) -> None:
    full = [f"2>{FULL}"] if LINUX else []
    for number, redirected in enumerate((*full, "2>&-", ">&- 2>&-")):
        out = tmp_path / f"{number}.safetensors"
        run = command("learn", style, "-o", out, "--painter", sd1_folder, *QUICK)
        result = subprocess.run(["bash", "-c", f'"$@" {redirected}', "-", *run], timeout=300)
        assert result.returncode == 0 and Word.load(out).vectors.shape == (1, 32)


def test_a_path_that_the_console_cannot_print_is_printed_in_codes(tmp_path) -> None:
    no_text = "" if sys.platform == "darwin" else "\udcff"  # a byte that macOS refuses in names
    out = tmp_path / f"日本→{no_text}"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    run = command("paint", "-o", out, "--count", 2)
    result = subprocess.run(run, capture_output=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    assert len(list(out.iterdir())) == 2
    assert f"日本→{no_text}".encode("cp1252", "backslashreplace") in result.stdout


def test_one_picture_that_cannot_be_written_does_not_lose_the_others(tmp_path) -> None:
    from inst_tutorial.cli.output import save_pictures
    from inst_tutorial.pictures import PictureError

    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    paths[1].mkdir()
    with pytest.raises(PictureError, match=r"b\.png"):
        save_pictures(paths, [toy_picture(seed) for seed in range(3)])
    assert all(Image.open(path).size for path in (paths[0], paths[2]))


# --------------------------------------------------------------- checked before it is made


NOWHERE = ["--painter", "no-such-painter"]  # is never reached


def single_outputs(word: Path, style: Path) -> dict[str, tuple[list, str]]:
    """Commands that write one file, and how its name ends."""
    return {
        "learn": ([style, *NOWHERE], ".safetensors"),
        "transfer": ([style, "-w", word, *NOWHERE], ".png"),
        "draw": (["a cat", *NOWHERE], ".webp"),
        "invert": ([style, *NOWHERE], ".jpg"),
        "export": ([word], ".safetensors"),
        "convert": ([word, "--style", style, *NOWHERE], ".safetensors"),
        "demo": (NOWHERE, ".png"),
    }


COMMANDS = ["learn", "transfer", "draw", "invert", "export", "convert", "demo"]


@not_on_windows(SHORT_PATHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_outputs_are_tried_out_under_their_own_names(name, tmp_path, style, word) -> None:
    arguments, suffix = single_outputs(word, style)[name]
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    os.mkfifo(tmp_path / f"pipe{suffix}")
    before = sorted(tmp_path.rglob("*"))
    for out, reason in (
        (tmp_path / f"{LONG}{suffix}", "File name too long"),
        (tmp_path / "new" / f"{LONG}{suffix}", "File name too long"),
        (tmp_path / LONG / f"a{suffix}", "File name too long"),
        (folder, "it is a folder"),
        (tmp_path / f"pipe{suffix}", "not an ordinary file"),
        (style / "below" / f"a{suffix}", f"{style} is a file"),
        (f"https://example.org/a{suffix}", f"https://example.org/a{suffix} is a web address"),
    ):
        refused(inst(name, *arguments, "-o", out), out, reason)
        assert sorted(tmp_path.rglob("*")) == before


@not_on_windows(SHORT_PATHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_legal_long_name_is_written(name, tmp_path, style, word) -> None:
    arguments, suffix = single_outputs(word, style)[name]
    out = tmp_path / ("x" * (250 - len(suffix)) + suffix)
    result = inst(name, *arguments, "-o", out)
    if name == "export":
        assert result.exit_code == 0 and Word.load(out)
    else:  # the check of the output is passed: the next error is another
        assert "cannot write" not in result.stderr and result.exit_code == 2


@not_on_windows(SHORT_PATHS)
def test_every_output_is_checked(tmp_path, style, word) -> None:
    content = tmp_path / ("x" * 249 + ".png")  # as 01-xxx.png its name is too long
    toy_picture(1).save(content)
    out = tmp_path / "out"
    options = ["-w", word, "-o", out, *NOWHERE]
    refused(inst("transfer", style, content, style, *options), "File name too long")
    (out / "01-style.png").mkdir(parents=True)
    refused(inst("transfer", style, style, *options), "01-style.png", "it is a folder")
    (out / "0000-cat-photo.png").mkdir()
    painting = ["paint", "-o", out, "--subject", "cat", "--style", "starry", "--style", "photo"]
    refused(inst(*painting), "0000-cat-photo.png", "it is a folder")
    for resume in (out, out / LONG / LONG, style / "below"):
        learning = ["learn", style, "-o", tmp_path / "w.safetensors", *NOWHERE]
        refused(inst(*learning, "--resume", resume), f"cannot write {resume}")
    assert not list(out.glob("*-starry.png")) and not (tmp_path / "w.safetensors").exists()


def test_an_output_is_not_also_something_else(tmp_path, style, word) -> None:
    out = tmp_path / "same.safetensors"
    refused(inst("learn", style, "-o", out, "--resume", out, *NOWHERE), "something else, too")
    refused(inst("transfer", style, "-w", word, "-o", style, *NOWHERE), style, "something else")
    assert Image.open(style).size == (32, 32)


@needs_links
def test_an_output_is_not_also_something_else_by_a_link(tmp_path, word) -> None:
    (tmp_path / "link.safetensors").symlink_to(word)
    refused(inst("export", word, "-o", tmp_path / "link.safetensors"), "something else")


@not_on_windows("a mode does not protect a folder")
@pytest.mark.skipif(is_root(), reason="root may write everywhere")
def test_write_protection_is_respected(tmp_path, style, word) -> None:
    (tmp_path / "protected.safetensors").touch(mode=0o400)
    (tmp_path / "closed").mkdir(mode=0o500)
    for out in ("protected.safetensors", "closed/a.safetensors"):
        refused(inst("export", word, "-o", tmp_path / out), out, "cannot write")


@needs_links
def test_a_symbolic_link_is_followed_and_stays(tmp_path, word) -> None:
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.safetensors", tmp_path / "there" / "target.safetensors"
    link.symlink_to(Path("there", "target.safetensors"))
    for _ in range(2):  # of the link that leads nowhere, and of one that leads to a file
        assert inst("export", word, "-o", link).exit_code == 0
        assert link.is_symlink() and not target.is_symlink() and Word.load(target)
    circle = tmp_path / "circle.safetensors"
    circle.symlink_to(circle)
    refused(inst("export", word, "-o", circle), "cannot write", circle)


def test_one_output_of_two_processes(tmp_path, word) -> None:
    from inst_tutorial.files import claimed

    out = tmp_path / "out.safetensors"
    with claimed(out):
        refused(inst("export", word, "-o", out), out, "another process")
        assert inst("export", word, "-o", tmp_path / "other.safetensors").exit_code == 0
    assert inst("export", word, "-o", out).exit_code == 0


@needs_links
def test_one_output_of_two_processes_by_a_link(tmp_path, word) -> None:
    from inst_tutorial.files import claimed

    link, out = tmp_path / "link.safetensors", tmp_path / "out.safetensors"
    link.symlink_to(out)
    with claimed(out):
        refused(inst("export", word, "-o", link), "another process")


# ------------------------------------------------------------------------- a full disk


def limited(bytes_: int) -> None:
    """A file that grows beyond the limit fails, as on a full disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))


@pytest.mark.slow
@not_on_windows(FILE_SIZE)
@pytest.mark.parametrize("name", ["learn", "export", "paint", "draw"])
def test_a_file_that_does_not_fit_is_one_line_and_nothing(
    name, tmp_path, style, word, sd1_folder
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    result = subprocess.run(
        command(name, *made_by(word, style, sd1_folder, out)[name]),
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: limited(64),
    )
    assert result.returncode == 2, result.stderr
    assert "cannot be written: File too large" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert list(out.iterdir()) == []


@pytest.mark.slow
@not_on_windows(FILE_SIZE)
def test_a_full_disk_while_a_state_or_a_manifest_is_written(tmp_path, style, sd1_folder) -> None:
    out, state = tmp_path / "w.safetensors", tmp_path / "state.safetensors"
    learning = ["learn", style, "-o", out, "--resume", state, "--painter", sd1_folder, *QUICK]
    many = ["learn-many", tmp_path, "-o", tmp_path / "words", "--painter", sd1_folder, *QUICK]
    for arguments, file in ((learning, "state.safetensors"), (many, "manifest.json")):
        result = subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: limited(64),
        )
        assert result.returncode == 2, result.stderr
        line = result.stderr.strip().splitlines()[-1]
        assert line.startswith("inst: ") and f"{file}: cannot be written: File too large" in line
    assert not out.exists() and not state.exists()
    assert not [
        path for path in (tmp_path / "words").rglob("*.*") if path.is_file() and path.stat().st_size
    ]
