"""What things cost on this machine, beside what people would use instead.

    make bench DIFFUSERS=../diffusers      # or: python -m bench.cpu --diffusers ../diffusers

Every figure is the median of several runs with its spread; where two programs are compared they
take turns in one process, so that a busy machine disturbs both. Nothing here is a test.
`--diffusers` names a checkout of github.com/huggingface/diffusers, whose textual-inversion script
is run as published (it needs torchvision and tensorboardX). Without it those rows say "not
measured".
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from PIL.Image import Image
from torch.utils.flop_counter import FlopCounterMode

from bench.peers import Script, Stopwatch
from bench.steps import StepwiseLearning
from bench.timing import Timer, Work, processor_time, ratio, summary
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.learning import EvaluationPairs, LearningSettings, evaluate_loss
from inst_tutorial.painter import Painter, laid_out
from inst_tutorial.pictures import to_tensor
from inst_tutorial.style_transfer import TransferSettings, draw, repaint, transfer
from inst_tutorial.world import HELD_OUT, STYLES, Scene, paint

Result = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
CONTENT = Scene("lighthouse", "sea", seed=5)
RESULTS = ROOT / "inst_tutorial/data/bench_cpu.json"
PROMPT = "an oil painting with long swirling strokes in navy and blue"
NOT_MEASURED = "not measured: name a checkout of diffusers with --diffusers"
TEMPLATE = "a painting in the style of *"  # one of the script's own


# ------------------------------------------------------------------------- 1, 2: learning


def style_pictures(count: int) -> list[Image]:
    """The benchmark's scene in the first `count` of the held-out styles."""
    return [paint(CONTENT, style) for style in list(HELD_OUT.values())[:count]]


def our_learning(painter: Painter, settings: LearningSettings, styles: int = 1) -> StepwiseLearning:
    """Our learning of the benchmark's first styles."""
    return StepwiseLearning(painter, style_pictures(styles), settings)


