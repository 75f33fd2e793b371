"""Style transfer without a word: the painting's own self-attention, injected while sampling.

Nothing is learned. Content and style picture are both turned into noise by DDIM inversion, and
the queries, keys and values of some self-attention layers are recorded on the way. Sampling
starts from the content's noise with the style's channel statistics, and attends with the
content's queries to the style's keys and values.

Source: Chung et al., "Style Injection in Diffusion: A Training-free Approach for Adapting
Large-scale Diffusion Models for Style Transfer" (StyleID), CVPR 2024, arXiv 2312.09008; official
code: github jiwoogit/StyleID. Book: chapter "After InST".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from inst_tutorial.inversion import Inverted, ddim_inversion
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_pictures
from inst_tutorial.sampling import sample
from inst_tutorial.self_attention import SelfAttention, inject, record
from inst_tutorial.style_transfer import adain, picture_batch


class InjectionError(ValueError):
    """A setting of a style injection that cannot be used; the text says which can."""


@dataclass(frozen=True)
class InjectionSettings:
    """How a style is injected.

    strength, above 0 to 1, and steps: how far the pictures are inverted, as in a transfer.
    query_share (0 to 1) and temperature (above 0): see `self_attention.inject`; the paper's gamma
    and T, with its values. layers: beginnings of names of self-attention layers. The default is
    the last block of Paintbox's decoder, at 16 x 16 places; the paper uses the last two blocks
    of Stable Diffusion's, ("up_blocks.2", "up_blocks.3"). adain: whether the starting noise gets
    the channel statistics of the style's noise (section 4.3 of the paper).
    """

    strength: float = 0.8
    steps: int = 20
    query_share: float = 0.75
    temperature: float = 1.5
    layers: tuple[str, ...] = ("up_blocks.2",)
    adain: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise InjectionError(f"strength must be above 0 and at most 1, got {self.strength}")
        if self.steps < 1:
            raise InjectionError(f"steps must be at least 1, got {self.steps}")
        if not 0 <= self.query_share <= 1:
            raise InjectionError(f"query_share must be 0 to 1, got {self.query_share}")
        if not self.temperature > 0:
            raise InjectionError(f"temperature must be above 0, got {self.temperature}")
        if not self.layers or isinstance(self.layers, str):
            raise InjectionError(f"layers must be a tuple of names, got {self.layers!r}")


@torch.no_grad()
def inject_style(
    painter: Painter,
    contents: Sequence[Image.Image],
    style: Image.Image,
    settings: InjectionSettings | None = None,
) -> list[Image.Image]:
    """Repaint content pictures in the style of one picture, with no word and no learning.

    All pictures have the painter's size. A picture's result does not depend on the others in
    its batch. Costs two network calls a step for a content, and one a step for the style.
    Raises SelfAttentionError for layers that the painter does not have, TransferError for pictures
    of another size, ScheduleError for steps that the painter's noise levels do not allow.
    """
    settings = settings or InjectionSettings()
    empty = painter.embed("")
    inverted, content_attention = _inverted(painter, contents, empty, settings)
    inverted_style, style_attention = _inverted(painter, [style], empty, settings)
    z = adain(inverted.latent, inverted_style.latent) if settings.adain else inverted.latent
    with inject(
        painter,
        content_attention,
        style_attention,
        query_share=settings.query_share,
        temperature=settings.temperature,
    ):
        z = sample(
            painter, z, empty, timesteps=inverted.timesteps, guidance=1.0, empty=empty
        )  # (b, c, h, w)
    return to_pictures(painter.decode(z))


def _inverted(
    painter: Painter, pictures: Sequence[Image.Image], empty: Tensor, settings: InjectionSettings
) -> tuple[Inverted, SelfAttention]:
    """Pictures as noise, and the self-attention on the way, in the order of sampling."""
    z0 = painter.encode(picture_batch(painter, pictures))
    with record(painter, settings.layers) as attention:
        inverted = ddim_inversion(
            painter,
            z0,
            empty,
            steps=settings.steps,
            strength=settings.strength,
            generator=torch.Generator(),  # not used by DDIM inversion
        )
    return inverted, attention.reversed()
