"""From a module to a small ONNX file whose weights lie in the painter's own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxscript import optimizer
from torch import Tensor, nn

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.painter import Painter, laid_out
from onnx_export import weights
from onnx_export.parts import Decoder, Encoder, NoisePredictor, TextEncoder
from onnx_export.reverse import learning_step

OPSET = 20
BATCH = 4  # pairs in a step of learning; the traced gradient is for this many
BATCHES = torch.export.Dim("b", min=1, max=64)
VECTORS = torch.export.Dim("k", min=1, max=64)


@dataclass(frozen=True, eq=False)
class Part:
    """A graph to export: example inputs by name, names of outputs, axes of any length.

    `folders`: where in the painter's folder its weights lie.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    axes: tuple[dict[int, Any], ...] | None
    folders: tuple[str, ...]

    def files(self, painter: Path) -> list[str]:
        """The painter's files that hold the weights, as in "unet/model.safetensors"."""
        found = (path for name in self.folders for path in (painter / name).glob("*.safetensors"))
        return sorted(path.relative_to(painter).as_posix() for path in found)


def parts(painter: Painter) -> list[Part]:
    """Everything that a browser computes with: text, encode, decode, unet, learn."""
    for part in (painter.unet, painter.vae, painter.text_encoder):
        laid_out(part, torch.contiguous_format)
    width, length, side = painter.text_width, painter.text_length, painter.picture_size
    c, h, w = painter.latent_shape
    word, picture = torch.randn(2, width), torch.zeros(1, 3, side, side)
    ids, slots = torch.zeros(2, length, dtype=torch.int32), torch.zeros(2, length, 2)
    t, context = torch.full((2,), 500.0), torch.zeros(2, length, width)
    z, many = torch.zeros(2, c, h, w), {0: BATCHES}
    learn = {
        "word": word[:1],
        "ids": ids[:1],
        "slots": slots[:1, :, :1],
        "z": torch.randn(BATCH, c, h, w),
        "t": torch.full((BATCH,), 500.0),
        "noise": torch.randn(BATCH, c, h, w),
    }
    return [
        Part(
            "text",
            TextEncoder(painter.text_encoder),
            {"ids": ids, "slots": slots, "word": word},
            ("context",),
            ({0: BATCHES}, {0: BATCHES, 2: VECTORS}, {0: VECTORS}),
            ("text_encoder",),
        ),
        Part("encode", Encoder(painter.vae), {"picture": picture}, ("mean", "std"), None, ("vae",)),
        Part("decode", Decoder(painter.vae), {"z": z[:1]}, ("picture",), None, ("vae",)),
        Part(
            "unet",
            NoisePredictor(painter.unet),
            {"z": z, "t": t, "context": context},
            ("eps",),
            (many, many, many),
            ("unet",),
        ),
        Part(
            "learn",
            learning_step(painter, tuple(learn.values())),
            learn,
            ("loss", "gradient"),
            None,
            ("text_encoder", "unet"),
        ),
    ]


@torch.no_grad()
def export(part: Part, out: Path, painter: Path = PAINTBOX) -> list[str]:
    """Write one graph; returns the names of the files that its weights lie in.

    Raises ExportError.
    """
    program = torch.onnx.export(
        part.module.eval(),
        tuple(part.inputs.values()),
        dynamo=True,
        opset_version=OPSET,
        input_names=list(part.inputs),
        output_names=list(part.outputs),
        dynamic_shapes=part.axes,
        optimize=False,
        verbose=False,
    )
    assert program is not None
    optimizer.fold_constants(program.model)  # ONNX Runtime does the rest when it loads the graph
    optimizer.remove_unused_nodes(program.model)
    model, files = program.model_proto, part.files(painter)
    weights.strip(model)
    names = weights.point_to_files(model, weights.Store(painter, files))
    weights.mark(model, painter, files)
    onnx.save(model, out)
    return names


def check(graphs: Sequence[Path], painter: Path) -> None:
    """Raise ExportError for graphs that were made for other weights than the painter's."""
    for graph in graphs:
        for file, digest in weights.marks(graph).items():
            if not (painter / file).is_file() or weights.sha256(painter / file) != digest:
                raise weights.ExportError(
                    f"{graph.name} was made for another {file}: export the graphs anew with "
                    f"tools/export_onnx.py"
                )
