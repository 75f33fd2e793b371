"""A word for every picture of a folder: several in one batch, by several processes.

The manifest `manifest.json` beside the words is the plan and the record: which pictures form a
group (one batch), which words are done, what went wrong with a picture. `accelerate launch`
starts the workers. A worker claims a group by locking a file. The system drops the lock when the
worker dies, and another worker continues from the group's last saved state. Book: chapter
"Stable Diffusion on a GPU".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL.Image import Image

from inst_tutorial.checkpoints import check_source
from inst_tutorial.console import one_line_errors, unbroken_output
from inst_tutorial.devices import best_device, check_device
from inst_tutorial.files import OutputError
from inst_tutorial.learning import LearningError, LearningSettings, StateError, learn_many
from inst_tutorial.many.manifest import Manifest, ManyError, Record
from inst_tutorial.many.planning import add_group, plan
from inst_tutorial.memory import ADVICE, is_out_of_memory, save_memory
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import PictureError, open_picture
from inst_tutorial.wording import counted
from inst_tutorial.words import Word

RESTARTS = 10  # of a worker that died, before giving up
Report = Callable[[str], None]


# -------------------------------------------------------------------------------- working


@dataclass(frozen=True)
class Job:
    """What a worker needs: the painter, the folder of pictures, and the plan for them."""

    painter: Painter
    folder: Path
    manifest: Manifest
    settings: LearningSettings
    report: Report


def work(
    painter: Painter,
    folder: Path,
    out: Path,
    settings: LearningSettings,
    report: Report = lambda line: None,
) -> None:
    """Learn group after group, until every group is done or another process works on it."""
    job = Job(painter, folder, Manifest(out), settings, report)
    while _learn_next_group(job):
        pass


def _learn_next_group(job: Job) -> bool:
    """Learn a group that no other process works on; whether there was one."""
    for number in job.manifest.read()["groups"]:
        with job.manifest.claim(number) as ours:
            if ours:
                _learn_group(job, number)
                return True
    return False


def _learn_group(job: Job, number: str) -> None:
    """Learn the words of one group, and close it."""
    pictures = _open(job, number)
    alone: list[str] = []
    try:
        _learn(job, number, pictures)
    except (RuntimeError, MemoryError) as error:
        alone = _after_failure(job, list(pictures), error)
    with job.manifest.change() as record:
        record["groups"].pop(number, None)
        for name in alone:
            picture = record["pictures"].get(name)  # unless it is no longer in the plan
            if picture is not None and picture["state"] == "waiting":
                add_group(record["groups"], record, [name])
    job.manifest.state(number).unlink(missing_ok=True)


def _open(job: Job, number: str) -> dict[str, Image]:
    """The pictures of a group. An unreadable picture is marked failed; the rest continue."""
    pictures = {}
    for name in job.manifest.read()["groups"].get(number, ()):
        try:
            pictures[name] = open_picture(job.folder / name, job.painter.picture_size)
        except (PictureError, OSError) as error:
            _fail(job, name, str(error))
    return pictures


def _learn(job: Job, number: str, pictures: dict[str, Image]) -> None:
    """Learn a word for each picture, all in one batch. Raises LearningError."""
    names, state = list(pictures), job.manifest.state(number)

    def finished(i: int, word: Word) -> None:
        _finish(job, number, names[i], word)

    def words() -> list[Word]:
        groups = [[picture] for picture in pictures.values()]
        return learn_many(
            job.painter, groups, job.settings, resume=state, progress=False, finished=finished
        )

    if not pictures:
        return

    try:
        learned = words()
    except StateError:  # damaged, or of other pictures
        state.unlink()
        learned = words()
    for i, word in enumerate(learned):  # those that were done before the last stop
        finished(i, word)


def _finish(job: Job, number: str, name: str, word: Word) -> None:
    """Write a word, once, and then that it is done."""
    if not job.manifest.waits_for(name, number):
        return
    try:
        word.save(job.manifest.word(name))
    except OutputError as error:
        return _fail(job, name, str(error))
    loss = min(point["loss"] for point in word.info["curve"])
    job.manifest.note(name, state="done", steps=word.info["steps"], loss=loss)
    job.report(f"{name}: done after {word.info['steps']} steps, loss {loss:.4f}")


def _after_failure(job: Job, names: list[str], error: Exception) -> list[str]:
    """The pictures that are to be tried alone, because one of them spoiled the batch."""
    if not isinstance(error, LearningError) and not is_out_of_memory(error):
        raise error
    if len(names) > 1:
        return names
    _fail(job, names[0], ADVICE if is_out_of_memory(error) else str(error))
    return []


def _fail(job: Job, name: str, error: str) -> None:
    job.manifest.note(name, state="failed", error=error)
    job.report(f"{name}: failed: {error}")


# ------------------------------------------------------------------------------ processes


def learn_folder(
    folder: Path,
    out: Path,
    painter: str,
    settings: LearningSettings,
    *,
    together: int = 4,
    processes: int | None = None,
    config: str | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: str = "float32",
    savers: Sequence[str] = (),
    report: Report = lambda line: None,
) -> Record:
    """Learn a word for each picture in `folder`, written to `out`; the manifest at the end.

    Each of `processes` (default: one per GPU, else one) learns `together` words in one batch.
    `config`, `revision`, `device` and `dtype` are for `Painter.load`, `savers` for `save_memory`.
    The same call again continues where it was stopped; `device` and `savers` may then be others.
    Raises ManyError, PainterError, DeviceError, OutputError.
    """
    if not isinstance(settings.start, str):
        raise ManyError("a folder's words start from a text such as 'painting', not from a word")
    check_source(painter, revision=revision, config=config)
    if device is not None:
        check_device(device)
    run = {"painter": painter, "config": config, "revision": revision, "dtype": dtype}
    run |= json.loads(json.dumps(asdict(settings)))
    record = plan(folder, out, run, together)
    _report_plan(record, report)
    if record["groups"]:
        processes = processes or max(1, torch.cuda.device_count())
        if processes == 1:
            _work_here(folder, out, device, savers, report)
        else:
            launch(processes, [str(folder), str(out), device or "", *savers])
    return Manifest(out).read()


def _report_plan(record: Record, report: Report) -> None:
    states = [picture["state"] for picture in record["pictures"].values()]
    report(f"{counted(len(states), 'picture')}, {states.count('done')} of them done before")
    for name, picture in record["pictures"].items():
        if picture["state"] == "failed":
            report(f"{name}: failed: {picture['error']}")


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run this module's `main` in several processes by `accelerate launch`; its exit code.

    When a worker dies, all are started again, and each continues from the last saved state.
    """
    options = ["--multi_gpu", "--num_machines=1", f"--num_processes={processes}"]
    options += ["--mixed_precision=no", "--dynamo_backend=no", f"--max_restarts={RESTARTS}"]
    options += [f"--num_cpu_threads_per_process={max(1, (os.cpu_count() or 1) // processes)}"]
    options += ["--main_process_port=0", "--module", "inst_tutorial.many.folder", *arguments]
    command = [sys.executable, "-m", "accelerate.commands.launch", *options]
    return subprocess.run(command).returncode


def _work_here(
    folder: Path, out: Path, device: str | None, savers: Sequence[str], report: Report
) -> None:
    """Load the painter that the manifest names, and work."""
    run = dict(Manifest(out).read()["run"] or {})
    name, dtype = run.pop("painter"), getattr(torch, run.pop("dtype"))
    which = {key: run.pop(key) for key in ("config", "revision")}
    settings = LearningSettings(**{**run, "prompts": tuple(run["prompts"])})
    painter = Painter.load(name, device=device, dtype=dtype, **which)
    work(save_memory(painter, savers), folder, out, settings, report)


def _own_device(device: str | None) -> str | None:
    """Of several GPUs, the one of this worker."""
    if (device or best_device()) == "cuda":
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return device


def _say(line: str) -> None:
    print(line, flush=True)


def main(folder: str, out: str, device: str = "", *savers: str) -> None:
    """One worker of several: what `accelerate launch` starts.

    Errors made for the reader end it without an exit code: `accelerate` would start it again.
    """
    with suppress(SystemExit), unbroken_output(), one_line_errors():
        _work_here(Path(folder), Path(out), _own_device(device or None), savers, _say)


if __name__ == "__main__":
    main(*sys.argv[1:])
