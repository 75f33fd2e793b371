"""Cross-attention maps: how much each place of the picture attends to each token.

They can be recorded in one run, and injected into another:

    with record(painter) as maps:
        sample(painter, z_t, context_of_a_cat, ...)
    with inject(painter, maps, until_step=10):  # a dog where the cat stood
        sample(painter, z_t, context_of_a_dog, ...)

Hertz et al., "Prompt-to-Prompt Image Editing with Cross Attention Control", 2022, section 3.
Book: chapter "Noise is detail, text is the whole".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from inst_tutorial.painter import Painter

Edit = Callable[[str, Tensor], Tensor]
"""edit(layer, maps): gets the maps (b, heads, h*w, L) of a layer and returns those to use."""


class MapsError(ValueError):
    """Maps that do not fit, or a UNet without any; the message says which fit."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """The maps of one run. `layers` {name of a cross-attention layer: its maps at every step}.

    A step is one call of the UNet. The maps of a step are (b, heads, h*w, L), on the CPU; over the
    L tokens they sum to 1. With guidance, b counts the rows of the empty prompt (first) and of the
    prompt.
    """

    layers: dict[str, list[Tensor]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """How many steps were recorded."""
        return min((len(maps) for maps in self.layers.values()), default=0)

    @property
    def resolutions(self) -> list[int]:
        """The widths h = w at which there are maps."""
        return sorted({_side(maps[0]) for maps in self.layers.values()})


@contextmanager
def record(painter: Painter) -> Iterator[AttentionMaps]:
    """Inside the `with` block, keep the maps of every UNet call.

    The UNet's output stays the same, up to rounding. Raises MapsError.
    """
    store = AttentionMaps()

    def keep(layer: str, maps: Tensor) -> Tensor:
        store.layers.setdefault(layer, []).append(maps.detach().cpu())
        return maps

    with _edited(painter, keep):
        yield store


@contextmanager
def inject(painter: Painter, store: AttentionMaps, until_step: int) -> Iterator[None]:
    """Inside the `with` block, the first `until_step` UNet calls use the maps in `store`.

    Maps that were recorded without guidance replace those of the prompt in a guided batch, which
    are its last rows. Raises MapsError.
    """
    if not 0 <= until_step <= store.steps:
        raise MapsError(
            f"until_step must be 0 to {store.steps}, the number of stored steps; got {until_step}"
        )
    if until_step and store.layers.keys() != _cross_attentions(painter.unet).keys():
        raise MapsError("the maps were recorded in a painter with other cross-attention layers")
    calls: Counter[str] = Counter()

    def replace(layer: str, maps: Tensor) -> Tensor:
        step = calls[layer]
        calls[layer] += 1
        return _put_in(maps, store.layers[layer][step]) if step < until_step else maps

    with _edited(painter, replace):
        yield


def maps_by_word(store: AttentionMaps, resolution: int, row: int = -1) -> Tensor:
    """The mean map of each token, (L, h, w) with h = w = resolution; for each place they sum to 1.

    The mean is over layers of that resolution, steps and heads. `row` is the row of the batch: -1
    is the last picture's prompt, with or without guidance. Raises MapsError.
    """
    chosen = [
        step[row] for maps in store.layers.values() if _side(maps[0]) == resolution for step in maps
    ]  # each (heads, h*w, L)
    if not chosen:
        raise MapsError(f"resolution must be one of {store.resolutions}, got {resolution}")
    mean = torch.stack([maps.float().mean(0) for maps in chosen]).mean(0)  # (h*w, L)
    return mean.T.reshape(-1, resolution, resolution)  # (h*w, L) -> (L, h, w)


class EditedAttention:
    """A diffusers attention processor in which `edits` get the maps and may change them.

    It computes the same as diffusers' AttnProcessor2_0, which never stores the maps.
    """

    def __init__(self, layer: str, edits: tuple[Edit, ...]) -> None:
        self.layer, self.edits = layer, edits

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        **unused: Any,
    ) -> Tensor:
        """Places (b, h*w, c) attend to a context (b, L, d): (b, h*w, c)."""
        b, length, _ = encoder_hidden_states.shape
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))  # (b * heads, h*w, c / heads)
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))  # (b * heads, L, c / heads)
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        mask = attn.prepare_attention_mask(attention_mask, length, b)
        maps = attn.get_attention_scores(query, key, mask)  # (b * heads, h*w, L)
        maps = maps.unflatten(0, (b, attn.heads))  # (b, heads, h*w, L)
        for edit in self.edits:
            maps = edit(self.layer, maps)
        out = attn.batch_to_head_dim(maps.flatten(0, 1) @ value)  # (b, h*w, c)
        return attn.to_out[1](attn.to_out[0](out))


@contextmanager
def _edited(painter: Painter, edit: Edit) -> Iterator[None]:
    """Inside the `with` block, every cross-attention applies `edit`, after any earlier edits."""
    layers = _cross_attentions(painter.unet)
    originals = {name: layer.processor for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            earlier = getattr(originals[name], "edits", ())
            layer.set_processor(EditedAttention(name, (*earlier, edit)))
        yield
    finally:
        for name, layer in layers.items():
            layer.set_processor(originals[name])


def _cross_attentions(unet: Any) -> dict[str, Any]:
    """The layers in which the picture attends to the text, by name. Raises MapsError."""
    from diffusers.models.attention_processor import Attention

    layers = {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }
    if not layers:
        raise MapsError("this painter's UNet has no cross-attention, so it has no maps")
    return layers


def _put_in(maps: Tensor, stored: Tensor) -> Tensor:
    """`maps` with the last rows replaced by the stored ones. Raises MapsError."""
    if maps.shape[1:] != stored.shape[1:] or len(maps) < len(stored):
        raise MapsError(
            f"the stored maps {tuple(stored.shape)} do not fit this run's {tuple(maps.shape)} "
            f"(rows, heads, places, tokens): only the number of rows may differ, and this run "
            f"needs as many or more"
        )
    return torch.cat([maps[: len(maps) - len(stored)], stored.to(maps)])


def _side(maps: Tensor) -> int:
    """Width h = w of square maps (b, heads, h*w, L)."""
    return round(maps.shape[-2] ** 0.5)
