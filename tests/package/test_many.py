"""Many words at once: nothing lost, nothing done twice, and a broken picture stops only itself."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from platforms import LINUX, not_on_windows
from tiny import toy_picture
from typer.testing import CliRunner

from inst_tutorial import cli
from inst_tutorial.configs import PainterError
from inst_tutorial.devices import DeviceError
from inst_tutorial.files import OutputError
from inst_tutorial.learning import LearningError, LearningSettings, learn
from inst_tutorial.many import folder as many
from inst_tutorial.many import manifest as manifest_module
from inst_tutorial.many.folder import learn_folder
from inst_tutorial.many.manifest import Manifest, ManyError
from inst_tutorial.many.planning import plan
from inst_tutorial.painter import Painter
from inst_tutorial.words import Word

pytestmark = pytest.mark.slow

SHORT = LearningSettings(kind="free", steps=4, batch=2, evaluate_every=2, pairs=2, patience=99)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, and one file that is not a picture."""
    (tmp_path / "styles").mkdir()
    for seed, name in enumerate("abc"):
        toy_picture(seed).save(tmp_path / f"styles/{name}.png")
    (tmp_path / "styles/broken.png").write_text("no picture")
    (tmp_path / "styles/notes.txt").write_text("not looked at")
    return tmp_path / "styles"


@pytest.fixture
def quickly(folder: Path, tmp_path: Path, sd1_folder: Path):
    """learn_folder with short settings; keyword arguments change them."""

    def run(settings: LearningSettings = SHORT, **options):
        options = {"together": 2, "processes": 1, "device": "cpu", **options}
        return learn_folder(folder, tmp_path / "words", str(sd1_folder), settings, **options)

    return run


def states(record) -> dict[str, str]:
    return {name: picture["state"] for name, picture in record["pictures"].items()}


def words(folder: Path) -> dict[str, torch.Tensor]:
    return {p.name.split(".")[0]: Word.load(p).vectors for p in folder.glob("*.safetensors")}


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}


ALL_BUT_ONE = {"a.png": "done", "b.png": "done", "broken.png": "failed", "c.png": "done"}


# ------------------------------------------------------------------------------ one process


def test_words_are_those_learned_alone(quickly, folder, tmp_path, sd1_painter) -> None:
    record = quickly()
    assert states(record) == ALL_BUT_ONE and record["groups"] == {}
    assert "broken.png" in record["pictures"]["broken.png"]["error"]
    made = words(tmp_path / "words")
    assert sorted(made) == ["a", "b", "c"]
    for seed, name in enumerate("abc"):
        alone = learn(sd1_painter, toy_picture(seed), SHORT, progress=False)
        torch.testing.assert_close(made[name], alone.vectors, atol=1e-4, rtol=1e-3)


def test_what_is_done_is_skipped(quickly, tmp_path, monkeypatch) -> None:
    quickly()
    before = times(tmp_path / "words")
    lines: list[str] = []
    assert states(quickly(report=lines.append)) == ALL_BUT_ONE
    assert times(tmp_path / "words") == before
    assert lines[0] == "4 pictures, 3 of them done before"
    (tmp_path / "styles/broken.png").unlink()
    monkeypatch.setattr(Painter, "load", lambda *a, **k: pytest.fail("nothing is left to learn"))
    quickly()


def test_what_changed_is_learned_again(quickly, folder, tmp_path) -> None:
    quickly()
    before = times(tmp_path / "words")
    toy_picture(9).save(folder / "a.png")
    (tmp_path / "words/b.png.safetensors").unlink()
    toy_picture(8).save(folder / "broken.png")
    (folder / "c.png").rename(folder / "d.png")
    assert set(states(quickly()).values()) == {"done"}
    after = times(tmp_path / "words")
    assert {name for name in after if after[name] != before.get(name)} == {
        f"{name}.png.safetensors" for name in ("a", "b", "broken", "d")
    }


def test_words_of_one_folder_are_learned_alike(quickly) -> None:
    quickly()
    with pytest.raises(ManyError, match=r"learned differently .steps was 4, is 6"):
        quickly(replace(SHORT, steps=6))


