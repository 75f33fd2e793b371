"""Killed twenty times at random moments, each kind of work continues and ends with the same."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from platforms import not_on_windows
from safetensors.torch import load_file
from tiny import toy_picture

from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.many.folder import learn_folder
from inst_tutorial.many.manifest import Manifest
from inst_tutorial.painter import Painter

pytestmark = [
    pytest.mark.slow,
    not_on_windows("a process and those that it started are not one group, to be killed at once"),
]

KILLS = 20
LONGEST = 3.0  # seconds until a kill; the work takes about as long on a free machine
LEARNING = LearningSettings(
    kind="pooled", steps=40, batch=1, evaluate_every=1, pairs=1, patience=99
)


def in_a_session(began: Any, work: Callable[..., None], arguments: tuple) -> None:
    """What the process does that is killed: with all that it starts, it is one group."""
    os.setsid()
    torch.set_num_threads(1)
    began.set()
    work(*arguments)


def begin(work: Callable[..., None], *arguments: Any) -> multiprocessing.process.BaseProcess:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torch", "diffusers", "inst_tutorial.many.folder"])
    began = processes.Event()
    process = processes.Process(target=in_a_session, args=(began, work, arguments))
    process.start()
    assert began.wait(300)
    return process


def undisturbed(work: Callable[..., None], *arguments: Any) -> None:
    """Do the work in such a process, with nothing that kills it."""
    process = begin(work, *arguments)
    process.join()
    assert process.exitcode == 0


def kill_again_and_again(
    work: Callable[..., None], folder: Path, *arguments: Any, check: Callable[[], None]
) -> None:
    """Do the work in processes that are killed after a random time, KILLS in all.

    Work that comes to its end is checked and begun anew; the last process is not killed.
    """
    moments, kills = random.Random(0), 0
    while True:
        process = begin(work, folder, *arguments)
        process.join(None if kills == KILLS else moments.uniform(0, LONGEST))
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            continue
        assert process.exitcode == 0
        check()
        if kills == KILLS:
            return
        shutil.rmtree(folder)


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".inst-*")]


# --------------------------------------------------------------------------------- learn


def learn_a_word(folder: Path, painter: Path) -> None:
    learned = learn(
        Painter.load(painter, device="cpu"),
        toy_picture(7),
        LEARNING,
        resume=folder / "state.safetensors",
        progress=False,
    )
    learned.save(folder / "word.safetensors")


def test_learn(tmp_path, sd1_folder) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    undisturbed(learn_a_word, straight, sd1_folder)

    def check() -> None:
        names = sorted(path.name for path in killed.iterdir())
        assert names == ["state.safetensors", "word.safetensors"]
        for name in names:
            same_tensors(killed / name, straight / name)

    kill_again_and_again(learn_a_word, killed, sd1_folder, check=check)


def same_tensors(path: Path, other: Path) -> None:
    tensors, others = load_file(path), load_file(other)
    assert tensors.keys() == others.keys()
    assert [name for name in tensors if not tensors[name].equal(others[name])] == []


# ---------------------------------------------------------------------------- learn-many


def learn_words(words: Path, pictures: Path, painter: Path) -> None:
    settings = replace(LEARNING, steps=15)
    learn_folder(pictures, words, str(painter), settings, together=2, processes=1, device="cpu")


def test_learn_many(tmp_path, sd1_folder) -> None:
    pictures, straight, killed = (tmp_path / name for name in ("pictures", "straight", "killed"))
    pictures.mkdir()
    for seed in range(3):
        toy_picture(seed).save(pictures / f"{seed}.png")
    (pictures / "broken.png").write_text("no picture")
    undisturbed(learn_words, straight, pictures, sd1_folder)

    def check() -> None:
        record, expected = Manifest(killed).read(), Manifest(straight).read()
        assert record["pictures"] == expected["pictures"] and record["groups"] == {}
        for seed in range(3):
            same_tensors(*(folder / f"{seed}.png.safetensors" for folder in (killed, straight)))
        assert not list(killed.rglob(".learning/*.safetensors")) and not left_behind(killed)

    kill_again_and_again(learn_words, killed, pictures, sd1_folder, check=check)


# --------------------------------------------------------------------------- pretraining


def pretrain(work: Path) -> None:
    from test_pretraining import TINY

    from inst_tutorial.pretraining.stages.run import PretrainingRun
    from inst_tutorial.pretraining.stages.table import TRAINED_STAGES, pretrain

    fits = {
        name: replace(value, checkpoint_seconds=0)
        for name, value in vars(TINY).items()
        if name.startswith("fit_")
    }
    run = PretrainingRun(work, work / "painter", replace(TINY, **fits), progress=False)
    pretrain(run, ("pictures", *TRAINED_STAGES, "assemble"))


def test_pretraining(tmp_path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    undisturbed(pretrain, straight)
    weights = sorted(path.relative_to(straight) for path in straight.rglob("*.safetensors"))
    assert len(weights) > 10

    def check() -> None:
        for path in weights:
            same_tensors(killed / path, straight / path)
        assert not left_behind(killed)

    kill_again_and_again(pretrain, killed, check=check)
