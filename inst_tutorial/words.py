"""The new word: what it is (k vectors), how it is saved, and what makes it while it is learned.

A learned word is a constant: vectors (k, d) that stand in a prompt where "*" is written. While
it is learned an *embedder* makes it: a free vector (Gal et al., "An Image is Worth One Word",
2022), or InST's attention over the CLIP embedding of the style picture (Zhang et al.,
"Inversion-Based Style Transfer with Diffusion Models", 2023, section 3; official code
ldm/modules/embedding_manager.py:157-172). Book: chapters "Textual inversion" and "The
multi-layer attention embedder".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn

from inst_tutorial.devices import upload
from inst_tutorial.files import atomic_path
from inst_tutorial.painter import ImageFeatures
from inst_tutorial.word_files import WordError as WordError
from inst_tutorial.word_files import check_token, read_word

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

TOKEN = "<inst>"
KINDS = ("pooled", "free", "patches")
EXPORTS = ("diffusers", "a1111")


# ------------------------------------------------------------------------------ the word


@dataclass(frozen=True, eq=False)
class Word:
    """A new word: `vectors` (k, d), float32 on the CPU, and `info`, how it came about (JSON)."""

    vectors: Tensor
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A short name of these vectors, the same for equal ones."""
        data = self.vectors.contiguous().numpy().tobytes()
        return f"word {hashlib.sha256(data).hexdigest()[:12]}"

    def save(self, path: str | Path) -> Path:
        """Write safetensors, atomically. The file is textual inversion too: see `export`."""
        return self._write(path, TOKEN)

    def export(self, path: str | Path, token: str = TOKEN, kind: str = "diffusers") -> Path:
        """Write the textual-inversion file of other programs, which diffusers'
        `load_textual_inversion` reads too.

        "diffusers" names the one tensor (k, d) by the token that stands for it in prompts;
        "a1111" (AUTOMATIC1111's web UI) names it "emb_params" and takes the file's name as the
        token.

        Raises WordError for a token that no prompt can have, such as one that the word's painter
        already knows.
        """
        if kind not in EXPORTS:
            raise ValueError(f"unknown kind {kind!r}: choose one of {', '.join(EXPORTS)}")
        if kind == "a1111":
            return self._write(path, "emb_params")
        check_token(token, self.info.get("painter"))
        return self._write(path, token)

    def _write(self, path: str | Path, name: str) -> Path:
        from safetensors.torch import save_file

        metadata = {"inst_word": json.dumps(dict(self.info), sort_keys=True)}
        with atomic_path(path) as beside:
            save_file({name: self.vectors.contiguous()}, beside, metadata=metadata)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Word:
        """The word in a safetensors file of this package, of diffusers or of AUTOMATIC1111.

        Nothing is ever unpickled: .pt and .bin files are refused. Raises WordError.
        """
        return cls(*read_word(path))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors and the metadata of a safetensors file. Raises OSError, SafetensorError."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


# ----------------------------------------------------------------------------- embedders


class FreeVector(nn.Module):
    """Plain textual inversion: the word's vectors (k, d) themselves are learned."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(start.detach().float().clone())

    def forward(
        self, features: ImageFeatures | None = None, generator: Generator | None = None
    ) -> Tensor:
        """The vectors (k, d), which do not depend on the picture."""
        return self.vectors


class Attention(nn.Module):
    """InST's CrossAttention (ldm/modules/attention.py:152-194): no bias in q, k and v, no
    residual, dropout after the output."""

    def __init__(
        self, width: int, heads: int, head_width: int, dropout: float, generator: Generator
    ) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (
            _linear(width, inner, generator, bias=False) for _ in range(3)
        )
        self.to_out = _linear(inner, width, generator)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, tokens: Tensor, generator: Generator | None = None) -> Tensor:
        """Queries x (b, m, width) attend to tokens (b, n, width) -> (b, m, width)."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (b, heads, m or n, head_width)
            for part in (self.to_q(x), self.to_k(tokens), self.to_v(tokens))
        )
        share = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)  # (b, heads, m, n)
        out = (share @ v).transpose(1, 2).flatten(2)  # (b, m, inner)
        return self.dropout(self.to_out(out), generator)


