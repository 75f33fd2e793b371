"""What learning and repainting cost at Stable Diffusion's true size, on a GPU.

    make bench-gpu                        # or: python -m bench.gpu
    python -m bench.gpu --diffusers path/to/a/checkout/of/diffusers --budget 240

Configurations are those of Stable Diffusion 1.5 (512 pixels) and 2.1 (768 pixels); weights are
random and made on the GPU. Rows come in the order in which readers ask, each is written as soon
as it is measured, and a run that was cut short goes on where it stopped. `--budget` is in seconds:
a row that would not end in time is left for another run. Where a goal is missed, PyTorch's profile
of that work is written beside it. `--tiny` tries every row on a toy, on any machine; its numbers
mean nothing. Without CUDA nothing is measured.

**How long a run takes.** A learning step at batch 8 is 13 * 10^12 operations at the size of
Stable Diffusion 1.5 and 38 * 10^12 at that of 2.1. A GPU that multiplies 790 * 10^12 a second and
reaches a third of that takes 0.05 and 0.15 s; the CPU needs about as long to give the orders. A
row times 30 steps, so nearly all rows take 4 to 10 s. Compiling and loading diffusers' script take
longer. The estimates in `plan` add up to less than 240 s, the whole compiled UNet aside.

Shares are of the rate at which the same GPU, in the same run, multiplies large bfloat16 matrices.
Diffusers' script for textual inversion is run as published; it needs torchvision and tensorboard.
"""

from __future__ import annotations

import gc
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.utils.flop_counter import FlopCounterMode

from bench.cuda_graph import GraphedGradient
from bench.models import TINY, Layout, pictures, random_painter, save_random_painter
from bench.peers import SCRIPT, Script
from bench.results import Results, ResultsError, missed
from bench.steps import StepwiseLearning
from bench.timing import Timer, Work, ratio, summary, wait_for_device
from inst_tutorial.layouts import LAYOUTS
from inst_tutorial.learning import LearningSettings, WordGradient, word_gradient
from inst_tutorial.memory import is_out_of_memory, save_memory
from inst_tutorial.painter import Painter, Tokens, laid_out
from inst_tutorial.style_transfer import TransferSettings, transfer

RESULTS = Path(__file__).parents[1] / "inst_tutorial/data/bench_gpu.json"
Measured = dict[str, Any]
Prepare = Callable[[Painter], object]
TIMER = Timer()
SETTINGS = LearningSettings(kind="free", start="a")  # what diffusers' script learns, too


@dataclass(frozen=True)
class Bench:
    """What is measured, and how much of it."""

    layouts: Mapping[str, Layout]  # the first one gets all rows
    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16
    steps: int = 10  # timed together, `runs` times
    runs: int = 3
    matmul: int = 8192
    repainting_steps: int = 50
    diffusers: Path | None = None

    @property
    def first(self) -> str:
        """The layout that gets all rows."""
        return next(iter(self.layouts))


@dataclass(frozen=True)
class Planned:
    """A row to measure. `seconds` is what it takes on an H100, building the painter included."""

    layout: str
    stage: str
    name: str
    seconds: float
    measure: Callable[[], Measured]
    needed: Callable[[Results], bool] = lambda results: True
    only_cuda: bool = False


# --------------------------------------------------------------------------- measurements


@contextmanager
def cleared() -> Iterator[None]:
    """The GPU's memory as free as it can be, before and after; the peak counts from here."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        yield
    finally:
        gc.collect()


def peak_gb() -> float | None:
    """The most memory that tensors had at once, in 10^9 bytes; CUDA only."""
    if not torch.cuda.is_available():
        return None
    return round(torch.cuda.max_memory_allocated() / 1e9, 2)


def matmul_tflops(bench: Bench) -> float:
    """The GPU's own rate, in 10^12 operations a second: a large product, the best of ten."""
    n = bench.matmul
    a, b = (torch.randn(n, n, device=bench.device, dtype=bench.dtype) for _ in range(2))
    times = [TIMER.seconds(lambda: a @ b) for _ in range(13)][3:]
    return round(2 * n**3 / min(times) / 1e12, 3)


def operations(layout: Layout) -> dict[str, float]:
    """10^12 operations of a learning step, forward and backward, for each pair of timestep and
    noise and for each word (the text encoder). Counted on shapes alone, without a GPU."""
    painter = random_painter(layout, torch.bfloat16, "meta")

    def count(pairs: int) -> float:
        make: dict[str, Any] = {"device": "meta"}
        ids = torch.zeros(1, painter.text_length, dtype=torch.long, **make)
        z = torch.empty(pairs, *painter.latent_shape, dtype=painter.dtype, **make)
        word, t = torch.empty(1, 1, painter.text_width, **make), torch.zeros(pairs).long()
        with FlopCounterMode(display=False) as counter:
            word_gradient(painter, word, Tokens(ids, ids), z, t, z)
        return counter.get_total_flops() / 1e12

    one, two = count(1), count(2)
    return {"per_pair": round(two - one, 6), "per_word": round(2 * one - two, 6)}