def test_a_folder_without_pictures(tmp_path, quickly, folder) -> None:
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ManyError, match="has no pictures"):
        quickly()
    folder.rmdir()
    with pytest.raises(ManyError, match="is not a folder"):
        quickly()


def test_a_damaged_manifest_is_refused(tmp_path, quickly) -> None:
    quickly()
    (tmp_path / "words/manifest.json").write_text("{")
    with pytest.raises(ManyError, match=r"manifest.json is damaged"):
        quickly()


def test_one_that_cannot_be_learned_stops_only_itself(quickly, monkeypatch) -> None:
    learn_many, spoiler = many.learn_many, toy_picture(1).tobytes()

    def fails(painter, groups, *rest, **options):
        if any(group[0].tobytes() == spoiler for group in groups):
            raise LearningError("it has diverged")
        return learn_many(painter, groups, *rest, **options)

    monkeypatch.setattr(many, "learn_many", fails)
    record = quickly()
    assert states(record) == {**ALL_BUT_ONE, "b.png": "failed"}
    assert record["pictures"]["b.png"]["error"] == "it has diverged"


def test_what_another_process_has_taken_out_of_the_plan_is_not_tried_again(
    quickly, tmp_path, monkeypatch
) -> None:
    def fails(*arguments, **options):
        with Manifest(tmp_path / "words").change() as record:
            record["pictures"].pop("a.png", None)
        raise LearningError("it has diverged")

    monkeypatch.setattr(many, "learn_many", fails)
    assert states(quickly()) == dict.fromkeys(("b.png", "broken.png", "c.png"), "failed")


