"""Style transfer: repaint a content picture with a learned word, or draw a prompt with one.

The method of InST (Zhang et al. 2023, section 3) is three steps of `repaint`. The content is
encoded. It is noised in a way that keeps its detail (inversion). It is denoised again with the
learned word in the prompt (sampling). `noise_level.start_index` chooses the noise level that
belongs to a strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import torch
from PIL import Image
from torch import Tensor

from inst_tutorial.inversion import INVERSIONS, Inverted
from inst_tutorial.noise_level import timesteps
from inst_tutorial.painter import PLACEHOLDER, Painter
from inst_tutorial.pictures import opened, to_pictures, to_tensor
from inst_tutorial.sampling import Callback, sample
from inst_tutorial.words import Word

DRAWING = 3.0  # guidance of pictures drawn from pure noise


class TransferError(ValueError):
    """An invalid setting of a transfer; the message says which are valid."""


@dataclass(frozen=True)
class TransferSettings:
    """How to repaint a content picture.

    strength in (0, 1]: how much noise is added; more noise lets more change. guidance: 1 follows
    the prompt as it is, greater values exaggerate it. steps: length of the full denoising grid,
    of which the share `strength` is used. eta in [0, 1]: how much of the noise each step replaces
    by new noise: 0, as in the official notebook, nothing; with 1 and some 50 steps more strokes
    come, and less of the content stays. inversion: a name of `INVERSIONS`. prompt: text with
    "*" where the word goes, or any text when there is no word. adain: first give the content
    latent the style latent's channel statistics, as the official notebook does (InST.ipynb,
    cell 2).

    In a sweep over styles like those of Paintbox's training (bench/sweep-transfer.json) guidance 1
    is nearer to the truth than the default 2, which shows the style more clearly. With Stable
    Diffusion the official notebook uses strength 0.7 and guidance 10.
    """

    strength: float = 0.8
    guidance: float = 2.0
    steps: int = 20
    eta: float = 0.0
    inversion: str = "stochastic"
    prompt: str = PLACEHOLDER
    adain: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise TransferError(f"strength must be above 0 and at most 1, got {self.strength}")
        if not 0 <= self.guidance < float("inf"):
            raise TransferError(f"guidance must be 0 or more (1: none), got {self.guidance}")
        if self.steps < 1:
            raise TransferError(f"steps must be at least 1, got {self.steps}")
        if not 0 <= self.eta <= 1:
            raise TransferError(f"eta must be 0 (no new noise) to 1, got {self.eta}")
        if self.inversion not in INVERSIONS:
            names = ", ".join(INVERSIONS)
            raise TransferError(f"inversion must be one of {names}; got {self.inversion!r}")


@dataclass(frozen=True)
class Repainted:
    """A repainted latent (b, c, h, w), where it started, and what it cost in network calls.

    Inversion calls the network for each picture of a batch, denoising for all of them at once.
    """

    latent: Tensor
    inverted: Inverted
    calls: int


@overload
def transfer(
    painter: Painter,
    content: Image.Image,
    word: Word | None,
    settings: TransferSettings | None = ...,
    style: Image.Image | None = ...,
    callback: Callback | None = ...,
) -> Image.Image: ...
@overload
def transfer(
    painter: Painter,
    content: Sequence[Image.Image],
    word: Word | None,
    settings: TransferSettings | None = ...,
    style: Image.Image | None = ...,
    callback: Callback | None = ...,
) -> list[Image.Image]: ...
def transfer(
    painter: Painter,
    content: Image.Image | Sequence[Image.Image],
    word: Word | None,
    settings: TransferSettings | None = None,
    style: Image.Image | None = None,
    callback: Callback | None = None,
) -> Image.Image | list[Image.Image]:
    """Repaint one content picture, or several in one batch: a picture in, a picture out.

    Every content picture gets the same noise, so a picture's result does not depend on the other
    pictures. Without a word, settings.prompt must be text without "*": with inversion="noise"
    that is img2img (SDEdit, Meng et al. 2022). `style` is the style picture, for adain only.

    Raises TransferError for settings or pictures that do not fit, ScheduleError for steps or a
    strength that the painter's noise levels do not allow, PromptError for a prompt that does not
    fit the word.
    """
    contents = opened(content)
    repainted = repaint(painter, picture_batch(painter, contents), word, settings, style, callback)
    pictures = to_pictures(painter.decode(repainted.latent))
    return pictures[0] if isinstance(content, Image.Image) else pictures


@torch.no_grad()
def repaint(
    painter: Painter,
    content_pm1: Tensor,
    word: Word | None,
    settings: TransferSettings | None = None,
    style: Image.Image | None = None,
    callback: Callback | None = None,
) -> Repainted:
    """`transfer` in latents: content_pm1 (b, 3, H, W) in -1..1 to latents (b, c, h, w).

    callback(i, t, z_t, z0_hat) is called at every denoising step. Raises what `transfer` raises.
    """
    settings = settings or TransferSettings()
    if settings.adain != (style is not None):
        raise TransferError(
            "adain=True needs the style picture, and a style picture needs adain=True; "
            f"got adain={settings.adain} and style={style}"
        )
    context = _context(painter, settings.prompt, word)  # (1, L, d)
    empty = painter.embed("")
    z0 = painter.encode(content_pm1)
    if style is not None:
        z0 = adain(z0, painter.encode(picture_batch(painter, [style])))
    generators = [torch.Generator().manual_seed(settings.seed) for _ in z0]
    inverted = _invert(painter, z0, context, settings, generators)
    latent = sample(
        painter,
        inverted.latent,
        context.expand(len(z0), -1, -1),
        timesteps=inverted.timesteps,
        guidance=settings.guidance,
        empty=empty,
        eta=settings.eta,
        generator=generators[0],
        callback=callback,
    )
    return Repainted(latent, inverted, inverted.calls + len(inverted.timesteps))


def _invert(
    painter: Painter,
    z0: Tensor,
    context: Tensor,
    settings: TransferSettings,
    generators: Sequence[torch.Generator],
) -> Inverted:
    """Invert picture by picture, each with its own generator; all are at the same seed."""
    invert = INVERSIONS[settings.inversion]
    singles = [
        invert(
            painter,
            z[None],  # (c, h, w) -> (1, c, h, w)
            context,
            steps=settings.steps,
            strength=settings.strength,
            generator=generator,
        )
        for z, generator in zip(z0, generators, strict=True)
    ]
    return Inverted(
        latent=torch.cat([single.latent for single in singles]),
        timesteps=singles[0].timesteps,
        noise=torch.cat([single.noise for single in singles]),
        calls=sum(single.calls for single in singles),
    )


def adain(content: Tensor, style: Tensor, eps: float = 1e-5) -> Tensor:
    """Content latents (b, c, h, w) with the style latent's mean and std of each channel.

    Adaptive instance normalisation, Huang & Belongie 2017, eq. 8. `style` is (1, c, h', w') or
    (b, c, h', w').
    """
    (mean, std), (style_mean, style_std) = _statistics(content, eps), _statistics(style, eps)
    return (content - mean) / std * style_std + style_mean


def _statistics(latent: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(latent, dim=(2, 3), keepdim=True)  # (b, c, 1, 1) each
    return mean, (variance + eps).sqrt()


@torch.no_grad()
def draw(
    painter: Painter,
    prompt: str,
    word: Word | None = None,
    *,
    steps: int = 20,
    guidance: float = DRAWING,
    seed: int = 0,
    callback: Callback | None = None,
) -> Image.Image:
    """Draw a prompt from pure noise, with a learned word in the place of its "*", or without one.

    Raises TransferError, ScheduleError and PromptError as `transfer` does.
    """
    settings = TransferSettings(steps=steps, guidance=guidance, prompt=prompt, seed=seed)
    (picture,) = draw_contexts(
        painter,
        _context(painter, prompt, word),
        torch.Generator().manual_seed(settings.seed),
        steps=settings.steps,
        guidance=settings.guidance,
        callback=callback,
    )
    return picture


@torch.no_grad()
def draw_contexts(
    painter: Painter,
    contexts: Tensor,
    generator: torch.Generator,
    *,
    steps: int,
    guidance: float = DRAWING,
    callback: Callback | None = None,
) -> list[Image.Image]:
    """A picture from pure noise for each context (b, L, d), in one batch.

    Raises ScheduleError for steps that the painter's noise levels do not allow.
    """
    noise = torch.randn((len(contexts), *painter.latent_shape), generator=generator)
    latent = sample(
        painter,
        noise.to(painter.device, painter.dtype),
        contexts,
        timesteps=timesteps(painter.schedule, steps),
        guidance=guidance,
        empty=painter.embed(""),
        callback=callback,
    )
    return to_pictures(painter.decode(latent))


def _context(painter: Painter, prompt: str, word: Word | None) -> Tensor:
    """(1, L, d): the prompt, with the word's vectors at its placeholder if there is a word."""
    return painter.embed(prompt, None if word is None else word.vectors)


def picture_batch(painter: Painter, pictures: Sequence[Image.Image]) -> Tensor:
    """(b, 3, H, W) in -1..1; every picture must have the painter's size."""
    if not pictures:
        raise TransferError("at least one content picture is needed, got none")
    side = painter.picture_size
    for picture in opened(pictures):
        if picture.size != (side, side):
            raise TransferError(
                f"this painter's pictures are {side} x {side} pixels, got one of {picture.size}: "
                f"open it with open_picture(path, {side})"
            )
    return to_tensor(pictures, device=painter.device, dtype=painter.dtype)