def learning(
    bench: Bench,
    layout: str,
    batch: int = 8,
    words: int = 1,
    dtype: torch.dtype | None = None,
    prepare: Prepare = lambda painter: None,
    gradient: Callable[[], WordGradient] = lambda: word_gradient,
) -> Measured:
    """A learning step: its seconds, and the most memory that it had."""
    with cleared():
        painter = random_painter(bench.layouts[layout], dtype or bench.dtype, bench.device)
        prepare(painter)
        settings = replace(SETTINGS, batch=batch)
        styles = pictures(words, painter.picture_size)
        run = StepwiseLearning(painter, styles, settings, gradient())

        def steps() -> None:
            for _ in range(bench.steps):
                run.step()

        for _ in range(3):
            run.step()
        times = [TIMER.seconds(steps) / bench.steps for _ in range(bench.runs)]
        return {"batch": batch, "words": words, **summary(times), "peak_gb": peak_gb()}


def derived(row: Measured, operations: Mapping[str, float], matmul: float) -> Measured:
    """What follows from a learning step's seconds: its share of the GPU's rate, 500 steps."""
    pairs, seconds = row["words"] * row["batch"], row["median_s"] or float("inf")
    tflop = operations["per_pair"] * pairs + operations["per_word"] * row["words"]
    return {
        "tflop": round(tflop, 4),
        "share_of_matmul": round(tflop / seconds / matmul, 3),
        "seconds_for_500_steps": round(500 * seconds, 1),
        "words_an_hour": round(3600 * row["words"] / (500 * seconds), 1),
    }


def repainting(bench: Bench, layout: str) -> Measured:
    """Our transfer, without a word, beside diffusers' pipeline, by turns: same parts, steps,
    strength, guidance and picture; and ours with InST's stochastic inversion."""
    with cleared():
        works = repainting_works(bench, layout)
        times = TIMER.alternate(works, bench.runs)
        return {
            **times,
            "steps": bench.repainting_steps,
            "ratio": ratio(times["ours"], times["diffusers"]),
            "peak_gb": peak_gb(),
        }


def repainting_works(bench: Bench, layout: str) -> dict[str, Work]:
    """The three ways to repaint a picture, ready to be called."""
    painter = random_painter(bench.layouts[layout], bench.dtype, bench.device)
    content = pictures(1, painter.picture_size)[0]
    ours = TransferSettings(
        prompt="a", inversion="noise", strength=0.7, guidance=7.5, steps=bench.repainting_steps
    )
    inst = replace(ours, inversion="stochastic")
    pipeline = img2img(painter, bench.layouts[layout])
    return {
        "ours": lambda: transfer(painter, content, None, ours),
        "ours, stochastic inversion": lambda: transfer(painter, content, None, inst),
        "diffusers": lambda: pipeline(
            "a",
            image=content,
            strength=ours.strength,
            guidance_scale=ours.guidance,
            num_inference_steps=ours.steps,
        ),
    }


