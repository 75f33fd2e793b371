"""An autoencoder with more latent channels that begins as the one it grows from.

An autoencoder of this size with 24 channels stays blurred for long when it is trained from nothing.
Grown from one with 16, it begins with what that one has, and has only the new channels to learn.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inst_tutorial.pretraining.networks.autoencoder import build
from inst_tutorial.pretraining.settings import Autoencoder


@torch.no_grad()
def grown(vae: Any, settings: Autoencoder, picture_size: int, seed: int) -> Any:
    """A new AutoencoderKL with `settings.latent_channels` channels.

    The first latents and the decoded pictures are those of `vae`. The new latents are random
    functions of the picture, and the decoder does not look at them yet.

    Raises ValueError if `vae` has other levels, or more latents.
    """
    old_count, levels = vae.config.latent_channels, tuple(vae.config.block_out_channels)
    if levels != settings.channels or old_count > settings.latent_channels:
        raise ValueError(
            f"an autoencoder with levels {levels} and {old_count} latents cannot grow to levels "
            f"{settings.channels} and {settings.latent_channels} latents"
        )
    new = build(settings, picture_size, seed)
    old, weights = vae.state_dict(), new.state_dict()
    for name, tensor in weights.items():
        if tensor.shape == old[name].shape:
            tensor.copy_(old[name])
    _grow(weights, old, old_count, settings.latent_channels)
    new.load_state_dict(weights)
    return new


def _grow(weights: dict[str, Tensor], old: dict[str, Tensor], m: int, n: int) -> None:
    """Change the layers around the latents from m channels to n. `conv_out` and `quant_conv` have
    means first, then log-variances."""
    for part in ("weight", "bias"):
        last, before = weights[f"encoder.conv_out.{part}"], old[f"encoder.conv_out.{part}"]
        last[:m], last[n : n + m] = before[:m], before[m:]
    _beside_identity(weights, old, "post_quant_conv", m)
    into, before = weights["quant_conv.weight"].zero_(), old["quant_conv.weight"]
    into[:m, :m], into[:m, n : n + m] = before[:m, :m], before[:m, m:]
    into[n : n + m, :m], into[n : n + m, n : n + m] = before[m:, :m], before[m:, m:]
    bias = weights["quant_conv.bias"].zero_()
    bias[:m], bias[n : n + m] = old["quant_conv.bias"][:m], old["quant_conv.bias"][m:]
    bias[n + m :] = old["quant_conv.bias"][m:].mean()  # the new posteriors are as sharp
    for channel in range(m, n):
        into[channel, channel] = 1
    first = weights["decoder.conv_in.weight"]
    first[:, :m], first[:, m:] = old["decoder.conv_in.weight"], 0


def _beside_identity(
    weights: dict[str, Tensor], old: dict[str, Tensor], layer: str, m: int
) -> None:
    """The old square 1 x 1 convolution for the first m channels, and the identity for the rest."""
    matrix, bias = weights[f"{layer}.weight"].zero_(), weights[f"{layer}.bias"].zero_()
    matrix[:m, :m], bias[:m] = old[f"{layer}.weight"], old[f"{layer}.bias"]
    for channel in range(m, len(matrix)):
        matrix[channel, channel] = 1
