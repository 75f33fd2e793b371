"""The numbers stay where they are: a graph's weights as places in the painter's own files.

ONNX lets a tensor lie in another file: location, offset, length ("external data"). A safetensors
file is raw numbers behind a header, so a graph can point straight into it. The painter's files
are float16; a Cast behind each tensor makes float32 of it when the graph is loaded.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

LEAST = 256  # numbers; smaller tensors stay in the graph
Array = npt.NDArray[np.float32]


class ExportError(RuntimeError):
    """A painter that cannot be exported; the text says what is in the way."""


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: in which file of the painter's folder, from which byte, how many bytes,
    and its shape there."""

    file: str
    name: str
    offset: int
    length: int
    shape: tuple[int, ...]


class Store:
    """The float16 tensors of safetensors files, found by their numbers.

    A graph holds a matrix as it is, transposed ("transpose"), or as the turned kernel of a
    convolution's reverse pass ("turn"); each is found, and `how` says which it was.
    """

    def __init__(self, painter: Path, files: Iterable[str]) -> None:
        self._found: dict[tuple[str, tuple[int, ...]], tuple[Place, str]] = {}
        for file in files:
            for place, values in _tensors(painter, file):
                self._add(values, place, "as it is")
                if values.ndim == 2:
                    self._add(values.T, place, "transpose")
                if values.ndim == 4:
                    self._add(values[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), place, "turn")

    def _add(self, values: Array, place: Place, how: str) -> None:
        self._found.setdefault(_key(values), (place, how))

    def find(self, values: Array) -> tuple[Place, str] | None:
        """The place of these numbers, and how they lie there; None for numbers of no file."""
        return self._found.get(_key(values))


def _key(values: Array) -> tuple[str, tuple[int, ...]]:
    """Equal for equal numbers in an equal shape, as (c,) and (c, 1, 1) are."""
    data = np.ascontiguousarray(values, np.float32).tobytes()
    return hashlib.sha256(data).hexdigest(), tuple(n for n in values.shape if n > 1)


def _tensors(painter: Path, file: str) -> Iterator[tuple[Place, Array]]:
    """Each float16 tensor of a safetensors file, as float32, and its place."""
    data = (painter / file).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] == "F16":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            shape = tuple(entry["shape"])
            half = np.frombuffer(data[start:end], np.float16).reshape(shape)
            yield Place(file, name, start, end - start, shape), half.astype(np.float32)


# ------------------------------------------------------------------------------- the graph


def point_to_files(model: ModelProto, store: Store) -> list[str]:
    """Replace the model's big weights, in place, by places in files; returns the files' names.

    Raises ExportError for weights that lie in none of them.
    """
    graph, front = model.graph, _Front()
    kept: list[TensorProto] = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < LEAST or _constant(values):
            kept.append(tensor)
        elif found := store.find(values):
            front.add(tensor.name, values.shape, *found)
        elif values.size > 64 * LEAST:
            raise ExportError(
                f"the weights {tensor.name} {values.shape} are in none of the painter's files: "
                f"are these float16, and is the painter loaded from them?"
            )
        else:
            kept.append(tensor)
    _replace(graph, [*front.tensors.values(), *kept], front.nodes)
    return sorted(front.files)


def _constant(values: Array) -> bool:
    """One number repeated, such as a mask of zeros."""
    return bool((values == values.flat[0]).all())


def _replace(graph: GraphProto, tensors: list[TensorProto], front: list[NodeProto]) -> None:
    nodes = [*front, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(tensors)
    graph.node.extend(nodes)


class _Front:
    """The nodes that make a graph's weights of what lies in the files."""

    def __init__(self) -> None:
        self.tensors: dict[str, TensorProto] = {}
        self.nodes: list[NodeProto] = []
        self.files: set[str] = set()

    def add(self, name: str, shape: tuple[int, ...], place: Place, how: str) -> None:
        """Make the weights `name` of what lies at `place`."""
        self.files.add(place.file)
        half = self._half(place, shape if how == "as it is" else place.shape)
        if how == "as it is":
            self._node("Cast", [half], name, to=TensorProto.FLOAT)
            return
        self._node("Cast", [half], f"{name}.float", to=TensorProto.FLOAT)
        if how == "transpose":
            self._node("Transpose", [f"{name}.float"], name, perm=[1, 0])
            return
        self._node("Slice", [f"{name}.float", *self._reversal()], f"{name}.turned")
        self._node("Transpose", [f"{name}.turned"], name, perm=[1, 0, 2, 3])

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _half(self, place: Place, shape: tuple[int, ...]) -> str:
        """The float16 tensor at a place; the same numbers may stand as (c,) and as (c, 1, 1)."""
        name = f"{place.name}.float16.{'x'.join(map(str, shape))}"
        if name not in self.tensors:
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            for key in ("file", "offset", "length"):
                onnx_key = "location" if key == "file" else key
                tensor.external_data.add(key=onnx_key, value=str(getattr(place, key)))
            self.tensors[name] = tensor
        return name

    def _reversal(self) -> list[str]:
        """Inputs of a Slice that turns the last two of four axes round."""
        last = np.iinfo(np.int32).min
        numbers = {"starts": [-1, -1], "ends": [last, last], "axes": [2, 3], "steps": [-1, -1]}
        for key, value in numbers.items():
            name = f"reversal.{key}"
            self.tensors[name] = numpy_helper.from_array(np.array(value, np.int64), name)
        return [f"reversal.{key}" for key in numbers]


def strip(model: ModelProto) -> None:
    """Forget, in place, what an exporter notes about where its nodes come from."""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    model.doc_string = ""
    graph = model.graph
    for thing in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        thing.doc_string = ""
        del thing.metadata_props[:]


def mark(model: ModelProto, painter: Path, files: Iterable[str]) -> None:
    """Note in the model the sha256 of each file that its weights lie in, or were taken from."""
    for file in files:
        model.metadata_props.add(key=f"sha256 {file}", value=sha256(painter / file))


def marks(graph: Path) -> dict[str, str]:
    """{file of weights in the painter's folder: its sha256}, as noted in a graph."""
    properties = onnx.load(graph, load_external_data=False).metadata_props
    return {p.key.removeprefix("sha256 "): p.value for p in properties}


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