def test_stopped_in_the_middle_it_goes_on(quickly, tmp_path, monkeypatch, sd1_folder) -> None:
    whole = quickly()
    expected = words(tmp_path / "words")
    finish, done = many._finish, []

    def stopped(job, number, name, word):
        if done:
            raise KeyboardInterrupt
        done.append(name)
        finish(job, number, name, word)

    other = tmp_path / "stopped"
    arguments = (tmp_path / "styles", other, str(sd1_folder), SHORT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(many, "_finish", stopped)
        learn_folder(*arguments, together=2, processes=1, device="cpu")
    before = times(other)
    assert len(before) == 1 and list((other / ".learning").glob("*.safetensors"))
    assert states(learn_folder(*arguments, together=2, processes=1, device="cpu")) == states(whole)
    assert times(other).items() > before.items()
    assert all(vectors.equal(expected[name]) for name, vectors in words(other).items())
    assert not list((other / ".learning").glob("*.safetensors"))


def test_a_group_that_another_worker_has_is_left_alone(quickly, folder, tmp_path) -> None:
    from filelock import FileLock

    (folder / "broken.png").unlink()
    manifest = Manifest(tmp_path / "words")
    with FileLock(manifest.inside("000001.lock")):
        assert states(quickly()) == {"a.png": "waiting", "b.png": "waiting", "c.png": "done"}
    assert set(states(quickly()).values()) == {"done"}


def test_a_group_that_was_finished_in_the_meantime_is_not_taken(folder, tmp_path, monkeypatch):
    manifest = Manifest(tmp_path / "words")
    plan(folder, manifest.folder, {}, together=4)

    class Late(manifest_module.FileLock):
        def acquire(self, *args, **options):
            taken = super().acquire(*args, **options)
            monkeypatch.undo()
            with manifest.change() as record:
                record["groups"].clear()
            return taken

    monkeypatch.setattr(manifest_module, "FileLock", Late)
    with manifest.claim("000001") as ours:
        assert not ours


@not_on_windows("no named pipes among files, and other limits of names")
def test_a_bad_thing_stops_only_itself(quickly, folder, tmp_path) -> None:
    long = "x" * 246 + ".png"  # a legal name; with .safetensors it is not
    toy_picture(1).save(folder / long)
    (tmp_path / "words/b.png.safetensors").mkdir(parents=True)
    (folder / "folder.png").mkdir()
    (folder / "nowhere.png").symlink_to("no-such-file")
    os.mkfifo(folder / "pipe.png")
    if LINUX:  # macOS refuses a name that is no text
        toy_picture(2).save(os.fsencode(folder) + b"/caf\xe9.png", format="PNG")
    for left_behind in ("._a.png", ".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / left_behind).write_bytes(b"\0")
    lines: list[str] = []
    record = quickly(report=lines.append)
    failed = {
        long: "File name too long",
        "b.png": "it is a folder",
        "broken.png": "broken.png",
        "folder.png": "it is not a file",
        "nowhere.png": "it is not a file",
        "pipe.png": "it is not a file",
    } | ({"caf\\udce9.png": "rename the file"} if LINUX else {})
    assert states(record) == {
        "a.png": "done",
        "c.png": "done",
        **dict.fromkeys(failed, "failed"),
    }
    for name, reason in failed.items():
        assert reason in record["pictures"][name]["error"]
        assert len([line for line in lines if line.startswith(f"{name}: failed: ")]) == 1
    assert record["groups"] == {}


def test_a_word_that_cannot_be_written_in_the_end_stops_only_itself(
    quickly, tmp_path, monkeypatch
) -> None:
    save = Word.save

    def failing(word, path):
        if path.name.startswith("b."):
            path.mkdir()
        return save(word, path)

    monkeypatch.setattr(Word, "save", failing)
    record = quickly()
    assert states(record) == {**ALL_BUT_ONE, "b.png": "failed"}
    assert "b.png.safetensors: cannot be written" in record["pictures"]["b.png"]["error"]


def test_settings_are_bound_only_by_a_word(quickly, folder, tmp_path, sd1_folder) -> None:
    out = tmp_path / "words"
    for painter, error in (("no-such-painter", PainterError), (str(tmp_path), PainterError)):
        with pytest.raises(error):
            learn_folder(folder, out, painter, SHORT, processes=1)
    with pytest.raises(PainterError, match="no effect"):
        learn_folder(folder, out, str(sd1_folder), SHORT, processes=1, revision="main")
    with pytest.raises(DeviceError, match="'meta'"):
        quickly(device="meta")
    assert states(quickly()) == ALL_BUT_ONE
    with pytest.raises(ManyError, match="learned differently"):
        learn_folder(folder, out, "no-such-painter", SHORT, processes=1)


def test_settings_stay_while_another_process_learns(folder, tmp_path) -> None:
    manifest = Manifest(tmp_path / "words")
    plan(folder, manifest.folder, {"steps": 1}, together=4)
    with manifest.claim("000001"), pytest.raises(ManyError, match="learned differently"):
        plan(folder, manifest.folder, {"steps": 2}, together=4)
    assert plan(folder, manifest.folder, {"steps": 2}, together=4)["run"] == {"steps": 2}


def test_a_damaged_state_is_learned_anew(quickly, folder, tmp_path) -> None:
    manifest = Manifest(tmp_path / "words")
    plan(folder, manifest.folder, {}, together=4)
    for damaged in (b"", b"no state"):
        manifest.state("000002").write_bytes(damaged)
        (manifest.folder / "a.png.safetensors").unlink(missing_ok=True)
        assert states(quickly(together=4)) == ALL_BUT_ONE


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "EOF"),
        ("[]", "the whole is []"),
        ('{"version": 2, "run": null, "groups": {}, "pictures": {}}', "version is 2"),
        ('{"version": 1, "groups": {}, "pictures": {}}', "run is missing"),
        ('{"version": 1, "run": 7, "groups": {}, "pictures": {}}', "run is 7"),
        ('{"version": 1, "run": {}, "groups": {"../x": []}, "pictures": {}}', "groups"),
        (
            '{"version": 1, "run": {}, "groups": {}, "pictures": {"a.png": 1}}',
            "pictures.a.png is 1",
        ),
        (
            '{"version": 1, "run": {}, "groups": {}, "pictures": {"a.png": {"state": "lost"}}}',
            "pictures.a.png.state is 'lost'",
        ),
    ],
)
def test_a_manifest_of_another_shape(content, fault, quickly, tmp_path) -> None:
    path = tmp_path / "words/manifest.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ManyError) as caught:
        quickly()
    assert all(part in str(caught.value) for part in (str(path), fault, "Delete it"))
    assert path.read_text(encoding="utf-8") == content


