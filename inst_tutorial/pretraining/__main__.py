"""The command line: ``python -m inst_tutorial.pretraining --work DIR --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01, help="Minutes for this stage; else the recipe's, some two hours in all."
    ),
]


def main(
    work: Annotated[Path, typer.Option(help="Folder for pictures, checkpoints and the log.")],
    out: Annotated[Path, typer.Option(help="Folder for the finished painter.")],
    minutes_pictures: Minutes = None,
    minutes_autoencoder: Minutes = None,
    minutes_text: Minutes = None,
    minutes_clip: Minutes = None,
    minutes_unet: Minutes = None,
    minutes_decoder: Minutes = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; else what there is.")] = None,
    stages: Annotated[
        str, typer.Option(help="Comma-separated, in any number.")
    ] = "pictures,autoencoder,text,clip,unet,decoder,assemble,glance,evaluate",
    continue_from: Annotated[
        Path | None, typer.Option(help="A finished painter to train on from.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of torch; else all cores.")
    ] = None,
) -> None:
    """Train Paintbox. Run it again after an interruption: it goes on where it was.

    The end of a stage may be moved while it runs: `date -d '+8 minutes' +%s > WORK/unet.until`.
    """
    import torch

    from inst_tutorial.pretraining import processes
    from inst_tutorial.pretraining.settings import Recipe
    from inst_tutorial.pretraining.stages import PretrainingRun

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    recipe = Recipe.for_device(device).with_minutes(
        pictures=minutes_pictures,
        autoencoder=minutes_autoencoder,
        text=minutes_text,
        clip=minutes_clip,
        unet=minutes_unet,
        decoder=minutes_decoder,
    )
    if device.startswith("cuda"):
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    with processes.joined(device) as own:
        PretrainingRun(work, out, recipe, own, continue_from).run(tuple(stages.split(",")))


if __name__ == "__main__":
    typer.run(main)