def img2img(painter: Painter, layout: Layout) -> Any:
    """Diffusers' pipeline with this painter's parts."""
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    pipeline: Any = StableDiffusionImg2ImgPipeline(
        vae=painter.vae,
        text_encoder=painter.text_encoder,
        tokenizer=painter.tokenizer,
        unet=painter.unet,
        scheduler=DDIMScheduler(**layout["scheduler"]),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_script(bench: Bench, layout: str, batch: int = 8) -> Measured:
    """A step of diffusers' script as published, at the same batch. It loads a model folder, which
    is written to the local disk once."""
    assert bench.diffusers is not None
    with cleared(), tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        chosen = bench.layouts[layout]
        save_random_painter(chosen, bench.dtype, bench.device, folder / "model")
        size = chosen["vae"]["sample_size"]
        (folder / "style").mkdir()
        pictures(1, size)[0].save(folder / "style/style.png")
        script = Script(bench.diffusers, script_arguments(bench, folder, size, batch))
        script.start()
        for _ in range(3):
            script.step()  # the first one loads
        times = [script.step() for _ in range(bench.steps)]
        peak = peak_gb()
        script.stop()
        return {"batch": batch, "words": 1, **summary(times), "peak_gb": peak}


def script_arguments(bench: Bench, folder: Path, size: int, batch: int) -> list[str]:
    """The script's options: as in its README, but for the model, sizes and one picture."""
    options: dict[str, object] = {
        "pretrained_model_name_or_path": folder / "model",
        "train_data_dir": folder / "style",
        "output_dir": folder / "out",
        "learnable_property": "style",
        "placeholder_token": "<inst>",
        "initializer_token": SETTINGS.start,
        "resolution": size,
        "train_batch_size": batch,
        "max_train_steps": 10**6,
        "mixed_precision": {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(bench.dtype, "no"),
        "repeats": 10**5,
        "save_steps": 10**9,
        "checkpointing_steps": 10**9,
    }
    return [f"--{name}={value}" for name, value in options.items()]


def profile(work: Work) -> Measured:
    """Where the time of a work goes: PyTorch's table of its twenty costliest operations."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    work()
    wait_for_device()
    with torch.profiler.profile(activities=activities) as profiler:
        work()
        wait_for_device()
    cost = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    table = profiler.key_averages().table(sort_by=cost, row_limit=20, max_name_column_width=60)
    return {"table": table.splitlines()}


def profile_learning(bench: Bench, layout: str) -> Measured:
    """The profile of a learning step at batch 8."""
    with cleared():
        painter = random_painter(bench.layouts[layout], bench.dtype, bench.device)
        settings = replace(SETTINGS, batch=8)
        return profile(StepwiseLearning(painter, pictures(1, painter.picture_size), settings).step)


def profile_repainting(bench: Bench, layout: str) -> Measured:
    """The profile of our transfer."""
    with cleared():
        return profile(repainting_works(bench, layout)["ours"])


# -------------------------------------------------------------------------------- the plan


def plan(bench: Bench) -> list[Planned]:
    """All rows, in the order in which readers ask for them."""
    first, rest = bench.first, list(bench.layouts)[1:]

    def step(layout: str, stage: str, name: str, seconds: float, **how: Any) -> Planned:
        return Planned(layout, stage, name, seconds, partial(learning, bench, layout, **how))

    def saver(name: str, chosen: Sequence[str]) -> Planned:
        switch = partial(save_memory, savers=chosen)
        return step(first, "savers", name, 5, batch=1, prepare=switch)

    def on_gpu(row: Planned) -> Planned:
        return replace(row, only_cuda=True)

    rows = [
        step(first, "learning", "batch 1", 5, batch=1),
        step(first, "learning", "batch 8", 5, batch=8),
        Planned(first, "repainting", "50 steps", 12, partial(repainting, bench, first)),
        Planned(
            first,
            "profile",
            "learning, batch 8",
            8,
            partial(profile_learning, bench, first),
            needed=partial(missed, stage="learning"),
        ),
        Planned(
            first,
            "profile",
            "repainting",
            8,
            partial(profile_repainting, bench, first),
            needed=partial(missed, stage="repainting"),
        ),
        on_gpu(step(first, "ways", "CUDA graph", 5, gradient=GraphedGradient)),
        step(first, "ways", "contiguous", 5, prepare=contiguous),
        on_gpu(step(first, "ways", "compiled blocks", 40, prepare=compile_blocks)),
    ]
    if bench.diffusers is not None:
        script = partial(diffusers_script, bench, first)
        rows.append(Planned(first, "diffusers script", "batch 8", 30, script))
    rows += [
        step(first, "precisions", "float16", 5, dtype=torch.float16),
        step(first, "precisions", "float32", 15, dtype=torch.float32),
        saver("offload", ["offload"]),
        saver("checkpointing", ["checkpointing"]),
        saver("slicing", ["slicing"]),
        step(first, "together", "2 words", 6, words=2),
        step(first, "together", "4 words", 9, words=4),
    ]
    for layout in rest:
        rows += [
            step(layout, "learning", "batch 1", 6, batch=1),
            step(layout, "learning", "batch 8", 9, batch=8),
            Planned(layout, "repainting", "50 steps", 15, partial(repainting, bench, layout)),
        ]
    return [
        *rows,
        *(step(first, "learning", f"batch {b}", 6, batch=b) for b in (2, 4, 16)),
        on_gpu(step(first, "ways", "compiled UNet", 110, prepare=compile_unet)),
    ]


def contiguous(painter: Painter) -> None:
    """Weights in PyTorch's usual order in memory, not in channels_last."""
    for part in (painter.unet, painter.vae):
        laid_out(part, torch.contiguous_format)


def compile_blocks(painter: Painter) -> None:
    """Compile the UNet's transformer blocks, which repeat."""
    torch.compiler.reset()
    painter.unet.compile_repeated_blocks()


def compile_unet(painter: Painter) -> None:
    """Compile the whole UNet."""
    torch.compiler.reset()
    painter.unet.compile()


# ----------------------------------------------------------------------------- the command


def machine(device: str) -> Measured:
    """What is measured on."""
    import diffusers
    import transformers

    named = torch.cuda.get_device_name() if device.startswith("cuda") else platform.machine()
    return {
        "device": named,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }


def measure(bench: Bench, results: Results, budget: float) -> None:
    """Measure what the file lacks, as far as the budget goes, and write row by row.

    A row that failed is tried again. Raises ResultsError for results of another machine.
    """
    start = time.perf_counter()
    results.measured_on(machine(bench.device))
    matmul = matmul_tflops(bench)
    count_operations(bench, results)
    for row in plan(bench):
        found = results.find(row.layout, row.stage, row.name)
        if (found and "failed" not in found) or not row.needed(results):
            continue
        if row.only_cuda and not torch.cuda.is_available():
            continue
        title = f"{row.layout}: {row.stage}, {row.name}"
        if time.perf_counter() - start + row.seconds > budget:
            print(f"{title}: no time left, it takes about {row.seconds:.0f} s", flush=True)
            continue
        measured = tried(row.measure)
        if "words" in measured:
            measured |= derived(measured, results.operations[row.layout], matmul)
        names = {"layout": row.layout, "stage": row.stage, "name": row.name}
        results.add({**names, "matmul_tflops": matmul, **measured})
        print(f"{title}: {json.dumps(measured)}", flush=True)


def count_operations(bench: Bench, results: Results) -> None:
    """Count what a learning step costs at each size, where the file does not say so yet."""
    for name, layout in bench.layouts.items():
        if name not in results.operations:
            results.operations[name] = operations(layout)


def tried(work: Callable[[], Measured]) -> Measured:
    """A measurement, or {"failed": the reason}."""
    try:
        return work()
    except Exception as error:  # compilers and drivers raise kinds of their own
        name = "out of memory" if is_out_of_memory(error) else type(error).__name__
        return {"failed": f"{name}: {(str(error).splitlines() or [''])[0][:200]}"}


def show_plan(bench: Bench) -> None:
    """Print what would be measured on a GPU, and how long it would take there."""
    rows = plan(bench)
    for row in rows:
        print(f"{row.seconds:4.0f} s  {row.layout}: {row.stage}, {row.name}")
    print(f"{sum(row.seconds for row in rows):4.0f} s  in all, on an H100")


def show_goals(results: Results) -> None:
    """Print what was hoped for and what was found."""
    results.write()
    for row in json.loads(results.path.read_text(encoding="utf-8"))["goals"]:
        print(f"{row['goal']}: {row['found']} ({row['verdict'] or 'not measured'})")


def main(
    out: Annotated[
        Path | None, typer.Option(help="Default: the book's own file; with --tiny _build/gpu.json.")
    ] = None,
    layouts: Annotated[
        str, typer.Option(help="Of sd15, sd21-base, sd21; the first gets all rows.")
    ] = "sd15,sd21",
    diffusers: Annotated[
        Path | None, typer.Option(help="A checkout of diffusers, for its script.")
    ] = None,
    budget: Annotated[float, typer.Option(min=0, help="Seconds; later rows are left out.")] = 240,
    tiny: Annotated[bool, typer.Option(help="Try everything on a toy; means nothing.")] = False,
) -> None:
    """Measure, print, and write row by row."""
    if diffusers is not None and not (diffusers / SCRIPT).is_file():
        raise typer.BadParameter(f"{diffusers} is no checkout of diffusers: it lacks {SCRIPT}")
    out = out or (Path("_build/gpu.json") if tiny else RESULTS)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {name: LAYOUTS[name] for name in layouts.split(",")}
    bench = Bench(chosen, device, diffusers=diffusers)
    if tiny:
        bench = toy(device, diffusers)
    results = Results.read(out)
    if tiny or device == "cuda":
        try:
            measure(bench, results, budget)
        except ResultsError as error:
            raise typer.BadParameter(str(error)) from error
    else:
        print("No CUDA device: nothing is measured. On a GPU these rows would be, in this order:")
        show_plan(bench)
        count_operations(bench, results)
    show_goals(results)


def toy(device: str, diffusers: Path | None = None) -> Bench:
    """Everything at the size of a toy, once."""
    return Bench(
        {"tiny": TINY},
        device,
        torch.float32,
        steps=1,
        runs=1,
        matmul=64,
        repainting_steps=2,
        diffusers=diffusers,
    )


if __name__ == "__main__":
    typer.run(main)
