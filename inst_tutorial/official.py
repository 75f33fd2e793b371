"""Words of InST's official code: its `embeddings.pt`, read without running anything in it.

The official code (github zyxElsa/InST at 71a8f01) does not save a word. It saves the whole pickled
module that computes one from a picture (ldm/modules/embedding_manager.py:125-129). Loading a
pickle runs any code that is in it. Here the known classes in the file are replaced by an empty
class, PyTorch's weights-only reader refuses all others, and only tensors are read. Book: chapter
"Stable Diffusion on a GPU".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL.Image import Image
from torch import Generator, Tensor
from torch.nn import functional as F

from inst_tutorial.pictures import to_tensor
from inst_tutorial.validation import one_line
from inst_tutorial.words import AttentionEmbedder, Word, WordError

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

HEADS = 8  # embedding_manager.py:70; the file does not contain it
NAMES = {
    **{f"attn{i + 1}.to_{x}.weight": f"layers.{i}.to_{x}.weight" for i in (0, 1) for x in "qkv"},
    **{
        f"attn{i + 1}.to_out.0.{kind}": f"layers.{i}.to_out.{kind}"
        for i in (0, 1)
        for kind in ("weight", "bias")
    },
    "net.1.weight": "to_word.weight",
    "net.1.bias": "to_word.bias",
}
"""The official module's names of tensors, and ours."""

LIMITS = """\
This word can be used in prompts for Stable Diffusion 1.x, like any textual inversion.
It cannot reproduce the official notebook's pictures. There, by our reading, dropout stays on while
drawing, so the word depends on the random seed. Unless another seed is given, the notebook sets 42
at every call and so always draws with the same word, but with another than this one, which is made
without dropout. Also, the official code shows CLIP an almost black copy of the style picture, so
one embeddings.pt makes nearly the same word of every picture."""


class _Shell:
    """Replaces a class of the pickle: it has the attributes in the file and does nothing."""


_CLASSES = (
    "ldm.modules.embedding_manager.Attentions",
    "ldm.modules.attention.CrossAttention",
    "torch.nn.modules.linear.Linear",
    "torch.nn.modules.container.Sequential",
    "torch.nn.modules.dropout.Dropout",
)


def read_official(path: str | Path) -> AttentionEmbedder:
    """The embedder in an official `embeddings.pt`, in eval mode. Raises WordError."""
    attention = _shells(path)["attention"]
    try:
        return _embedder(_tensors_of(attention))
    except Exception as error:  # a damaged file can hold anything
        raise WordError(
            f"{path} is not an embeddings.pt of InST: its attention cannot be used "
            f"({one_line(error)})"
        ) from error


def _embedder(tensors: dict[str, Tensor]) -> AttentionEmbedder:
    """The embedder with the tensors of the official module. Raises ValueError, RuntimeError."""
    if tensors.keys() != NAMES.keys():
        different = ", ".join(sorted(map(str, tensors.keys() ^ NAMES.keys()))[:3])
        raise ValueError(f"it differs in {different}")
    inner, width = tensors["attn1.to_q.weight"].shape
    embedder = AttentionEmbedder(
        (width, 1),
        len(tensors["net.1.weight"]),
        generator=Generator(),
        heads=HEADS,
        head_width=inner // HEADS,
    )
    embedder.load_state_dict({NAMES[name]: value for name, value in tensors.items()})
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} has numbers that are not finite")
    return embedder.float().eval()


def _shells(path: str | Path) -> dict[str, Any]:
    """The content of the file, with shells in the place of its modules. Raises WordError."""
    shells: list[Any] = [(_Shell, name) for name in _CLASSES]
    try:
        with torch.serialization.safe_globals(shells):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WordError(f"{path}: there is no such file; name an embeddings.pt of InST") from error
    except Exception as error:  # a damaged file fails in any way
        raise WordError(
            f"{path} is not an embeddings.pt of InST's official code, and nothing in it was run: "
            f"{_reason(error)}"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("attention"), _Shell):
        raise WordError(f"{path} has no 'attention': it is not an embeddings.pt of InST")
    return content


def _reason(error: Exception) -> str:
    """The line that says what is wrong, without PyTorch's advice to run the file's code."""
    text = str(error).partition("WeightsUnpickler error:")[2] or str(error)
    return next(iter(text.strip().splitlines()), type(error).__name__)


def _tensors_of(shell: Any, prefix: str = "") -> dict[str, Tensor]:
    """The parameters below a shell by their dotted names."""
    attributes = vars(shell)
    parameters = attributes.get("_parameters", {}).items()
    tensors = {f"{prefix}{name}": v.detach() for name, v in parameters if isinstance(v, Tensor)}
    for name, inner in attributes.get("_modules", {}).items():
        if isinstance(inner, _Shell):
            tensors |= _tensors_of(inner, f"{prefix}{name}.")
    return tensors


def nearly_black(picture_pm1: Tensor) -> Tensor:
    """The picture (b, 3, H, W) that the official code shows CLIP: [-1, 1] cast to 8 bits.

    -1 becomes 255, 1 becomes 1, and the rest 0 (ldm/modules/encoders/modules.py:333-337).
    """
    return (picture_pm1.trunc() % 256) / 127.5 - 1


@torch.no_grad()
def convert(
    path: str | Path, painter: Painter, picture: Image, *, as_published: bool = True
) -> Word:
    """The word that an official `embeddings.pt` makes of its style picture, as a constant.

    `as_published` gives CLIP an almost black picture, as in the embedder's training. False gives
    it the picture itself, which is unlike everything in that training. Raises WordError.
    """
    embedder = read_official(path)
    shapes = embedder.to_word.weight.shape
    if (painter.feature_widths[0], painter.text_width) != (shapes[1], shapes[0]):
        raise WordError(
            f"{path} reads pictures of width {shapes[1]} and writes words of width {shapes[0]}; "
            f"this painter's are {painter.feature_widths[0]} and {painter.text_width}: take Stable "
            f"Diffusion 1.x"
        )
    picture_pm1 = to_tensor(picture)
    features = painter.image_features(nearly_black(picture_pm1) if as_published else picture_pm1)
    features = replace(
        features, pooled=F.normalize(features.pooled, dim=-1)
    )  # as CLIPModel's image_embeds
    vectors = embedder.to(painter.device)(features)
    info = {"official": Path(path).name, "as_published": as_published, "painter": painter.source}
    return Word(vectors.float().cpu(), info)