def script_arguments(folder: Path, batch: int, steps: int) -> list[str]:
    """The script's options: as in its README, but for the model, sizes and one picture."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    style_pictures(1)[0].save(pictures / "style.png")
    options: dict[str, object] = {
        "pretrained_model_name_or_path": PAINTBOX,
        "train_data_dir": pictures,
        "learnable_property": "style",
        "placeholder_token": "<inst>",
        "initializer_token": LearningSettings().start,
        "resolution": Painter.load("paintbox").picture_size,
        "train_batch_size": batch,
        "max_train_steps": steps + 1,
        "learning_rate": 5e-4,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "output_dir": folder / "out",
    }
    named = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return [*named, "--scale_lr"]


def learning(painter: Painter, timer: Timer, diffusers: Path | None, steps: int) -> Result:
    """A learning step of ours and of the script, in turn; and how soon each is how good."""
    settings = LearningSettings(kind="free")  # what the script learns, too
    ours = our_learning(painter, settings)
    watch = Stopwatch(timer.clock)
    watch.watch(painter, "embed_tokens", "text encoder")
    watch.watch(painter, "predict_noise", "unet")
    watch.watch(torch.Tensor, "backward", "backward")
    times: dict[str, list[float]] = {"ours": [], "script": []}
    words = {"ours": [ours.vector()], "script": []}
    with tempfile.TemporaryDirectory() as folder:
        script = None
        if diffusers is not None:
            arguments = script_arguments(Path(folder), settings.batch, steps)
            script = Script(diffusers, arguments, timer.clock)
            script.start()
            script.step()  # loads, and its first step
        ours.step()
        words["ours"].append(ours.vector())
        watch.now.clear()
        for _ in range(steps - 1):
            times["ours"].append(timer.seconds(ours.step))
            watch.lap(times["ours"][-1])
            words["ours"].append(ours.vector())
            if script:
                times["script"].append(script.step())
    for owner, name in ((painter, "embed_tokens"), (painter, "predict_noise")):
        delattr(owner, name)
    result: Result = {"batch": settings.batch, "ours": summary(times["ours"])}
    result["where the time goes, ours"] = watch.medians()
    result["script"], result["steps/s ours / script"] = NOT_MEASURED, NOT_MEASURED
    if script:
        words["script"] = [words["ours"][0], *script.vectors]
        result["script"] = summary(times["script"])
        script.watch.laps.pop(0)
        result["where the time goes, script"] = script.watch.medians()
        result["steps/s ours / script"] = round(1 / ratio(result["ours"], result["script"]), 2)
    result["until the final loss"] = until(painter, words, times)
    return result


def until(
    painter: Painter, words: dict[str, list[torch.Tensor]], times: dict[str, list[float]]
) -> Result:
    """Losses on fixed pairs along the way; when we are as good as the script is at its end."""
    generator = torch.Generator().manual_seed(0)
    pairs = EvaluationPairs.draw(painter, style_pictures(1), LearningSettings().pairs, generator)

    def loss(vector: torch.Tensor) -> float:  # in the better of both prompts
        with torch.no_grad():
            contexts = [painter.embed(prompt, vector) for prompt in ("*", TEMPLATE)]
        return min(evaluate_loss(painter, pairs, context) for context in contexts)

    curves = {
        name: {step: round(loss(vectors[step]), 5) for step in range(0, len(vectors), 5)}
        for name, vectors in words.items()
    }
    result: Result = {"loss after steps": curves}
    if not words["script"]:
        return {**result, "script": NOT_MEASURED}
    end = max(curves["script"])
    target = min(curves["script"].values())
    reached = [step for step, value in curves["ours"].items() if value <= target]
    result["target"] = target
    theirs = end * statistics.median(times["script"])
    result["script"] = {"steps": end, "seconds": round(theirs, 2)}
    if reached:
        mine = max(reached[0], 1) * statistics.median(times["ours"])
        result["ours"] = {"steps": reached[0], "seconds": round(mine, 2)}
        result["times sooner"] = round(theirs / mine, 1)
    return result


# --------------------------------------------------------------------------- 3: repainting


def img2img(painter: Painter, settings: TransferSettings) -> Callable[..., Any]:
    """The pipeline of diffusers with the same parts, steps, strength, guidance and picture."""
    from diffusers import StableDiffusionImg2ImgPipeline

    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(PAINTBOX).to(painter.device)
    pipeline.set_progress_bar_config(disable=True)
    content = paint(CONTENT)

    def run(**options: Any) -> Any:
        return pipeline(
            settings.prompt,
            image=content,
            strength=settings.strength,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
            **options,
        ).images

    return run


def repainting(painter: Painter, timer: Timer, runs: int) -> Result:
    """Our transfer without a word (img2img) against diffusers' pipeline."""
    content = paint(CONTENT)
    settings = TransferSettings(prompt=PROMPT, inversion="noise")
    stochastic = TransferSettings(prompt=PROMPT)
    theirs = img2img(painter, settings)
    works: dict[str, Work] = {
        "ours": lambda: transfer(painter, content, None, settings),
        "diffusers": theirs,
        "ours, stochastic inversion": lambda: transfer(painter, content, None, stochastic),
    }
    result: Result = {**timer.alternate(works, runs)}
    result["ratio ours / diffusers"] = ratio(result["ours"], result["diffusers"])
    result["largest difference of latents"] = difference(painter, settings, theirs)
    return result


