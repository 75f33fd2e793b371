"""Self-attention: which place of the picture attends to which other place. Record it, inject it.

    with record(painter, ["up_blocks.2"]) as style:
        ddim_inversion(painter, z0_of_a_painting, ...)
    with inject(painter, content, style, query_share=0.75, temperature=1.5):
        sample(painter, z_t, ...)  # the content's queries, the painting's keys and values

It does for self-attention what `attention_maps` does for cross-attention. Source: Chung et al.,
"Style Injection in Diffusion", CVPR 2024, sections 4.1 and 4.2 (arXiv 2312.09008). Book:
chapter "After InST".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter


class SelfAttentionError(ValueError):
    """Layers or records that do not fit; the text says which would."""


class Heads(NamedTuple):
    """Queries, keys and values of one layer in one step, (b, heads, h*w, c / heads) each."""

    query: Tensor
    key: Tensor
    value: Tensor


Edit = Callable[[str, Heads], Heads]
"""edit(layer, heads): sees what a layer computed and returns what it should use."""


@dataclass(frozen=True, eq=False)
class SelfAttention:
    """`layers`: for each recorded layer, by name, its heads in every call of the UNet."""

    layers: dict[str, list[Heads]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many calls were recorded."""
        return min((len(calls) for calls in self.layers.values()), default=0)

    def reversed(self) -> SelfAttention:
        """The same with the last call first: an inversion walks up, sampling walks down."""
        return SelfAttention({name: calls[::-1] for name, calls in self.layers.items()})


@contextmanager
def record(painter: Painter, layers: Sequence[str] = ("",)) -> Iterator[SelfAttention]:
    """Inside, keep the heads of layers whose names begin with one of `layers`.

    The output of the UNet stays what it was, up to rounding. Raises SelfAttentionError.
    """
    store = SelfAttention()

    def keep(layer: str, heads: Heads) -> Heads:
        store.layers.setdefault(layer, []).append(Heads(*(part.detach() for part in heads)))
        return heads

    with _edited(painter, layers, keep):
        yield store


@contextmanager
def inject(
    painter: Painter,
    content: SelfAttention,
    style: SelfAttention,
    *,
    query_share: float = 0.75,
    temperature: float = 1.5,
) -> Iterator[None]:
    """Inside, every recorded layer uses the content's queries and the style's keys and values.

    query_share, 0 to 1: how much of the queries is the content's; the rest is the UNet's own.
    temperature: a factor on the queries, which sharpens the attention to a few places of the
    style. `content` has as many rows as the running batch, `style` has as many or one. The
    n-th call inside uses the n-th recorded call. In the authors' code the two settings are
    called gamma and T. Raises SelfAttentionError.
    """
    if not 0 <= query_share <= 1:
        raise SelfAttentionError(f"query_share must be 0 to 1, got {query_share}")
    if content.layers.keys() != style.layers.keys():
        raise SelfAttentionError(
            f"content and style were recorded in different layers: {', '.join(content.layers)} "
            f"and {', '.join(style.layers)}"
        )
    calls: Counter[str] = Counter()

    def replace(layer: str, heads: Heads) -> Heads:
        step = calls[layer]
        calls[layer] += 1
        if step >= min(content.steps, style.steps):
            raise SelfAttentionError(
                f"{min(content.steps, style.steps)} calls were recorded, and this is one more: "
                f"record and sample with the same number of steps, and with guidance 1"
            )
        theirs, (_, key, value) = content.layers[layer][step], style.layers[layer][step]
        query = query_share * theirs.query + (1 - query_share) * heads.query
        return Heads(temperature * query, key.expand_as(query), value.expand_as(query))

    with _edited(painter, tuple(content.layers), replace):
        yield


def layer_names(painter: Painter) -> list[str]:
    """The names of all self-attention layers of a painter's UNet."""
    return list(_self_attentions(painter.unet))


class EditedSelfAttention:
    """A diffusers attention processor that lets `edit` see and change queries, keys and values.

    It computes what diffusers' AttnProcessor2_0 does for a self-attention layer.
    """

    def __init__(self, layer: str, edit: Edit) -> None:
        self.layer, self.edit = layer, edit

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **unused: Any,
    ) -> Tensor:
        """Places (b, h*w, c) attend to places: (b, h*w, c)."""
        parts = (
            linear(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for linear in (attn.to_q, attn.to_k, attn.to_v)
        )  # (b, heads, h*w, c / heads) each
        query, key, value = self.edit(self.layer, Heads(*parts))
        out = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        out = out.transpose(1, 2).flatten(2)  # (b, heads, h*w, c / heads) -> (b, h*w, c)
        result: Tensor = attn.to_out[1](attn.to_out[0](out))
        return result


@contextmanager
def _edited(painter: Painter, layers: Sequence[str], edit: Edit) -> Iterator[None]:
    """Inside, `edit` is applied in the self-attention layers whose names begin like `layers`."""
    known = _self_attentions(painter.unet)
    chosen = {name: layer for name, layer in known.items() if name.startswith(tuple(layers))}
    if not chosen:
        raise SelfAttentionError(
            f"no self-attention layer begins with {' or '.join(map(repr, layers))}; there are "
            f"{', '.join(known)}"
        )
    originals = {name: layer.processor for name, layer in chosen.items()}
    try:
        for name, layer in chosen.items():
            layer.set_processor(EditedSelfAttention(name, edit))
        yield
    finally:
        for name, layer in chosen.items():
            layer.set_processor(originals[name])


def _self_attentions(unet: torch.nn.Module) -> dict[str, Any]:
    """The layers in which the picture attends to itself, by name."""
    from diffusers.models.attention_processor import Attention

    return {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, Attention) and not module.is_cross_attention
    }
