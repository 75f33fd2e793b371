"""The paper's experiments once more, against truth: one command, one small file.

A *case* is one held-out style, learned from one style picture with one seed. In each case words
are learned in several ways (`LEARNERS`), contents are repainted by several methods (`METHODS`) and
compared with the truth, and prompts are drawn. Cases are independent, so they run side by side.

    python -m inst_tutorial.studies.experiments --out inst_tutorial/data/experiments.json

Finished cases are kept in `--work`: the same command goes on where it was stopped, and a run with
more styles or seeds uses what a smaller one has finished. With `--only-copies` it measures the rows
of `COPIES` anew, in the file that is there: a minute or two for each seed.

Book: chapter "The experiments".
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import cache, partial
from math import inf
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm.auto import tqdm

from inst_tutorial.files import atomic_path
from inst_tutorial.learning import learn
from inst_tutorial.painter import Painter
from inst_tutorial.studies.case import Case
from inst_tutorial.studies.methods import COPIES, LEARNERS, METHODS, SAMPLING
from inst_tutorial.studies.plan import Plan
from inst_tutorial.studies.results import Results, Row, Tables

#: Whose speed is measured: the others do the same work in each step as one of these.
TIMED = ("free vector", "InST")


def seconds(
    painter: Painter, plan: Plan, few: int = 2, many: int = 10, rounds: int = 3
) -> dict[str, Row]:
    """Seconds of one core that a learner takes: before its first step, and for a step.

    The learners take turns, and the least of all rounds counts: another program on the machine
    makes a run slower, never faster.
    """
    picture = Case(painter, plan, plan.cases[0][0], 0).trial.style_picture
    least = {(name, steps): inf for name in TIMED for steps in (few, many)}
    for _ in range(rounds):
        for name, steps in least:
            settings = replace(plan.learner(name, 0), pairs=1, evaluate_every=many, steps=steps)
            taken = _cpu_seconds(partial(learn, painter, picture, settings))
            least[name, steps] = min(taken, least[name, steps])
    found = {}
    for name in TIMED:
        step = (least[name, many] - least[name, few]) / (many - few)
        found[name] = {"start": max(0.0, least[name, few] - few * step), "step": step}
    return found


def _cpu_seconds(learn_once: Callable[..., object]) -> float:
    begin = time.process_time()
    learn_once(progress=False)
    return time.process_time() - begin


@cache
def _painter(source: str) -> Painter:
    """The painter of this process, on one core."""
    torch.set_num_threads(1)
    return Painter.load(source, device="cpu")


def _run_case(case: tuple[str, int], plan: Plan, source: str, kept: str) -> Tables:
    """The tables of one case, from its file if that is there; `kept` begins the file's name."""
    path = Path(f"{kept}-{case[0]}-{case[1]}.json")
    if not path.exists():
        tables = Case(_painter(source), plan, *case).tables()
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(tables), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def run(plan: Plan, source: str, work: Path, *, workers: int = 1, progress: bool = True) -> Results:
    """All cases of a plan, side by side in `workers` processes of one core each.

    A case that an earlier run has finished is read from `work`, even if that run had another
    number of styles or seeds.
    """
    about = {
        "fingerprint": _painter(source).fingerprint(),
        "plan": asdict(plan),
        "learners": {name: asdict(plan.learner(name, 0)) for name in LEARNERS},
        "methods": {name: asdict(method) for name, method in METHODS.items()},
        "copies": dict(COPIES),
    }
    run_case = partial(_run_case, plan=plan, source=source, kept=str(work / _mark(about)))
    tables: Tables = {}
    with tqdm(total=len(plan.cases), desc="experiments", disable=not progress) as bar:
        for of_case in _mapped(run_case, plan.cases, workers):
            bar.update()
            for name, rows in of_case.items():
                tables.setdefault(name, []).extend(rows)
    return Results({**about, "seconds": seconds(_painter(source), plan)}, tables)


def with_copies(results: Results, source: str, *, progress: bool = True) -> Results:
    """The same results with the rows of COPIES measured anew, a minute of work: they need no word
    and no diffusion. Raises ValueError for results of another painter."""
    painter = _painter(source)
    results.require(painter)
    plan, rows = Plan.stored(results.about["plan"]), list[Row]()
    for style, seed in tqdm(plan.cases, desc="copies", disable=not progress):
        known = {"style": style, "seed": seed}
        rows += [{**known, **row} for row in Case(painter, plan, style, seed).copy_rows()]
    about = {**results.about, "copies": dict(COPIES)}
    return replace(results, about=about).with_rows("transfers", rows)


def _mark(about: Row) -> str:
    """Stands for all that the numbers of one case depend on: everything but how many cases."""
    plan = {name: value for name, value in about["plan"].items() if name not in ("styles", "seeds")}
    text = json.dumps({**about, "plan": plan}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mapped(
    run_case: Callable[[tuple[str, int]], Tables], cases: Sequence[tuple[str, int]], workers: int
) -> Iterator[Tables]:
    """The tables of all cases in order; without other processes when one worker is enough."""
    if workers == 1:
        yield from map(run_case, cases)
        return
    spawn = get_context("spawn")  # a forked process may not use torch's threads
    with ProcessPoolExecutor(workers, spawn) as pool:
        yield from pool.map(run_case, cases)


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "inst_tutorial/data/experiments.json"
    ),
    work: Annotated[Path, typer.Option(help="Keeps finished cases, to go on from.")] = Path(
        "runs/experiments"
    ),
    painter: Annotated[str, typer.Option(help="'paintbox' or a folder like it.")] = "paintbox",
    workers: Annotated[int, typer.Option(min=1, help="Processes of one core each.")] = (
        os.cpu_count() or 1
    ),
    quick: Annotated[bool, typer.Option("--quick", help="A tiny plan: all parts run.")] = False,
    styles: Annotated[int, typer.Option(help="Held-out styles.")] = Plan.styles,
    contents: Annotated[int, typer.Option(help="Contents in each style.")] = Plan.contents,
    seeds: Annotated[int, typer.Option(help="Style pictures of each style.")] = Plan.seeds,
    steps: Annotated[int, typer.Option(help="Steps of learning a word.")] = Plan.steps,
    batch: Annotated[int, typer.Option(help="Timesteps and noises in a step.")] = Plan.batch,
    pairs: Annotated[int, typer.Option(help="The same, of an evaluation.")] = Plan.pairs,
    only_copies: Annotated[
        bool,
        typer.Option(help="Measure only the rows without diffusion, in the file that is there."),
    ] = False,
    sampling_steps: Annotated[int, typer.Option(help="Steps of a transfer.")] = SAMPLING.steps,
) -> None:
    """Repeat the paper's experiments against truth. The full counts take three hours on two cores;
    smaller ones take a share of that, and what is finished is kept."""
    if only_copies:
        typer.echo(with_copies(Results.load(out), painter).save(out))
        return
    sampling = replace(SAMPLING, steps=sampling_steps)
    plan = Plan(styles, contents, seeds, steps, batch, pairs, sampling)
    results = run(Plan.quick() if quick else plan, painter, work, workers=workers)
    typer.echo(results.save(out))


if __name__ == "__main__":
    app()
