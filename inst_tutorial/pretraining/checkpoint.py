"""The state of a training run, and the file that keeps it: whole or not there, never pickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from inst_tutorial.files import atomic_path

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(eq=False)
class TrainingState:
    """All that a run needs to go on where it stopped.

    Attributes:
        model: the network that is trained.
        average: the moving average of its weights.
        optimizer: AdamW.
        generator: the source of every random draw, on the training device.
        step: steps done, over all sittings.
        seconds: time spent in them.
        examples: how many examples of the pool are in use.
    """

    model: nn.Module
    average: nn.Module
    optimizer: Optimizer
    generator: Generator
    step: int = 0
    seconds: float = 0.0
    examples: int = 0

    def save(self, path: Path) -> None:
        """Write weights, their average, AdamW's moments, generator and counters."""
        tensors = {"generator": self.generator.get_state()}
        for name, parameter in self.model.named_parameters():
            tensors[f"model.{name}"] = parameter.detach()
            for moment in MOMENTS:
                if moment in self.optimizer.state[parameter]:
                    tensors[f"{moment}.{name}"] = self.optimizer.state[parameter][moment]
        tensors |= {f"ema.{name}": p for name, p in self.average.named_parameters()}
        counters = {"step": self.step, "seconds": self.seconds, "examples": self.examples}
        with atomic_path(path) as temporary:
            kept = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            save_file(kept, temporary, metadata={"counters": json.dumps(counters)})

    def load(self, path: Path) -> None:
        """Go back to where `save` wrote the file."""
        with safe_open(path, framework="pt") as file:
            for name, value in json.loads(file.metadata()["counters"]).items():
                setattr(self, name, value)
            self.generator.set_state(file.get_tensor("generator"))
            copy_into(self.average, _under(file, "ema."))
            copy_into(self.model, _under(file, "model."))
            first, second = (_under(file, f"{moment}.") for moment in MOMENTS)
        for name, parameter in self.model.named_parameters():
            if name in first:
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step), device=parameter.device),
                    "exp_avg": _like(parameter, first[name]),
                    "exp_avg_sq": _like(parameter, second[name]),
                }


def state_path(work: Path, name: str) -> Path:
    """Where the state of a run is kept."""
    return work / f"{name}.safetensors"


def load_average(model: nn.Module, path: Path) -> None:
    """Copy the averaged weights of a run into `model`."""
    with safe_open(path, framework="pt") as file:
        copy_into(model, _under(file, "ema."))


@torch.no_grad()
def copy_into(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors into the model's parameters of the same names."""
    for name, parameter in model.named_parameters():
        parameter.copy_(tensors[name])


def _under(file: safe_open, prefix: str) -> dict[str, Tensor]:
    """The tensors of a file whose names begin with `prefix`, without it."""
    names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
    return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def _like(parameter: Tensor, values: Tensor) -> Tensor:
    """`values` on the parameter's device and in its memory order."""
    return torch.empty_like(parameter).copy_(values)