def difference(painter: Painter, settings: TransferSettings, theirs: Callable[..., Any]) -> float:
    """Between our latent and the pipeline's, when it, too, takes the mean of the encoding."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution as Posterior

    sample = Posterior.sample
    Posterior.sample = lambda self, generator=None: self.mean  # type: ignore[method-assign]
    try:
        generator = torch.Generator().manual_seed(settings.seed)
        latent = theirs(generator=generator, output_type="latent")
    finally:
        Posterior.sample = sample  # type: ignore[method-assign]
    ours = repaint(painter, to_tensor([paint(CONTENT)]), None, settings).latent
    return round((ours - latent).abs().max().item(), 6)


# ---------------------------------------------------------------------- 4: memory, loading

WORKS = {
    "learning, ours": (
        "our_learning(Painter.load('paintbox'), LearningSettings(kind='free')).step()"
    ),
    "transfer, ours": (
        "transfer(Painter.load('paintbox'), paint(CONTENT), None, "
        "TransferSettings(prompt=PROMPT, inversion='noise'))"
    ),
    "transfer, diffusers": (
        "img2img(Painter.load('paintbox'), TransferSettings(prompt=PROMPT, inversion='noise'))()"
    ),
}


def memory(diffusers: Path | None) -> Result:
    """MiB that a new process has used at most; "nothing" has imported what all need."""
    works = {"nothing": "pass", **WORKS}
    result: Result = {name: peak_of(work) for name, work in works.items()}
    result["learning, script"] = NOT_MEASURED
    if diffusers is not None:
        with tempfile.TemporaryDirectory() as folder:
            listed = script_arguments(Path(folder), LearningSettings().batch, 2)
            work = (
                f"s = Script(Path({str(diffusers)!r}), {listed!r}); s.start(); s.step(); s.step()"
            )
            result["learning, script"] = peak_of(work)
    return result


def peak_of(work: str) -> int:
    """The most MiB that a new process uses for a piece of code."""
    code = f"from bench.cpu import *; {work}; print(peak())"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    return int(done.stdout.split()[-1])


def peak() -> int:
    """The most MiB that this process has used so far.

    On Linux from its own status: what getrusage says is never less than what the process had that
    started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


# ------------------------------------------------------------------------------ 5: scaling


def scaling(painter: Painter, timer: Timer, runs: int) -> Result:
    """Steps a second by batch; styles an hour by how many are learned at once."""
    result: Result = {"steps/s by batch": {}, "styles/hour by styles at once": {}}
    for batch in (1, 2, 4, 8, 16):
        run = our_learning(painter, LearningSettings(batch=batch))
        median = timer.one(run.step, runs)["median_s"]
        result["steps/s by batch"][batch] = round(1 / median, 2)
    for styles in (1, 2, 4):
        settings = LearningSettings()
        run = our_learning(painter, settings, styles)
        median = timer.one(run.step, runs)["median_s"]
        hourly = 3600 * styles / (median * settings.steps)
        result["styles/hour by styles at once"][styles] = round(hourly, 1)
    return result


def variants(painter: Painter, timer: Timer, runs: int) -> Result:
    """What could be a default: memory layout, numbers of 16 bits, one thread, a compiled UNet."""
    half, plain, built = (
        Painter.load("paintbox", dtype=dtype)
        for dtype in (torch.bfloat16, torch.float32, torch.float32)
    )
    for part in (plain.unet, plain.vae):
        laid_out(part, torch.contiguous_format)
    built.unet.compile()
    kinds = {"float32": painter, "contiguous": plain, "bfloat16": half, "compiled": built}
    z, settings = torch.randn(2, *painter.latent_shape), LearningSettings()
    context = painter.embed(["", PROMPT])

    def ask(which: Painter) -> Work:
        return lambda: torch.no_grad()(which.predict_noise)(z, 500, context)

    asks = {name: ask(one) for name, one in kinds.items()}
    steps: dict[str, Work] = {name: our_learning(one, settings).step for name, one in kinds.items()}
    compiling = {
        "UNet, batch 2": timer.seconds(asks["compiled"]),
        "learning step": timer.seconds(steps["compiled"]),
    }
    return {
        "UNet, batch 2": timer.alternate(asks | {"one thread": alone(asks["float32"])}, 2 * runs),
        "decode": timer.alternate(
            {
                "channels_last": lambda: painter.decode(z[:1]),
                "contiguous": lambda: plain.decode(z[:1]),
            },
            runs,
        ),
        "learning step": timer.alternate(steps | {"one thread": alone(steps["float32"])}, runs),
        "compiling, seconds": {name: round(value, 1) for name, value in compiling.items()},
    }


def alone(work: Work) -> Callable[[], None]:
    """The same work by a single thread."""

    def run() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        work()
        torch.set_num_threads(threads)

    return run