class AttentionEmbedder(nn.Module):
    """InST's "multi-layer cross attention": image features -> a word's vectors (k, d).

    source="pooled" is as published: the only token is the pooled CLIP vector, and every layer
    attends to that INPUT. A softmax over one key is 1, so queries, keys and all layers but the
    last get exactly zero gradient, and the word is an affine function of the pooled vector.
    source="patches" adds the vision tower's patch tokens, so that there is something to attend
    to. `residual` and `norm` (LayerNorm before each layer, of queries and tokens) are our
    options; the published embedder has neither. The word of several pictures is the mean of theirs.
    """

    def __init__(
        self,
        feature_widths: tuple[int, int],
        text_width: int,
        vectors: int = 1,
        *,
        generator: Generator,
        source: str = "pooled",
        dropout: float = 0.05,
        depth: int = 2,
        heads: int = 8,
        head_width: int = 64,
        residual: bool = False,
        norm: bool = False,
    ) -> None:
        super().__init__()
        width, patch_width = feature_widths
        self.shape, self.residual = (vectors, text_width), residual
        self.patches = None
        if source == "patches":
            self.patches = nn.Sequential(
                nn.LayerNorm(patch_width), _linear(patch_width, width, generator)
            )
        elif source != "pooled":
            raise ValueError(f"unknown source {source!r}: choose 'pooled' or 'patches'")
        self.layers = nn.ModuleList(
            Attention(width, heads, head_width, dropout, generator) for _ in range(depth)
        )
        self.norms = nn.ModuleList(
            nn.LayerNorm(width) if norm else nn.Identity() for _ in range(depth)
        )
        self.dropout = Dropout(dropout)
        self.to_word = _linear(width, vectors * text_width, generator)

    def forward(self, features: ImageFeatures, generator: Generator | None = None) -> Tensor:
        """CLIP's features of b pictures -> the word's vectors (k, d)."""
        x = features.pooled.float()[:, None]  # (b, 1, d_v)
        tokens = x
        if self.patches is not None:
            tokens = torch.cat([x, self.patches(features.patches.float())], 1)  # (b, 1 + n, d_v)
        for norm, attention in zip(self.norms, self.layers, strict=True):
            seen = attention(norm(x), norm(tokens), generator)
            x = x + seen if self.residual else seen
        # dropout twice in a row, as published (embedding_manager.py:164-172)
        words = self.to_word(self.dropout(x, generator))  # (b, 1, k * d)
        return words.mean((0, 1)).view(self.shape)  # (k, d)


class Dropout(nn.Module):
    """Dropout with a generator of its own, on the CPU, so that a run can be repeated."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"dropout must be in [0, 1), got {probability}")
        self.probability = probability

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Tensor x with a part of its numbers at zero while training, and as it is in eval()."""
        if not self.training or self.probability == 0:
            return x
        keep = torch.rand(x.shape, generator=generator) >= self.probability
        return x * upload(keep, x.device) / (1 - self.probability)


def make_embedder(
    kind: str,
    painter: Painter,
    vectors: int = 1,
    *,
    generator: Generator,
    start: str | Word = "painting",
    dropout: float = 0.05,
    residual: bool = False,
    norm: bool = False,
) -> FreeVector | AttentionEmbedder:
    """The embedder of a kind ("free", "pooled" or "patches") for a painter, on its device.

    A free vector starts from the word `start`, or from the vocabulary's vectors of the words in
    the text `start`, taken in turn when k is more than they are. dropout, residual and norm are
    the attention embedder's. Raises ValueError.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of embedder {kind!r}: choose one of {', '.join(KINDS)}")
    if vectors < 1:
        raise ValueError(f"a word has 1 vector or more, got {vectors}")
    if kind == "free":
        rows = _start_of(start, painter)
        return FreeVector(rows[torch.arange(vectors) % len(rows)])  # (k, d)
    embedder = AttentionEmbedder(
        painter.feature_widths,
        painter.text_width,
        vectors,
        generator=generator,
        source=kind,
        dropout=dropout,
        residual=residual,
        norm=norm,
    )
    return embedder.to(painter.device)


def _start_of(start: str | Word, painter: Painter) -> Tensor:
    """The vectors (n, d) that a free vector starts from, on the painter's device."""
    if isinstance(start, str):
        return painter.vectors_of(start)
    if start.vectors.shape[1] != painter.text_width:
        raise ValueError(
            f"the word to start from has vectors of width {start.vectors.shape[1]}, and "
            f"{painter.source} reads {painter.text_width}: start from a word of the same painter"
        )
    return start.vectors.to(painter.device)


def _linear(inputs: int, outputs: int, generator: Generator, bias: bool = True) -> nn.Linear:
    """A linear layer with PyTorch's usual initial values, drawn from `generator`."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)
    return layer
