"""What the graphs compute: the painter's parts as modules with plain tensors in and out.

Each module holds the painter's own layers, so its parameters are the very numbers that lie in
the painter's safetensors files.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

HIDDEN = -1e9  # added to a score that must not be seen; float16 is never used here


class TextEncoder(nn.Module):
    """Token ids (b, L) int32, slots (b, L, k), word (k, d) -> context (b, L, d).

    `slots` is 1 where the i-th vector of the word stands and 0 elsewhere. The layers are CLIP's;
    attention is written out, so that the graph needs no shapes that are known only when it runs.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        length = encoder.config.max_position_embeddings
        mask = torch.full((length, length), HIDDEN).triu(1)
        self.register_buffer("mask", mask[None, None], persistent=False)  # (1, 1, L, L)

    def forward(self, ids: Tensor, slots: Tensor, word: Tensor) -> Tensor:
        """The context that `Painter.embed` makes of the same tokens and word."""
        table = self.encoder.embeddings
        taken = slots.sum(-1, keepdim=True)  # (b, L, 1)
        x = table.token_embedding(ids) * (1 - taken) + slots @ word
        x = x + table.position_embedding.weight[None]
        for layer in self.encoder.encoder.layers:
            x = x + self._attend(layer.self_attn, layer.layer_norm1(x))
            x = x + layer.mlp(layer.layer_norm2(x))
        return self.encoder.final_layer_norm(x)

    def _attend(self, attention: Any, x: Tensor) -> Tensor:
        """Causal self-attention of x (b, L, d)."""
        b, length, d = x.shape
        width = d // attention.num_heads
        q, k, v = (
            layer(x).reshape(b, length, -1, width).transpose(1, 2)  # (b, heads, L, width)
            for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        scores = q @ k.transpose(-1, -2) * width**-0.5 + self.mask  # (b, heads, L, L)
        seen = (scores.softmax(-1) @ v).transpose(1, 2)  # (b, L, heads, width)
        return attention.out_proj(seen.reshape(b, length, d))


class Encoder(nn.Module):
    """Picture (b, 3, H, W) in [-1, 1] -> mean and standard deviation (b, c, h, w) of its latent."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """As `Painter.moments`; the limits of the logarithm are diffusers' own."""
        moments = self.vae.encoder(picture)
        if self.vae.quant_conv is not None:
            moments = self.vae.quant_conv(moments)
        mean, logvar = moments.chunk(2, 1)  # (b, 2c, h, w) -> (b, c, h, w), (b, c, h, w)
        scale = self.vae.config.scaling_factor
        return mean * scale, torch.exp(0.5 * logvar.clamp(-30, 20)) * scale


class Decoder(nn.Module):
    """Latent (b, c, h, w) -> picture (b, 3, H, W) in [-1, 1]."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Tensor) -> Tensor:
        """As `Painter.decode`."""
        z = z / self.vae.config.scaling_factor
        if self.vae.post_quant_conv is not None:
            z = self.vae.post_quant_conv(z)
        return self.vae.decoder(z).clamp(-1, 1)


class NoisePredictor(nn.Module):
    """Latents z (b, c, h, w), timesteps t (b,) float, context (b, L, d) -> noise (b, c, h, w)."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, z: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """As `Painter.predict_noise`."""
        return self.unet(z, t, encoder_hidden_states=context).sample
