"""Options that several commands share, each written once.

Groups of options are dataclasses: a command takes a whole group as one parameter, and `flat`
gives typer its fields, because typer makes one option of each parameter.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from inst_tutorial.cli.errors import CommandError

if TYPE_CHECKING:
    from inst_tutorial.learning import LearningSettings
    from inst_tutorial.painter import Painter

Made = TypeVar("Made")

# ------------------------------------------------------------------------- single options

MOST_SEED = 2**63 - 1  # the largest that a torch.Generator takes

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write.")]
WordFile = Annotated[
    Path | None,
    typer.Option(
        "--word",
        "-w",
        help="A word that `inst learn` has written, or the name of one that comes with Paintbox, "
        "such as lagoon (`inst info --words` lists them).",
    ),
]
Seed = Annotated[
    int,
    typer.Option(min=0, max=MOST_SEED, help="Seed of all random numbers. It fixes the result."),
]
LearningSteps = Annotated[
    int,
    typer.Option(help="Learning steps at most. Learning ends earlier when the loss stops falling."),
]
Strength = Annotated[
    float,
    typer.Option(
        "--strength", "-s", help="How much may change: above 0, at most 1. 1 changes most."
    ),
]
Guidance = Annotated[
    float,
    typer.Option(
        "--guidance", "-g", help="How strongly the prompt is followed. 1 applies no extra guidance."
    ),
]
Steps = Annotated[int, typer.Option(help="Denoising steps from pure noise to a picture.")]
Prompt = Annotated[
    str, typer.Option("--prompt", "-p", help='What to paint; "*" stands for the learned word.')
]
Inversion = Annotated[
    Literal["stochastic", "ddim", "noise", "official"],
    typer.Option(
        help="How the content picture becomes noise. stochastic: InST's own; keeps the content "
        "with one network call. ddim: goes through the steps backwards; keeps the content best, "
        "with one call per step. noise: random noise as in img2img; keeps the content least. "
        "official: like stochastic, with the noise levels of the authors' code."
    ),
]

# ---------------------------------------------------------------------- groups of options

Saver = StrEnum("Saver", ["offload", "checkpointing", "slicing"])  # memory.SAVERS


@dataclass(frozen=True)
class PainterOptions:
    """Which painter to load, and how it computes."""

    painter: Annotated[
        str,
        typer.Option(
            help="paintbox (part of this package), a diffusers folder, a .safetensors file, or a "
            "hub id such as owner/name."
        ),
    ] = "paintbox"
    config: Annotated[
        str | None,
        typer.Option(
            help="For a painter in one .safetensors file: the model that it holds, as sd15, "
            "sd21-base, sd21, or a diffusers folder of that model. Default: found out from the "
            "weights, but 2.x is always taken for sd21 (768 pixels): for 512 pixels say sd21-base."
        ),
    ] = None
    revision: Annotated[
        str | None, typer.Option(help="For a hub id: the branch, tag or commit.")
    ] = None
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, cuda:1, mps, ... Default: INST_DEVICE, or cuda, mps, cpu."),
    ] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        typer.Option(help="Number format of the painter. The short ones need half the memory."),
    ] = "float32"
    save_memory: Annotated[
        list[Saver] | None,
        typer.Option(
            help="Need less memory and more time. Give the option several times to combine them."
        ),
    ] = None

    def load(self) -> "Painter":
        """The painter, on its device. Raises PainterError, CommandError."""
        self.check()
        import torch

        from inst_tutorial.memory import save_memory
        from inst_tutorial.painter import Painter

        painter = Painter.load(
            self.painter,
            device=self.device,
            dtype=getattr(torch, self.dtype),
            revision=self.revision,
            config=self.config,
        )
        return save_memory(painter, self.save_memory or ())

    def check(self) -> None:
        """Raise CommandError or PainterError for options that cannot be used."""
        from inst_tutorial.checkpoints import check_source
        from inst_tutorial.devices import DeviceError, check_device

        check_source(self.painter, revision=self.revision, config=self.config)
        try:
            if self.device is not None:
                check_device(self.device)
        except DeviceError as error:
            raise CommandError(f"{error}. Without --device the best of them is taken") from error


@dataclass(frozen=True)
class LearningOptions:
    """How words are learned: the part of LearningSettings that the command line offers."""

    kind: Annotated[
        Literal["pooled", "free", "patches"],
        typer.Option(
            help="pooled: InST's attention embedder as published. free: a free vector, as in "
            "textual inversion. patches: attention over the picture's patches, too."
        ),
    ] = "pooled"
    vectors: Annotated[int, typer.Option(help="How many vectors a word has.")] = 1
    steps: LearningSteps = 200
    batch: Annotated[int, typer.Option(help="Noisy copies of each style picture in a step.")] = 8
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Adam's learning rate. Default: 0.05 for free, 0.001 for the others."),
    ] = None
    dropout: Annotated[
        float, typer.Option(min=0, max=0.99, help="Dropout of the kinds pooled and patches.")
    ] = 0.05
    seed: Seed = 0

    def settings(self, **more: Any) -> "LearningSettings":
        """The settings for learning, with `more` fields of them. Raises CommandError."""
        from inst_tutorial.learning import LearningSettings

        return checked(LearningSettings, **asdict(self), **more)


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its dataclasses as parameters of its own, for typer."""
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    groups = {p.name: p.annotation for p in parameters if is_dataclass(p.annotation)}

    def run(**values: Any) -> None:
        grouped = {name: _take(values, group) for name, group in groups.items()}
        command(**values, **grouped)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    shown = [
        field
        for p in parameters
        for field in (_fields(p.annotation).values() if p.name in groups else [p])
    ]
    keyword_only = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in shown]
    run.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    return run


def _fields(group: Any) -> Mapping[str, Parameter]:
    return inspect.signature(group, eval_str=True).parameters


def _take(values: dict[str, Any], group: Any) -> Any:
    """The group made of its own values, which are taken out of `values`."""
    return group(**{name: values.pop(name) for name in _fields(group)})


def checked(make: Callable[..., Made], **options: Any) -> Made:
    """make(**options), with a ValueError about the options turned into a line for the reader."""
    try:
        return make(**options)
    except ValueError as error:
        raise CommandError(str(error)) from error
