"""The state of a training run, and the file that keeps it: whole or not there, never pickled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from typing_extensions import TypedDict

from inst_tutorial.files import atomic_path
from inst_tutorial.pretraining import processes
from inst_tutorial.pretraining.settings import TrainingError


class Counters(TypedDict):
    """How far a run came; see `TrainingState`."""

    step: NonNegativeInt
    seconds: NonNegativeFloat
    examples: NonNegativeInt


COUNTERS = TypeAdapter(Counters)


@dataclass(eq=False)
class TrainingState:
    """All that a run needs to go on where it stopped.

    Attributes:
        model: the network that is trained.
        average: the moving average of its weights.
        optimizers: each updates a part of the parameters.
        generator: the source of every random draw, on the training device.
        step: steps done, over all sittings.
        seconds: time spent in them.
        examples: how many examples of the pool are in use.
    """

    model: nn.Module
    average: nn.Module
    optimizers: Sequence[Optimizer]
    generator: Generator
    step: int = 0
    seconds: float = 0.0
    examples: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """Weights, their average and the optimizers' moments, by name. They are the ones that a
        step changes, not copies."""
        found: dict[str, Tensor] = {}
        for name, parameter in self.model.named_parameters():
            found[f"model.{name}"] = parameter.detach()
            for optimizer in self.optimizers:
                for moment, values in optimizer.state.get(parameter, {}).items():
                    found[f"{moment}.{name}"] = values
        return found | {f"ema.{name}": p.detach() for name, p in self.average.named_parameters()}

    def save(self, path: Path) -> None:
        """Write everything to one file. All processes call this; the first one writes."""
        generators = processes.gathered(self.generator.get_state())  # (processes, bytes)
        if processes.rank() > 0:
            return
        counters = {"step": self.step, "seconds": self.seconds, "examples": self.examples}
        tensors = self.tensors() | {"generators": generators}
        with atomic_path(path) as temporary:
            kept = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            save_file(kept, temporary, metadata={"counters": json.dumps(counters)})

    def load(self, path: Path) -> None:
        """Go back to where `save` wrote the file.

        A process more than there were then keeps the draws it has.
        """
        with safe_open(path, framework="pt") as file:
            for name, value in COUNTERS.validate_json(file.metadata()["counters"]).items():
                setattr(self, name, value)
            generators = file.get_tensor("generators")
            if processes.rank() < len(generators):
                self.generator.set_state(generators[processes.rank()])
            for name, tensor in self.tensors().items():
                tensor.copy_(file.get_tensor(name))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Put everything back after the block, where it was before."""
        before = {name: tensor.clone() for name, tensor in self.tensors().items()}
        draws = self.generator.get_state()
        try:
            yield
        finally:
            for name, tensor in self.tensors().items():
                tensor.copy_(before[name])
            self.generator.set_state(draws)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what is wrong in a file of `TrainingState.save` into a TrainingError."""
    try:
        yield
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"{path} is damaged, or of a run with other settings ({error}): delete it to train "
            f"this stage anew, or choose another work folder"
        ) from error


def state_path(work: Path, name: str) -> Path:
    """Where the state of a run is kept."""
    return work / f"{name}.safetensors"


@torch.no_grad()
def load_average(model: nn.Module, path: Path) -> None:
    """Copy the averaged weights of a run into `model`."""
    with reading(path), safe_open(path, framework="pt") as file:
        for name, parameter in model.named_parameters():
            parameter.copy_(file.get_tensor(f"ema.{name}"))
