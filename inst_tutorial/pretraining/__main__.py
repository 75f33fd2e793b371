"""The command line: ``python -m inst_tutorial.pretraining --work DIR --out DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inst_tutorial.console import one_line_errors, unbroken_output
from inst_tutorial.files import check_writable, claimed

Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        help="Minutes for this stage. Default: the recipe's for the device.",
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
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda. Default: cuda if there is one, else cpu.")
    ] = None,
    stages: Annotated[
        str, typer.Option(help="The stages to do, with commas between them.")
    ] = "pictures,autoencoder,text,clip,unet,decoder,assemble,glance,evaluate",
    continue_from: Annotated[
        Path | None, typer.Option(help="A finished painter to continue from.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of PyTorch. Default: all cores.")
    ] = None,
) -> None:
    """Train Paintbox. Run it again after a stop, and it continues.

    The end of a stage may be moved while it runs: `date -d '+8 minutes' +%s > WORK/unet.until`.

    Examples:
    - `python -m inst_tutorial.pretraining --work runs/paintbox --out runs/painter`
    """
    import torch

    from inst_tutorial.devices import check_device
    from inst_tutorial.folders import PARTS, check_folder
    from inst_tutorial.pretraining import processes
    from inst_tutorial.pretraining.settings import Recipe
    from inst_tutorial.pretraining.stages.run import PretrainingRun
    from inst_tutorial.pretraining.stages.table import pretrain

    chosen = tuple(stages.split(","))
    check_writable(work / "log.jsonl")
    check_writable(out / "model_index.json")
    if device is not None:
        check_device(device)
    if continue_from is not None:
        check_folder(continue_from, PARTS)
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
        claims = [work / stage for stage in chosen] if processes.rank() == 0 else []
        with claimed(*claims):
            pretrain(PretrainingRun(work, out, recipe, own, continue_from), chosen)


app = typer.Typer(rich_markup_mode="markdown", add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    with unbroken_output(), one_line_errors():
        app()
