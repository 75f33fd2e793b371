"""The paper's experiments once more, against truth: one command, one small file.

A *case* is one held-out style, learned from one style picture with one seed. In each case words
are learned in several ways (`LEARNERS`), contents are repainted by several methods (`METHODS`) and
compared with the truth, and prompts are drawn. Cases are independent, so they run side by side.

    python -m inst_tutorial.studies.experiments --out book/data/experiments.json

Finished cases are kept in `--work`: the same command goes on where it was stopped. Book: chapter
"The experiments".
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import matplotlib.style
import numpy as np
import torch
import typer
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats
from torch import Generator
from tqdm.auto import tqdm

from inst_tutorial.figures import STYLE_FILE
from inst_tutorial.files import atomic_path
from inst_tutorial.learning import EvaluationPairs, LearningSettings, evaluate_loss, learn
from inst_tutorial.metrics import (
    edge_distance,
    gram_distance,
    palette_distance,
    structure_distance,
    texture_distance,
    truth_distance,
)
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.style_transfer import TransferSettings, adain, draw_contexts, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import (
    HELD_OUT,
    Scene,
    Style,
    content_words,
    full_caption,
    paint,
    with_article,
)
from inst_tutorial.world import style_words as words_of
from inst_tutorial.world.seeds import BOOK

Picture = Image.Image
Row = dict[str, Any]

#: Each is repainted in every style. No other part of the project looks at these scenes.
CONTENTS = (
    Scene("lighthouse", "sea", light="sunset", seed=BOOK[1]),
    Scene("cat", "meadow", colour="orange", trim="brown", seed=BOOK[2]),
    Scene("windmill", "mountains", colour="green", trim="yellow", seed=BOOK[3]),
    Scene("castle", "snow", light="night", colour="purple", trim="pink", seed=BOOK[4]),
)

#: Seed s learns its words from scene s, painted in the style.
STYLE_SCENES = (
    Scene("house", "meadow", colour="blue", trim="red", seed=BOOK[11]),
    Scene("sailboat", "sea", colour="red", trim="yellow", seed=BOOK[12]),
    Scene("tree", "mountains", light="sunset", colour="green", seed=BOOK[13]),
)

SAMPLING = TransferSettings(steps=8)  # seeds are the case's
LEARNING = LearningSettings(steps=40, batch=4, evaluate_every=10, pairs=8, patience=1_000)
BOTH_ENDS = LEARNING.steps  # evaluate_every of learners whose way does not matter


@dataclass(frozen=True)
class Method:
    """A way to repaint a content: what it is, and what it is made of.

    learner: a name of LEARNERS, or "" for no word. prompt: "*" is the word and "{style}" the
    best caption that the world has for the style. strengths: where it is measured.
    """

    about: str
    learner: str = ""
    prompt: str = "*"
    inversion: str = "stochastic"
    adain: bool = False
    strengths: tuple[float, ...] = (SAMPLING.strength,)


#: How words are learned. All share the batch, the number of steps and the random pairs.
LEARNERS: Mapping[str, LearningSettings] = MappingProxyType(
    {
        "free": replace(LEARNING, kind="free"),
        "attention": LEARNING,
        "patches": replace(LEARNING, kind="patches"),
        "dropout 0": replace(LEARNING, dropout=0.0, evaluate_every=BOTH_ENDS),
        "dropout 0.5": replace(LEARNING, dropout=0.5, evaluate_every=BOTH_ENDS),
    }
)

SWEEP = (0.5, SAMPLING.strength, 0.95)

#: The rows of the table that are painted by the diffusion model.
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "img2img": Method("random noise, empty prompt", prompt="", inversion="noise"),
        "caption, img2img": Method(
            "random noise, the best caption of the style as the prompt",
            prompt="{style}",
            inversion="noise",
            strengths=SWEEP,
        ),
        "caption, stochastic": Method(
            "stochastic inversion, the best caption as the prompt", prompt="{style}"
        ),
        "InST": Method(
            "stochastic inversion, the word of the attention embedder as published (dropout 0.05)",
            "attention",
            strengths=SWEEP,
        ),
        "without attention": Method("the same with a free vector (textual inversion)", "free"),
        "patches": Method("the same; the embedder also sees CLIP's patch tokens", "patches"),
        "dropout 0": Method("as InST, learned without dropout", "dropout 0"),
        "dropout 0.5": Method("as InST, learned with ten times the dropout", "dropout 0.5"),
        "noise": Method(
            "the word of InST, random noise in place of the inversion",
            "attention",
            inversion="noise",
            strengths=SWEEP,
        ),
        "DDIM": Method(
            "the word of InST, DDIM inversion", "attention", inversion="ddim", strengths=SWEEP
        ),
        "official levels": Method(
            "as InST, noised and denoised at the two levels of the official code",
            "attention",
            inversion="official",
        ),
        "InST + AdaIN": Method(
            "as InST, from a content latent with the style latent's statistics",
            "attention",
            adain=True,
        ),
    }
)

#: The rows that need no diffusion: copies to beat, and bounds that no method can pass.
COPIES: Mapping[str, str] = MappingProxyType(
    {
        "content": "the content picture itself",
        "style picture": "the style picture itself",
        "AdaIN": "the content latent with the style latent's statistics, decoded",
        "truth, other strokes": "the truth painted again with other strokes",
        "truth, round trip": "the truth, encoded and decoded by the painter",
    }
)

#: What is drawn from noise, with the content's own words in the prompt.
DRAWINGS: Mapping[str, Method] = MappingProxyType(
    {
        "caption": Method("the content's words and the best caption", prompt="{style}"),
        "free": Method("the content's words and the free vector", "free"),
        "InST": Method("the content's words and the attention embedder's word", "attention"),
    }
)


@dataclass(frozen=True)
class Plan:
    """How much is measured; the defaults are the book's.

    Styles are the first of the gallery of held-out ones, contents and seeds the first of
    CONTENTS and STYLE_SCENES. `steps` and `pairs` (of an evaluation) are the learners'.
    """

    styles: int = 6
    contents: int = len(CONTENTS)
    seeds: int = len(STYLE_SCENES)
    steps: int = LEARNING.steps
    pairs: int = LEARNING.pairs
    sampling: TransferSettings = SAMPLING

    def __post_init__(self) -> None:
        limits = {"styles": HELD_OUT, "contents": CONTENTS, "seeds": STYLE_SCENES}
        for name, most in limits.items():
            if not 1 <= getattr(self, name) <= len(most):
                raise ValueError(f"{name} must be 1 to {len(most)}, got {getattr(self, name)}")
        self.learner("free", 0)  # raises ValueError for steps or pairs that are none

    @classmethod
    def quick(cls) -> Plan:
        """Two styles, two contents, a seed, few steps: to see that everything runs."""
        sampling = replace(SAMPLING, steps=4)
        return cls(styles=2, contents=2, seeds=1, steps=4, pairs=2, sampling=sampling)

    @classmethod
    def stored(cls, about: Mapping[str, Any]) -> Plan:
        """The plan in `Results.about`."""
        return cls(**{**about, "sampling": TransferSettings(**about["sampling"])})

    @property
    def cases(self) -> list[tuple[str, int]]:
        """(style, seed) of every case."""
        return [(style, s) for style in list(HELD_OUT)[: self.styles] for s in range(self.seeds)]

    def learner(self, name: str, seed: int) -> LearningSettings:
        """The learner of that name, with this plan's number of steps."""
        every = max(1, self.steps * LEARNERS[name].evaluate_every // LEARNING.steps)
        settings = replace(LEARNERS[name], steps=self.steps, pairs=self.pairs, seed=seed)
        return replace(settings, evaluate_every=every)


# ------------------------------------------------------------------------------ one case


@dataclass(frozen=True, eq=False)
class Case:
    """One style, learned from one picture, and everything that is tried with it."""

    painter: Painter
    plan: Plan
    name: str
    seed: int

    @property
    def style(self) -> Style:
        """The held-out style."""
        return HELD_OUT[self.name]

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes of the contents."""
        return CONTENTS[: self.plan.contents]

    @cached_property
    def style_picture(self) -> Picture:
        """The only picture of the style that a learner sees."""
        return self.painted(STYLE_SCENES[self.seed], self.style)

    @cached_property
    def contents(self) -> list[Picture]:
        """The photographs to repaint."""
        return [self.painted(scene, None) for scene in self.scenes]

    @cached_property
    def truths(self) -> list[Picture]:
        """What they should become."""
        return [self.painted(scene, self.style) for scene in self.scenes]

    def painted(self, scene: Scene, style: Style | None, stroke_seed: int = 0) -> Picture:
        """The world's picture at the painter's size."""
        return paint(scene, style, stroke_seed=stroke_seed, size=self.painter.picture_size)

    # ----------------------------------------------------------------- learning

    def learned(self, name: str) -> Word:
        """The word of one learner; its curve also has the loss on the truths, never learned."""
        settings = self.plan.learner(name, self.seed)
        return learn(self.painter, self.style_picture, settings, others=self.truths, progress=False)

    def reference_losses(self) -> Row:
        """The losses of the same pairs without a word: what a word has to beat."""
        prompts = {
            "empty": "",
            "caption": words_of(self.style),
            "full caption": full_caption(STYLE_SCENES[self.seed], self.style),
        }
        contexts = {name: self.painter.embed(prompt) for name, prompt in prompts.items()}
        row: Row = {}
        for to, pictures in {"loss": [self.style_picture], "others": self.truths}.items():
            generator = Generator().manual_seed(self.seed)
            pairs = EvaluationPairs.draw(self.painter, pictures, self.plan.pairs, generator)
            row[to] = {n: evaluate_loss(self.painter, pairs, c) for n, c in contexts.items()}
        return row

    # -------------------------------------------------------------- repainting

    def settings(self, method: Method, strength: float) -> TransferSettings:
        """The settings of a method in this case."""
        return replace(
            self.plan.sampling,
            strength=strength,
            inversion=method.inversion,
            prompt=method.prompt.format(style=words_of(self.style)),
            adain=method.adain,
            seed=self.seed,
        )

    def repainted(self, method: Method, word: Word | None, strength: float) -> list[Picture]:
        """All contents, repainted by one method."""
        style = self.style_picture if method.adain else None
        how = self.settings(method, strength)
        return transfer(self.painter, self.contents, word, how, style)

    def copies(self) -> dict[str, list[Picture]]:
        """The results that need no diffusion, by their names in COPIES."""
        z0, z_style, z_truth = (
            self.painter.encode(to_tensor(pictures))
            for pictures in (self.contents, [self.style_picture], self.truths)
        )
        return {
            "content": self.contents,
            "style picture": [self.style_picture] * len(self.contents),
            "AdaIN": to_pictures(self.painter.decode(adain(z0, z_style))),
            "truth, other strokes": [
                self.painted(s, self.style, stroke_seed=1) for s in self.scenes
            ],
            "truth, round trip": to_pictures(self.painter.decode(z_truth)),
        }

    # ------------------------------------------------------------------ drawing

    def drawn(self, method: Method, word: Word | None) -> list[Picture]:
        """The contents' words with the style's, drawn from noise in one batch."""
        how = self.settings(method, 1.0)
        style = "*" if word else with_article(words_of(self.style))
        prompts = [f"{content_words(scene)} in the style of {style}" for scene in self.scenes]
        contexts = self.painter.embed(prompts, None if word is None else word.vectors)
        generator = Generator().manual_seed(self.seed)
        return draw_contexts(self.painter, contexts, generator, steps=how.steps)

    def undrawn(self) -> dict[str, list[Picture]]:
        """What drawings are measured against: another true painting of the style, and none."""
        others = [*self.truths[1:], self.truths[0]]
        return {"another painting": others, "photograph": self.contents}

    # ------------------------------------------------------------------ scoring

    def scores(self, method: str, strength: float, results: Sequence[Picture]) -> Iterator[Row]:
        """A row for each repainted content."""
        for i, (result, content, truth) in enumerate(
            zip(results, self.contents, self.truths, strict=True)
        ):
            yield {
                "method": method,
                "strength": strength,
                "content": i,
                "edges": edge_distance(result, content),
                "structure": structure_distance(result, content),
                **style_scores(result, self.style_picture),
                "truth": truth_distance(result, truth),
                "leak": 1 - edge_distance(result, self.style_picture),
            }

    def drawing_scores(self, method: str, results: Sequence[Picture]) -> Iterator[Row]:
        """A row for each drawing; the judge is the same scene's true painting, which no method
        saw, and which is laid out otherwise."""
        for i, (result, truth) in enumerate(zip(results, self.truths, strict=True)):
            gram = gram_distance(self.painter, result, truth)
            yield {"method": method, "content": i, **style_scores(result, truth), "Gram": gram}

    # --------------------------------------------------------------- everything

    def run(self) -> dict[str, list[Row]]:
        """All rows of this case, by table."""
        words = {name: self.learned(name) for name in LEARNERS}
        curves = [{"learner": n, "curve": _columns(w.info["curve"])} for n, w in words.items()]
        transfers = [r for n, p in self.copies().items() for r in self.scores(n, 0.0, p)]
        for name, method in METHODS.items():
            for strength in method.strengths:
                results = self.repainted(method, words.get(method.learner), strength)
                transfers += self.scores(name, strength, results)
        drawings = [r for n, p in self.undrawn().items() for r in self.drawing_scores(n, p)]
        for name, method in DRAWINGS.items():
            results = self.drawn(method, words.get(method.learner))
            drawings += self.drawing_scores(name, results)
        tables = {"curves": curves, "references": [self.reference_losses()]}
        tables |= {"transfers": transfers, "drawings": drawings}
        known = {"style": self.name, "seed": self.seed}
        return {table: [{**known, **row} for row in rows] for table, rows in tables.items()}


def style_scores(result: Picture, painting: Picture) -> dict[str, float]:
    """The distances of style that no network judges; colours seen from half the directions,
    which is twice as fast and nearly the same."""
    return {
        "palette": palette_distance(result, painting, directions=32),
        "texture": texture_distance(result, painting),
    }


def _columns(curve: Sequence[Row]) -> Row:
    """A list of points as lists of numbers."""
    return {name: [point[name] for point in curve] for name in ("step", "loss", "others")}


# ----------------------------------------------------------------------------- the results


@dataclass(frozen=True, eq=False)
class Results:
    """What the command wrote: `about` (plan, fingerprint, seconds) and tables of rows."""

    about: Row
    tables: dict[str, list[Row]]

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read the file of the command."""
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        tables = {
            name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
            for name, table in stored.pop("tables").items()
        }
        return cls(stored, tables)

    def save(self, path: str | Path) -> Path:
        """Write the file atomically, a row a line, numbers with four digits."""
        tables = ",\n".join(f'"{name}": {_table_text(rows)}' for name, rows in self.tables.items())
        about = json.dumps(_rounded(self.about), indent=1)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as beside:
            text = f'{about.removesuffix("}").rstrip()},\n"tables": {{{tables}}}\n}}\n'
            beside.write_text(text, encoding="utf-8")
        return Path(path)

    def belongs_to(self, painter: Painter) -> bool:
        """Whether these numbers were measured with the very weights of this painter."""
        return self.about["fingerprint"] == fingerprint(painter)

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """The rows of a table in which the columns have the wanted values."""
        found = [
            row
            for row in self.tables[table]
            if all(row[name] == value for name, value in wanted.items())
        ]
        if not found:
            raise KeyError(f"{table} has no row with {wanted}")
        return found

    def by_style(self, metric: str, table: str = "transfers", **wanted: Any) -> np.ndarray:
        """(styles,) the mean over contents and seeds of a metric, a number for each style."""
        rows = self.rows(table, **wanted)
        names = dict.fromkeys(row["style"] for row in self.tables[table])
        return np.array([np.mean([r[metric] for r in rows if r["style"] == n]) for n in names])


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean of independent values (n,) and the half width of its 95 % interval (Student's t).

    Results of one style share its style picture and its word: average them first
    (`Results.by_style`), for only styles are independent. One value has an infinite interval.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("inf")
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return float(values.mean()), float(half)


def dots(rows: Mapping[str, Sequence[float] | np.ndarray], xlabel: str = "") -> Figure:
    """A dot and its 95 % interval for the independent values (n,) of each row, the first on top.

    An interval that does not exist (n = 1) is left out.
    """
    means, halves = np.array([interval(values) for values in rows.values()]).T  # (rows,) each
    places = np.arange(len(rows))[::-1]
    with matplotlib.style.context(STYLE_FILE):
        figure = Figure(figsize=(7.5, 0.6 + 0.3 * len(rows)))
        axis = figure.subplots()
        halves = np.where(np.isfinite(halves), halves, 0)
        axis.errorbar(means, places, xerr=halves, fmt="o", capsize=3, linewidth=1.5)
        axis.set_yticks(places, list(rows))
        axis.set_xlabel(xlabel)
    return figure


def fingerprint(painter: Painter) -> str:
    """16 hexadecimal digits that change when any weight of the painter does."""
    digest = hashlib.sha256()
    for part in (painter.vae, painter.text_encoder, painter.unet, painter.image_encoder):
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _table_text(rows: Sequence[Row]) -> str:
    columns = list(rows[0])
    lines = ",\n".join(json.dumps(_rounded([row[name] for name in columns])) for row in rows)
    return f'{{"columns": {json.dumps(columns)}, "rows": [\n{lines}]}}'


def _rounded(value: Any) -> Any:
    """The same, with four significant digits (six for losses near each other)."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value


# ----------------------------------------------------------------------------- the command


def seconds(painter: Painter, plan: Plan, few: int = 2, many: int = 10) -> Row:
    """Seconds of one core that a learner takes: before its first step, and for a step."""
    picture = Case(painter, plan, plan.cases[0][0], 0).style_picture
    found = {}
    for name in ("free", "attention", "patches"):
        settings = replace(LEARNERS[name], pairs=1, evaluate_every=many)
        short, long = (
            _cpu_seconds(partial(learn, painter, picture, replace(settings, steps=steps)))
            for steps in (few, many)
        )
        step = (long - short) / (many - few)
        found[name] = {"start": max(0.0, short - few * step), "step": step}
    return found


def _cpu_seconds(run: Any) -> float:
    """Of the second run: the first also pays for what is loaded late."""
    for _ in range(2):
        begin = time.process_time()
        run(progress=False)
        taken = time.process_time() - begin
    return taken


@cache
def _painter(source: str) -> Painter:
    """The painter of this process, on one core."""
    torch.set_num_threads(1)
    return Painter.load(source, device="cpu")


def _run_case(case: tuple[str, int], plan: Plan, source: str, kept: str) -> dict[str, list[Row]]:
    """The tables of one case, from its file if that is there; `kept` begins the file's name."""
    path = Path(f"{kept}-{case[0]}-{case[1]}.json")
    if not path.exists():
        tables = Case(_painter(source), plan, *case).run()
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as beside:
            beside.write_text(json.dumps(tables), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def run(plan: Plan, source: str, work: Path, *, workers: int = 1, progress: bool = True) -> Results:
    """All cases of a plan, side by side in `workers` processes of one core each."""
    about = {
        "fingerprint": fingerprint(_painter(source)),
        "plan": asdict(plan),
        "learners": {name: asdict(plan.learner(name, 0)) for name in LEARNERS},
        "methods": {name: asdict(method) for name, method in METHODS.items()},
    }
    mark = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    case = partial(_run_case, plan=plan, source=source, kept=str(work / mark))
    tables: dict[str, list[Row]] = {}
    with tqdm(total=len(plan.cases), desc="experiments", disable=not progress) as bar:
        for found in _mapped(case, plan.cases, workers):
            bar.update()
            for name, rows in found.items():
                tables.setdefault(name, []).extend(rows)
    return Results({**about, "seconds": seconds(_painter(source), plan)}, tables)


def _mapped(case: Any, cases: Sequence[Any], workers: int) -> Iterator[Any]:
    """case(...) of all cases in order; without other processes when one worker is enough."""
    if workers == 1:
        yield from map(case, cases)
        return
    spawn = get_context("spawn")  # a forked process may not use torch's threads
    with ProcessPoolExecutor(workers, spawn) as pool:
        yield from pool.map(case, cases)


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "book/data/experiments.json"
    ),
    work: Annotated[Path, typer.Option(help="Keeps finished cases, to go on from.")] = Path(
        "runs/experiments"
    ),
    painter: Annotated[str, typer.Option(help="'paintbox' or a folder like it.")] = "paintbox",
    workers: Annotated[int, typer.Option(min=1, help="Processes of one core each.")] = (
        os.cpu_count() or 1
    ),
    quick: Annotated[bool, typer.Option("--quick", help="A tiny plan: does it run?")] = False,
) -> None:
    """Repeat the paper's experiments against truth: 10 minutes on two cores."""
    results = run(Plan.quick() if quick else Plan(), painter, work, workers=workers)
    typer.echo(results.save(out))


if __name__ == "__main__":
    app()