def playing(painter: Painter, timer: Timer, runs: int) -> Result:
    """A frame of the playground, which repaints in ten steps, when a control is moved."""
    content, settings = paint(CONTENT), TransferSettings(prompt=PROMPT, steps=10)
    frame = timer.one(lambda: transfer(painter, content, None, settings), runs)
    return {"a frame": frame, "frames/s": round(1 / frame["median_s"], 2)}


def floor(painter: Painter, timer: Timer, runs: int) -> Result:
    """Operations of a learning step and of a guided step, and the seconds that they would take
    at the speed of a large matrix product."""
    ours = our_learning(painter, LearningSettings())
    z = torch.randn(1, *painter.latent_shape)
    context = painter.embed(["", PROMPT])

    def guided() -> None:
        with torch.no_grad():
            painter.predict_noise(torch.cat([z, z]), 500, context)

    square = torch.randn(1536, 1536)
    best = timer.one(lambda: square @ square, 4 * runs)["least_s"]
    speed = 2 * len(square) ** 3 / best
    result: Result = {"giga-operations/s of a matrix product": round(speed / 1e9, 1)}
    works: dict[str, Work] = {"learning step": ours.step, "guided step": guided}
    for name, work in works.items():
        with FlopCounterMode(display=False) as counter:
            work()
        operations = counter.get_total_flops()
        measured = timer.one(work, 2 * runs)
        part = operations / speed / measured["median_s"]
        result[name] = {
            "giga-operations": round(operations / 1e9, 2),
            **measured,
            "part spent multiplying, at that speed": round(part, 2),
        }
    return result


def world(timer: Timer, runs: int) -> Result:
    """Painting: the photograph, and every named style once over."""
    styles = {**STYLES, **HELD_OUT}

    def every_style() -> None:
        for style in styles.values():
            paint(CONTENT, style)

    works: dict[str, Work] = {"photograph": lambda: paint(CONTENT), "all styles": every_style}
    times = timer.alternate(works, runs)
    return {**times, "all styles": {**times["all styles"], "pictures": len(styles)}}


# ------------------------------------------------------------------------------------ main


def machine(painter: Painter) -> Result:
    """What was measured on what."""
    packages = ("torch", "diffusers", "transformers", "accelerate")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores used": cores,
        "threads": torch.get_num_threads(),
        "device": str(painter.device),
        "load average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = RESULTS,
    diffusers: Annotated[
        Path | None, typer.Option(help="A checkout of diffusers, for its script.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1)] = 5,
    steps: Annotated[int, typer.Option(min=2, help="Learning steps, ours and the script's.")] = 60,
    cpu_time: Annotated[
        bool, typer.Option("--cpu-time", help="Count processor time, for a machine that is busy.")
    ] = False,
    note: Annotated[str, typer.Option(help="What else the machine did.")] = "",
) -> None:
    """Measure, print, and write (after every group, so that nothing is lost)."""
    timer = Timer(processor_time) if cpu_time else Timer()
    painter = Painter.load("paintbox")
    clock = "processor time" if cpu_time else "wall time"
    results: Result = {"machine": {**machine(painter), "clock": clock}, "note": note}
    groups: dict[str, Callable[[], object]] = {
        "repaint": lambda: repainting(painter, timer, runs),
        "variants": lambda: variants(painter, timer, runs),
        "floor": lambda: floor(painter, timer, runs),
        "scaling": lambda: scaling(painter, timer, min(runs, 3)),
        "import inst_tutorial": lambda: timer.in_new_process("import inst_tutorial", runs),
        "load Paintbox": lambda: timer.one(lambda: Painter.load("paintbox"), runs),
        "draw, 20 guided steps": lambda: timer.one(lambda: draw(painter, "a photo of a cat"), runs),
        "playground": lambda: playing(painter, timer, runs),
        "peak memory in MiB": lambda: memory(diffusers),
        "world": lambda: world(timer, runs),
        # Last: its second thread brings a second pool of workers, which slows all that follows.
        "learn": lambda: learning(painter, timer, diffusers, steps),
    }
    for name, measure in groups.items():
        results[name] = measure()
        print(name, json.dumps(results[name], indent=2), flush=True)
        out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
