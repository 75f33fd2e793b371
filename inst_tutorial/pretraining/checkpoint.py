"""The state of a training run on disk: safetensors, whole or not there, never pickled."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from inst_tutorial.files import atomic_path

if TYPE_CHECKING:
    from inst_tutorial.pretraining.training import Training

MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(run: Training, path: Path) -> None:
    """Write weights, their average, AdamW's moments, generator and counters."""
    tensors = {"generator": run.generator.get_state()}
    for name, parameter in run.model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach()
        for moment in MOMENTS:
            if moment in run.optimizer.state[parameter]:
                tensors[f"{moment}.{name}"] = run.optimizer.state[parameter][moment]
    tensors |= {f"ema.{name}": p for name, p in run.average.named_parameters()}
    counters = {"step": run.step, "seconds": run.seconds, "examples": run.examples}
    with atomic_path(path) as temporary:
        kept = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        save_file(kept, temporary, metadata={"counters": json.dumps(counters)})


def load_state(run: Training, path: Path) -> None:
    """Put a run back to where `save_state` wrote it."""
    with safe_open(path, framework="pt") as file:
        counters = json.loads(file.metadata()["counters"])
        run.step, run.seconds = counters["step"], counters["seconds"]
        run.examples = counters["examples"]
        run.generator.set_state(file.get_tensor("generator"))
        copy_into(run.average, {n: file.get_tensor(n) for n in _under(file.keys(), "ema.")})
        copy_into(run.model, {n: file.get_tensor(n) for n in _under(file.keys(), "model.")})
        keys = set(file.keys())
        for name, parameter in run.model.named_parameters():
            if f"exp_avg.{name}" in keys:
                state = {m: _like(parameter, file.get_tensor(f"{m}.{name}")) for m in MOMENTS}
                step = torch.tensor(float(run.step), device=parameter.device)
                run.optimizer.state[parameter] = {"step": step, **state}


def load_average(model: nn.Module, path: Path) -> None:
    """Copy the averaged weights of a run into `model`."""
    with safe_open(path, framework="pt") as file:
        copy_into(model, {n: file.get_tensor(n) for n in _under(file.keys(), "ema.")})


@torch.no_grad()
def copy_into(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors, named as the model's parameters with any prefix, into it."""
    found = {name.split(".", 1)[1]: tensor for name, tensor in tensors.items()}
    for name, parameter in model.named_parameters():
        parameter.copy_(found[name])


def fingerprint(model: nn.Module) -> str:
    """Twelve hex digits that change with any weight of the model."""
    digest = hashlib.sha256()
    for _, parameter in sorted(model.named_parameters()):
        digest.update(parameter.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _under(names: list[str], prefix: str) -> list[str]:
    return [name for name in names if name.startswith(prefix)]


def _like(parameter: Tensor, values: Tensor) -> Tensor:
    """`values` on the parameter's device and in its memory order."""
    return torch.empty_like(parameter).copy_(values)
