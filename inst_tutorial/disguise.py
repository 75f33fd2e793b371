"""Another picture, hidden in the noise: a question that only the prompt can answer.

A noised latent shows what was noised. Whoever is asked for the noise of a *painting* while the
latent shows a photograph of the scene cannot answer from what is seen: only the prompt says how
it is painted. That is what a transfer asks. Paintbox was trained so, with true photographs
(`inst_tutorial.pretraining.unet`); a word can be learned so from its one picture, with copies of
the picture in other colours and without strokes. No part of InST. Book: appendix "How Paintbox
was trained", and chapter "The experiments".
"""

from __future__ import annotations

import torch
from PIL import Image, ImageFilter
from torch import Generator, Tensor

SIDE = 128  # pixels; strokes are wiped out at this size
MOST = 0.6  # highest level of a hidden picture


def disguised(picture: Image.Image, generator: Generator) -> Image.Image:
    """What the picture shows, in random other colours and without brush strokes; same size."""
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    smooth = small.filter(ImageFilter.MedianFilter(7)).filter(ImageFilter.GaussianBlur(1.5))
    turn, strength, gamma = torch.rand(3, generator=generator).tolist()
    hue, saturation, value = smooth.convert("HSV").split()
    bands = (
        hue.point(lambda x: int(x + 256 * turn) % 256),
        saturation.point(lambda x: min(255, int(x * (0.5 + 1.3 * strength)))),
        value.point(lambda x: int(255 * (x / 255) ** (0.5 + 1.3 * gamma))),
    )
    return Image.merge("HSV", bands).convert("RGB").resize(picture.size, Image.Resampling.BICUBIC)


def hidden_level(alpha_bar: Tensor, share: float, generator: Generator) -> Tensor:
    """How much of another picture is hidden in the noise, (b, 1, 1, 1), where the signal has
    the power `alpha_bar` (b,); nothing in 1 - `share` of them.

    With noise + level * (other - z0) and level r = sqrt(alpha_bar / (1 - alpha_bar)) the noised
    latent shows the other picture alone. At 2 r it is seen as stochastic inversion shows a content,
    with the expected picture taken away once more (book, chapter 9). DDIM steps leave the noise
    as it is, so levels of high timesteps are met at lower ones: hence the bound `MOST`.
    """
    b, device = len(alpha_bar), generator.device
    most = (2 * (alpha_bar / (1 - alpha_bar)).sqrt()).clamp(max=MOST)
    level = most * torch.rand(b, generator=generator, device=device)
    hidden = torch.rand(b, generator=generator, device=device) < share
    return (level * hidden).view(-1, 1, 1, 1)  # (b,) -> (b, 1, 1, 1)
