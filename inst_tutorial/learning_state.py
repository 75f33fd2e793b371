"""The state of learning in a file, from which an interrupted run continues.

A safetensors file holds the tensors of all styles that are learned together (embedders, Adam's
moments, random generators, best words) and, as JSON in its metadata, the step and the loss
curves. It is checked as a whole before anything is taken from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import torch
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError
from torch import Generator, Tensor, nn
from typing_extensions import TypedDict

from inst_tutorial.files import atomic_path
from inst_tutorial.validation import first_fault
from inst_tutorial.wording import counted
from inst_tutorial.words import read_tensors

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of Adam, for each parameter
ANEW = "delete it to start again, or name another file"


class LearningError(RuntimeError):
    """Learning that cannot go on; the message says why and what to do."""


class StateError(LearningError):
    """A file from which this run of learning cannot continue."""


class Point(TypedDict):
    """An evaluation: its step, the loss on the style picture, and that on `others` if any."""

    step: Annotated[int, Field(ge=0)]
    loss: FiniteFloat
    others: FiniteFloat | None


class Run(TypedDict):
    """What a state's metadata say: which run it is of (`mark`), how far it came, all curves."""

    mark: str
    step: Annotated[int, Field(ge=1)]
    curves: list[Annotated[list[Point], Field(min_length=1)]]


RUN = TypeAdapter(Run)


class Resumable(Protocol):
    """What belongs to one style while it is learned."""

    best: Tensor
    curve: list[Point]

    @property
    def generator(self) -> Generator:
        """The source of all its random numbers."""

    @property
    def embedder(self) -> nn.Module:
        """What makes the word."""

    @property
    def optimizer(self) -> torch.optim.Adam:
        """The optimizer of the embedder."""


@dataclass(frozen=True, eq=False)
class State:
    """The state of all `learners`, saved at `path`, or nowhere if that is None.

    mark: a fingerprint of the run; a state of another run is refused.
    """

    path: str | Path | None
    learners: Sequence[Resumable] = field(repr=False)
    mark: str

    def save(self, step: int) -> None:
        """Write the state after so many steps. Raises OutputError."""
        from safetensors.torch import save_file

        if self.path is None:
            return
        run = {"mark": self.mark, "step": step, "curves": [one.curve for one in self.learners]}
        with atomic_path(self.path) as temporary:
            tensors = _numbered(map(_tensors, self.learners))
            save_file(tensors, temporary, metadata={"run": json.dumps(run)})

    def restore(self) -> int:
        """Put every learner where the file says; the number of steps done (0 without a file).

        Raises StateError, and then leaves the learners as they are.
        """
        if self.path is None or not Path(self.path).exists():
            return 0
        run, tensors = self._read(Path(self.path))
        for i, learner in enumerate(self.learners):
            learner.curve = run["curves"][i]
            _restore(learner, _under(tensors, f"{i}."))
        return run["step"]

    def _read(self, path: Path) -> tuple[Run, dict[str, Tensor]]:
        from safetensors import SafetensorError

        try:
            tensors, metadata = read_tensors(path)
            run = RUN.validate_python(json.loads(metadata.get("run", "{}")))
        except ValidationError as error:
            raise StateError(
                f"{path} holds no state of learning ({first_fault(error)}): {ANEW}"
            ) from error
        except (OSError, SafetensorError, ValueError, RecursionError) as error:
            raise StateError(f"{path} holds no state of learning ({error}): {ANEW}") from error
        if run["mark"] != self.mark:
            raise StateError(
                f"{path} is the state of another run (other pictures, settings or painter): {ANEW}"
            )
        if damage := self._damage(run, tensors):
            raise StateError(f"{path} is damaged ({damage}): {ANEW}")
        return run, tensors

    def _damage(self, run: Run, tensors: dict[str, Tensor]) -> str | None:
        """What is wrong with a state of this run, if anything."""
        if len(run["curves"]) != len(self.learners):
            curves, styles = len(run["curves"]), len(self.learners)
            return f"it has {counted(curves, 'curve')} for {counted(styles, 'style')}"
        expected = _numbered(map(_like, self.learners))
        for name in sorted(expected.keys() ^ tensors.keys()):
            return f"{name} is {'missing' if name in expected else 'unknown'}"
        faults = (_fault(name, tensors[name], like) for name, like in expected.items())
        return next(filter(None, faults), None)


def _numbered(parts: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all learners, under the learner's number."""
    return {f"{i}.{name}": tensor for i, part in enumerate(parts) for name, tensor in part.items()}


def _tensors(learner: Resumable) -> dict[str, Tensor]:
    """All that has to be kept of a learner, but its curve."""
    moments = learner.optimizer.state_dict()["state"]
    return {
        "best": learner.best,
        "generator": learner.generator.get_state(),
        **{f"embedder.{name}": value for name, value in learner.embedder.state_dict().items()},
        **{f"adam.{j}.{name}": value for j in moments for name, value in moments[j].items()},
    }


def _like(learner: Resumable) -> dict[str, Tensor]:
    """Tensors of the shapes and dtypes of `_tensors`, also before the first step."""
    moments = {
        f"adam.{j}.{name}": like
        for j, parameter in enumerate(learner.embedder.parameters())
        for name, like in zip(MOMENTS, (torch.zeros(()), parameter, parameter), strict=True)
    }
    return _tensors(learner) | moments


def _fault(name: str, tensor: Tensor, like: Tensor) -> str | None:
    if (tensor.shape, tensor.dtype) != (like.shape, like.dtype):
        has, wanted = (f"{[*one.shape]} of {one.dtype}" for one in (tensor, like))
        return f"{name} is {has}, not {wanted}"
    if tensor.is_floating_point() and not tensor.isfinite().all():
        return f"{name} has numbers that are not finite"
    if name.endswith(".generator"):
        try:
            Generator().set_state(tensor)
        except RuntimeError:
            return f"{name} is not the state of a random generator"
    return None


def _restore(learner: Resumable, tensors: dict[str, Tensor]) -> None:
    learner.best = tensors["best"]
    learner.generator.set_state(tensors["generator"])
    learner.embedder.load_state_dict(_under(tensors, "embedder."))
    adam = learner.optimizer.state_dict()
    adam["state"] = {j: _under(tensors, f"adam.{j}.") for j in adam["param_groups"][0]["params"]}
    learner.optimizer.load_state_dict(adam)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
