"""Words of InST's official code: its `embeddings.pt`, read without running anything in it.

The official code (github zyxElsa/InST at 71a8f01) saves no word but the whole pickled module that
makes one from a picture (ldm/modules/embedding_manager.py:125-129). Loading a pickle runs whatever
is in it. Here every class in the file is replaced by an empty shell, PyTorch's weights-only
reader refuses the rest, and only the module's tensors are taken out. Book: chapter "Stable
Diffusion on a GPU".
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL.Image import Image
from safetensors import SafetensorError
from torch import Generator, Tensor
from torch.nn import functional as F

from inst_tutorial.pictures import to_tensor
from inst_tutorial.words import AttentionEmbedder, Word, WordError

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

HEADS = 8  # embedding_manager.py:70; no tensor says it
NAMES = {
    **{f"attn{i + 1}.to_{x}.weight": f"layers.{i}.to_{x}.weight" for i in (0, 1) for x in "qkv"},
    **{
        f"attn{i + 1}.to_out.0.{kind}": f"layers.{i}.to_out.{kind}"
        for i in (0, 1)
        for kind in ("weight", "bias")
    },
    "net.1.weight": "to_word.weight",
    "net.1.bias": "to_word.bias",
}  # of the official module's tensors, here

LIMITS = """\
What this word can do: stand in prompts for Stable Diffusion 1.x, like any textual inversion.
What it cannot: give the official notebook's pictures again. There dropout stays on while drawing,
so the word trembles from call to call; here it is off, and the word is the same each time. And
there CLIP looks at an almost black copy of the picture, so that the word hardly depends on it."""


class _Shell:
    """Stands in for a class of the pickle; holds what the file says, and does nothing."""


_CLASSES = (
    "ldm.modules.embedding_manager.Attentions",
    "ldm.modules.attention.CrossAttention",
    "torch.nn.modules.linear.Linear",
    "torch.nn.modules.container.Sequential",
    "torch.nn.modules.dropout.Dropout",
)


# torch.load opens a file whose name ends in .safetensors as one
_DAMAGED = (
    pickle.UnpicklingError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    SafetensorError,
)


def read_official(path: str | Path) -> AttentionEmbedder:
    """The embedder in an official `embeddings.pt`, in eval mode. Raises WordError."""
    tensors = _tensors_of(_shells(path).get("attention"))
    if tensors.keys() != NAMES.keys():
        odd = ", ".join(sorted(tensors.keys() ^ NAMES.keys())[:3])
        raise WordError(f"{path} is not an embeddings.pt of InST: its attention differs in {odd}")
    inner, width = tensors["attn1.to_q.weight"].shape
    embedder = AttentionEmbedder(
        (width, 1),
        len(tensors["net.1.weight"]),
        generator=Generator(),
        heads=HEADS,
        head_width=inner // HEADS,
    )
    try:
        embedder.load_state_dict({NAMES[name]: value for name, value in tensors.items()})
    except RuntimeError as error:
        raise WordError(f"{path}: its tensors have other shapes: {error}") from error
    return embedder.float().eval()


def _shells(path: str | Path) -> dict[str, Any]:
    """What the file holds, with shells in the place of its modules."""
    shells: list[Any] = [(_Shell, name) for name in _CLASSES]
    try:
        with torch.serialization.safe_globals(shells):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WordError(f"{path}: there is no such file; name an embeddings.pt of InST") from error
    except _DAMAGED as error:
        raise WordError(
            f"{path} is not an embeddings.pt of InST's official code, and nothing in it was run: "
            f"{_reason(error)}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("attention"), _Shell):
        raise WordError(f"{path} has no 'attention': it is not an embeddings.pt of InST")
    return content


def _reason(error: Exception) -> str:
    """The line that says what is wrong, without PyTorch's advice to run what is in the file."""
    text = str(error).partition("WeightsUnpickler error:")[2] or str(error) or type(error).__name__
    return text.strip().splitlines()[0]


def _tensors_of(shell: Any, prefix: str = "") -> dict[str, Tensor]:
    """The parameters below a shell by their dotted names."""
    held = vars(shell)
    own = held.get("_parameters", {}).items()
    tensors = {f"{prefix}{name}": v.detach() for name, v in own if isinstance(v, Tensor)}
    for name, inner in held.get("_modules", {}).items():
        if isinstance(inner, _Shell):
            tensors |= _tensors_of(inner, f"{prefix}{name}.")
    return tensors


def nearly_black(picture_pm1: Tensor) -> Tensor:
    """What official CLIP sees of a picture (b, 3, H, W): [-1, 1] cast to 8 bits, where -1 becomes
    255, 1 becomes 1 and the rest 0 (ldm/modules/encoders/modules.py:333-337)."""
    return (picture_pm1.trunc() % 256) / 127.5 - 1


@torch.no_grad()
def convert(
    path: str | Path, painter: Painter, picture: Image, *, as_published: bool = True
) -> Word:
    """The word that an official `embeddings.pt` makes of its style picture, as a constant.

    `as_published` shows CLIP the almost black picture it was trained with; else the picture
    itself, which that embedder has never seen the like of. Raises WordError.
    """
    embedder = read_official(path)
    shapes = embedder.to_word.weight.shape
    if (painter.feature_widths[0], painter.text_width) != (shapes[1], shapes[0]):
        raise WordError(
            f"{path} reads pictures of width {shapes[1]} and writes words of width {shapes[0]}; "
            f"this painter's are {painter.feature_widths[0]} and {painter.text_width}: take Stable "
            f"Diffusion 1.x"
        )
    seen = to_tensor(picture)
    features = painter.image_features(nearly_black(seen) if as_published else seen)
    features = replace(
        features, pooled=F.normalize(features.pooled, dim=-1)
    )  # as CLIPModel's image_embeds
    vectors = embedder.to(painter.device)(features)
    info = {"official": Path(path).name, "as_published": as_published, "painter": painter.source}
    return Word(vectors.float().cpu(), info)