def test_a_manifest_that_is_a_folder(quickly, tmp_path) -> None:
    (tmp_path / "words/manifest.json").mkdir(parents=True)
    with pytest.raises(OutputError, match="it is a folder"):
        quickly()


def test_the_command(folder, tmp_path, sd1_folder) -> None:
    arguments = [folder, "-o", tmp_path / "words", "--painter", sd1_folder, "--steps", 2]
    arguments += ["--processes", 1, "--device", "cpu"]

    def inst():
        return CliRunner().invoke(cli.app, ["learn-many", *map(str, arguments)])

    result = inst()
    assert result.exit_code == 2 and "1 of 4 pictures failed" in result.stderr
    assert "3 of 4 words" in result.stdout and "a.png: done after 2 steps" in result.stdout
    (folder / "broken.png").unlink()
    assert inst().exit_code == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_every_worker_saves_memory(folder, tmp_path, sd1_folder, monkeypatch, processes) -> None:
    saved: list[list[str]] = []
    monkeypatch.setattr(many, "launch", lambda count, arguments: many.main(*arguments))
    monkeypatch.setattr(many, "save_memory", lambda painter, savers: saved.append([*savers]))
    monkeypatch.setattr(many, "work", lambda *arguments: None)
    arguments = [folder, "-o", tmp_path / "words", "--painter", sd1_folder, "--processes"]
    arguments += [processes, "--save-memory", "checkpointing", "--save-memory", "slicing"]
    CliRunner().invoke(cli.app, ["learn-many", *map(str, arguments)])
    assert saved == [["checkpointing", "slicing"]]


def test_what_runs_out_of_memory_is_tried_again_with_less(quickly, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(many, "learn_many", lambda *a, **k: (_ for _ in ()).throw(MemoryError))
        assert set(states(quickly()).values()) == {"failed"}
    assert states(quickly(savers=["checkpointing"])) == ALL_BUT_ONE


# --------------------------------------------------------------------------- two processes


def workers() -> list[psutil.Process]:
    """The workers below this process, not their launcher."""
    below = psutil.Process().children(recursive=True)
    return [
        p
        for p in below
        if "LOCAL_RANK" in p.environ() and "inst_tutorial.many.folder" in p.cmdline()
    ]


@pytest.fixture
def no_survivors():
    """Whatever a failed test leaves running ends with it."""
    yield
    for process in psutil.Process().children(recursive=True):
        if "inst_tutorial.many.folder" in process.cmdline():
            process.kill()


def test_two_processes_and_one_is_killed(
    quickly, folder, tmp_path, sd1_folder, capfd, no_survivors
) -> None:
    for seed in range(2):
        toy_picture(20 + seed).save(folder / f"more-{seed}.png")
    longer = replace(SHORT, steps=30, evaluate_every=5)
    options = {"processes": 2, "savers": ["checkpointing"]}
    thread = threading.Thread(target=quickly, args=(longer,), kwargs=options)
    thread.start()
    learning = tmp_path / "words/.learning"
    deadline = time.monotonic() + 600
    while not list(learning.glob("*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.02)
    alive = workers()
    assert len(alive) == 2
    alive[1].kill()
    before = times(tmp_path / "words")
    assert len(before) < 5
    thread.join(timeout=600)
    assert not thread.is_alive()
    record = Manifest(tmp_path / "words").read()
    done = [name for name, state in states(record).items() if state == "done"]
    assert len(done) == 5 and record["groups"] == {}
    assert record["pictures"]["broken.png"]["state"] == "failed"
    said = capfd.readouterr().out
    assert all(said.count(f"{name}: done after 30 steps") == 1 for name in done)
    assert before.items() <= times(tmp_path / "words").items()
    alone = learn(Painter.load(sd1_folder, device="cpu"), toy_picture(0), longer, progress=False)
    torch.testing.assert_close(words(tmp_path / "words")["a"], alone.vectors, atol=1e-3, rtol=0.01)
