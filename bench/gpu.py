"""What learning and repainting cost at Stable Diffusion's true size, on a GPU.

    make bench-gpu     # or: python -m bench.gpu --diffusers path/to/a/checkout/of/diffusers

Configurations are those of Stable Diffusion 1.5 (512 pixels) and 2.1 (768 pixels); weights are
random. That is right for time and memory, and for nothing else: no number here says how good a
picture is. Without CUDA nothing is measured, and the table says so. `--tiny` tries every stage on
a toy, on any machine; its numbers mean nothing. Diffusers' script for textual inversion is run as
published; it needs torchvision and tensorboardX.

Shares are of the rate at which the same card, in the same run, multiplies large bfloat16 matrices.
Results are written after every stage, so that a run cut short keeps what it has.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from bench.timing import Timer, wait_for_device
from inst_tutorial.files import atomic_path
from inst_tutorial.layouts import LAYOUTS, random_parts
from inst_tutorial.learning import LearningSettings, learn_many
from inst_tutorial.memory import is_out_of_memory, save_memory
from inst_tutorial.painter import Painter
from inst_tutorial.schedule import Schedule
from inst_tutorial.style_transfer import TransferSettings, transfer

Result = dict[str, Any]
TIMER = Timer()
RESULTS = Path(__file__).parents[1] / "inst_tutorial/data/bench_gpu.json"
NOT_YET = "not yet measured"
BATCHES = (1, 2, 4, 8, 16, 32)
MODES = {"eager": None, "compiled": "default", "CUDA graphs": "reduce-overhead"}
SCRIPT = "examples/textual_inversion/textual_inversion.py"
SAVERS: dict[str, list[str]] = {
    "none": [],
    "offload": ["offload"],
    "checkpointing": ["checkpointing"],
    "slicing": ["slicing"],
    "all three": ["offload", "checkpointing", "slicing"],
}
TINY = {
    "unet": {
        "sample_size": 8,
        "block_out_channels": [16, 32],
        "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    },
    "vae": {
        "sample_size": 16,
        "latent_channels": 4,
        "block_out_channels": [8, 16],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "norm_num_groups": 4,
    },
    "text_encoder": {
        **LAYOUTS["sd15"]["text_encoder"],
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    },
    "scheduler": LAYOUTS["sd15"]["scheduler"],
}


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    layouts: dict[str, Any]
    device: str
    dtype: torch.dtype
    batches: tuple[int, ...] = BATCHES
    steps: int = 20  # timed, after as many untimed ones
    runs: int = 3
    matmul: int = 8192
    drawing_steps: int = 50
    diffusers: Path | None = None


# --------------------------------------------------------------------------------- the model


def tokenizer() -> Any:
    """A tokenizer of CLIP's size that needs no download: letters, and 49 thousand fillers."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += [f"<filler-{i}>" for i in range(49_406 - len(pieces))]
    vocabulary = {p: i for i, p in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(
        vocab=vocabulary, merges=[], pad_token="<|endoftext|>", model_max_length=77
    )


def random_painter(layout: dict[str, Any], plan: Plan, dtype: torch.dtype | None = None) -> Painter:
    """A painter of the right size with random weights."""
    torch.manual_seed(0)
    return Painter(
        **random_parts(layout, dtype or plan.dtype, plan.device),
        tokenizer=tokenizer(),
        schedule=Schedule.from_config(layout["scheduler"]),
        source="random weights",
    )


def pictures(count: int, size: int) -> list[Image.Image]:
    """Random pictures with structure at every scale."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return [Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC) for c in coarse]


# -------------------------------------------------------------------------------- measuring


def median_and_spread(values: list[float], digits: int = 3) -> Result:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), digits),
        "least": round(min(values), digits),
        "most": round(max(values), digits),
    }


def peak_gb(work: Callable[[], object]) -> float | None:
    """The most memory that tensors had at once during a call, in 10^9 bytes; CUDA only."""
    if not torch.cuda.is_available():
        work()
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    wait_for_device()
    return round(torch.cuda.max_memory_allocated() / 1e9, 2)


def matmul_tflops(plan: Plan) -> float:
    """The card's own rate: n x n times n x n on random data, the best of ten."""
    n = plan.matmul
    a, b = (torch.randn(n, n, device=plan.device, dtype=plan.dtype) for _ in range(2))
    times = [TIMER.seconds(lambda: a @ b) for _ in range(13)][3:]
    return round(2 * n**3 / min(times) / 1e12, 3)


def learning(painter: Painter, batch: int, steps: int, styles: int = 1) -> Callable[[], object]:
    """Learning without looks in between; evaluation only before and after."""
    groups = [[picture] for picture in pictures(styles, painter.picture_size)]
    settings = LearningSettings(
        kind="free", start="a", steps=steps, batch=batch, evaluate_every=steps, pairs=1, patience=99
    )
    return lambda: learn_many(painter, groups, settings, progress=False)


def step_tflop(painter: Painter, batch: int, styles: int) -> float:
    """Operations of one step, in 10^12, by the difference of two steps and one."""
    counts = []
    for steps in (1, 2):
        with FlopCounterMode(display=False) as counter:
            learning(painter, batch, steps, styles)()
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / 1e12


def learning_step(
    painter: Painter,
    plan: Plan,
    batch: int,
    peak: float,
    styles: int = 1,
    mode: str | None = None,
) -> Result:
    """One step: its milliseconds (by difference, so that loading, encoding and evaluating drop
    out), its operations (counted), its share of the matrix product's rate, and peak memory.
    `mode` compiles the UNet, after counting: compiled operations cannot be counted."""
    tflop = step_tflop(painter, batch, styles)
    if mode is not None:
        painter.unet.compile(mode=mode)
    short, long = (learning(painter, batch, n, styles) for n in (plan.steps, 2 * plan.steps))
    memory = peak_gb(short)
    times = [
        1000 * (TIMER.seconds(long) - TIMER.seconds(short)) / plan.steps for _ in range(plan.runs)
    ]
    ms = median_and_spread(times)
    return {
        "batch": batch,
        "styles": styles,
        "ms": ms,
        "tflop": float(f"{tflop:.4g}"),
        "share_of_matmul": round(tflop / (ms["median"] / 1000) / peak, 3) if ms["median"] else None,
        "peak_gb": memory,
        "seconds_for_500_steps": round(ms["median"] / 2, 1),
    }


def tried(measure: Callable[[], Any]) -> Any:
    """A measurement, or {"failed": why there is none}."""
    try:
        return measure()
    except Exception as error:  # compilers and drivers raise kinds of their own
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        name = "out of memory" if is_out_of_memory(error) else type(error).__name__
        return {"failed": f"{name}: {(str(error).splitlines() or [''])[0][:200]}"}


# ----------------------------------------------------------------------------------- stages


def middle(plan: Plan) -> int:
    """The largest batch up to 8."""
    return max(b for b in plan.batches if b <= 8)


def batches(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result]:
    """Learning steps for each batch size."""
    painter = random_painter(layout, plan)
    return [
        {"batch": b, **tried(partial(learning_step, painter, plan, b, peak))} for b in plan.batches
    ]


def modes(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result]:
    """Eager, compiled, CUDA graphs, at the largest batch up to 8."""
    rows = []
    for name, mode in MODES.items():
        torch.compiler.reset()
        painter, batch = random_painter(layout, plan), middle(plan)
        step = partial(learning_step, painter, plan, batch, peak, mode=mode)
        rows.append({"mode": name, **tried(step)})
    return rows


def precisions(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result]:
    """Number formats."""
    rows = []
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        painter = random_painter(layout, plan, dtype)
        row = tried(partial(learning_step, painter, plan, middle(plan), peak))
        rows.append({"dtype": str(dtype).removeprefix("torch."), **row})
    return rows


def savers(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result]:
    """Memory savers at batch 1."""
    rows = []
    for name, chosen in SAVERS.items():
        painter = save_memory(random_painter(layout, plan), chosen)
        row = tried(partial(learning_step, painter, plan, 1, peak))
        rows.append({"saver": name, **row})
    return rows


def together(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result]:
    """Several words in one batch, 8 noisy copies of each picture."""
    painter = random_painter(layout, plan)
    each = middle(plan)
    return [
        {"styles": n, **tried(partial(learning_step, painter, plan, each, peak, n))}
        for n in (1, 2, 4, 8)
    ]


def repainting(layout: dict[str, Any], plan: Plan, peak: float) -> Result:
    """Our transfer, without a word, beside diffusers' pipeline, by turns: same parts, steps,
    strength, guidance and picture; and ours with InST's stochastic inversion."""
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    painter = random_painter(layout, plan)
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
    content = pictures(1, painter.picture_size)[0]
    settings = TransferSettings(
        prompt="a", inversion="noise", strength=0.7, guidance=7.5, steps=plan.drawing_steps
    )
    inst = replace(settings, inversion="stochastic")
    works = {
        "ours": lambda: transfer(painter, content, None, settings),
        "ours, stochastic inversion": lambda: transfer(painter, content, None, inst),
        "diffusers": lambda: pipeline(
            "a",
            image=content,
            strength=settings.strength,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
        ),
    }
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(plan.runs):
        for name, work in works.items():
            times[name].append(TIMER.seconds(work))
    result: Result = {name: median_and_spread(values, 4) for name, values in times.items()}
    result["steps"] = settings.steps
    result["ratio"] = round(result["ours"]["median"] / result["diffusers"]["median"], 3)
    return result


def peer(layout: dict[str, Any], plan: Plan, peak: float) -> list[Result] | str:
    """Diffusers' textual-inversion script as published, from a checkout that the user names."""
    if plan.diffusers is None:
        return f"{NOT_YET}: name a checkout with --diffusers"
    script = plan.diffusers / SCRIPT
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _save_painter(layout, plan, folder / "model")
        size = layout["vae"]["sample_size"]
        (folder / "style").mkdir()
        pictures(1, size)[0].save(folder / "style/style.png")
        return [
            {"batch": b, **tried(partial(_peer_step, script, folder, plan, size, b))}
            for b in plan.batches
        ]


def _save_painter(layout: dict[str, Any], plan: Plan, folder: Path) -> None:
    """A diffusers folder with random weights, for programs that load one."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline: Any = StableDiffusionPipeline(
        **random_parts(layout, torch.float32, "cpu"),
        tokenizer=tokenizer(),
        scheduler=DDIMScheduler(**layout["scheduler"]),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)


def _peer_step(script: Path, folder: Path, plan: Plan, size: int, batch: int) -> Result:
    """Milliseconds of one step of the script, by the difference of a long and a short run."""
    runner = (
        "import atexit, runpy, sys, torch\n"
        "atexit.register(lambda: print('PEAK', torch.cuda.max_memory_allocated() "
        "if torch.cuda.is_available() else 0))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    mixed = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(plan.dtype, "no")
    options = {
        "pretrained_model_name_or_path": folder / "model",
        "train_data_dir": folder / "style",
        "output_dir": folder / "out",
        "placeholder_token": "<inst>",
        "initializer_token": "a",
        "resolution": size,
        "train_batch_size": batch,
        "mixed_precision": mixed,
        "repeats": 100_000,
        "save_steps": 10**9,
        "checkpointing_steps": 10**9,
    }

    def run(steps: int) -> tuple[float, str]:
        command = [sys.executable, "-c", runner, str(script), f"--max_train_steps={steps}"]
        command += [f"--{name}={value}" for name, value in options.items()]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return time.perf_counter() - start, done.stdout

    run(1)  # warm caches
    short, _ = run(plan.steps)
    long, said = run(4 * plan.steps)
    peak = int(said.rpartition("PEAK")[2] or 0)
    return {
        "ms": round(1000 * (long - short) / (3 * plan.steps), 1),
        "peak_gb": round(peak / 1e9, 2) or None,
    }


STAGES: dict[str, Callable[[dict[str, Any], Plan, float], Any]] = {
    "batches": batches,
    "repainting": repainting,
    "savers": savers,
    "together": together,
    "precisions": precisions,
    "diffusers script": peer,
    "modes": modes,
}


# ------------------------------------------------------------------------------- the command


def machine(device: str) -> Result:
    """What was measured on."""
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


def nothing(layouts: dict[str, Any]) -> Result:
    """The table without a measurement."""
    stages = dict.fromkeys(STAGES, NOT_YET)
    return {
        "machine": NOT_YET,
        "layouts": {name: {"matmul_tflops": NOT_YET, **stages} for name in layouts},
    }


def goals(result: Result) -> list[Result]:
    """What was hoped for at Stable Diffusion 1.5's size, what was found, and the verdict."""
    sd15 = result["layouts"].get("sd15", {})
    rows = sd15.get("batches")
    by_batch = {row["batch"]: row for row in rows} if isinstance(rows, list) else {}
    one, eight = by_batch.get(1, {}), by_batch.get(8, {})
    repaint = sd15.get("repainting")
    ratio = repaint.get("ratio") if isinstance(repaint, dict) else None
    return [
        goal("share of the matrix product's rate at batch 8", eight.get("share_of_matmul"), 0.4),
        goal(
            "seconds for 500 learning steps at batch 8 (an H200)",
            eight.get("seconds_for_500_steps"),
            most=20,
        ),
        goal("peak memory at batch 1, GB", one.get("peak_gb"), most=8),
        goal("repainting in 50 steps, share of diffusers' time", ratio, most=0.7),
    ]


def goal(
    name: str, found: float | None, least: float | None = None, most: float | None = None
) -> Result:
    """A bound, and whether what was found keeps it."""
    bound = f"at least {least}" if least is not None else f"at most {most}"
    row = {"goal": f"{name}, {bound}", "found": NOT_YET, "verdict": NOT_YET}
    if found is None:
        return row
    met = found >= least if least is not None else most is not None and found <= most
    return row | {"found": found, "verdict": "met" if met else "missed"}


def measure(plan: Plan, stages: list[str], out: Path) -> Result:
    """All stages, written down one by one."""
    result = nothing(plan.layouts)
    result["machine"] = machine(plan.device)
    peak = matmul_tflops(plan)
    for name, layout in plan.layouts.items():
        found = result["layouts"][name]
        found["matmul_tflops"] = peak
        for stage in stages:
            print(f"{name}: {stage} ...", flush=True)
            found[stage] = tried(partial(STAGES[stage], layout, plan, peak))
            print(json.dumps(found[stage]), flush=True)
            write(result, out)
    return result


def write(result: Result, out: Path) -> None:
    """Keep all that was measured so far, and what it says of the goals."""
    result["goals"] = goals(result)
    with atomic_path(out) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(
    out: Annotated[
        Path | None, typer.Option(help="Default: the package's data; with --tiny _build/gpu.json.")
    ] = None,
    layouts: Annotated[str, typer.Option(help="Of sd15, sd21-base, sd21.")] = "sd15,sd21",
    stages: Annotated[str, typer.Option(help="Which to run.")] = ",".join(STAGES),
    diffusers: Annotated[
        Path | None, typer.Option(help="A checkout of diffusers, for its script.")
    ] = None,
    tiny: Annotated[bool, typer.Option(help="Try everything on a toy; means nothing.")] = False,
) -> None:
    """Measure, print, and write."""
    out = out or (Path("_build/gpu.json") if tiny else RESULTS)
    if diffusers is not None and not (diffusers / SCRIPT).is_file():
        raise typer.BadParameter(f"{diffusers} is no checkout of diffusers: it lacks {SCRIPT}")
    chosen = {name: LAYOUTS[name] for name in layouts.split(",")}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    plan = Plan(chosen, device, torch.bfloat16, diffusers=diffusers)
    if tiny:
        toy: dict[str, Any] = {"layouts": {"tiny": TINY}, "dtype": torch.float32, "batches": (1, 2)}
        plan = replace(plan, **toy, steps=1, runs=1, matmul=64, drawing_steps=2)
    if tiny or device == "cuda":
        return show_goals(measure(plan, stages.split(","), out))
    print("no CUDA device: nothing is measured (--tiny tries the program)")
    if not out.exists():  # keep what another machine measured
        write(nothing(chosen), out)
    show_goals(json.loads(out.read_text(encoding="utf-8")))


def show_goals(result: Result) -> None:
    """Print what was hoped for and what was found."""
    for row in result["goals"]:
        print(f"{row['goal']}: {row['found']} ({row['verdict']})")


if __name__ == "__main__":
    typer.run(main)
