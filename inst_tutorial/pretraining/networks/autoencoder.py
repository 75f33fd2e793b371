"""The autoencoder: pictures (128 px) <-> latents (16 x 16), whitened.

It starts from linear latents, the principal components of 8x8 patches: the encoder learns to
give them, the decoder to paint from them; then both learn end to end. Trained from nothing a
network this small stays a grey blur for long. Source of the architecture: Rombach et al., 2022,
section 3.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.settings import Autoencoder
from inst_tutorial.pretraining.training import Training, seeded

Array = NDArray[np.uint8]


def build(settings: Autoencoder, picture_size: int, seed: int) -> Any:
    """A new AutoencoderKL. One normalisation group and no attention: small ones learn so."""
    from diffusers import AutoencoderKL

    levels = len(settings.channels)
    with seeded(seed):
        return AutoencoderKL(
            sample_size=picture_size,
            block_out_channels=settings.channels,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            latent_channels=settings.latent_channels,
            layers_per_block=1,
            norm_num_groups=1,
            mid_block_add_attention=False,
            scaling_factor=1.0,
        )


def to_pm1(pictures: Array, device: torch.device) -> Tensor:
    """Pictures (b, H, W, 3) uint8 -> (b, 3, H, W) in [-1, 1], channels last in memory."""
    return torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2) / 127.5 - 1


def crops(pictures: Tensor, places: Tensor, size: int, generator: Generator) -> Tensor:
    """Random crops, half of them mirrored, of the pictures at some places (b,) of (n, H, W, 3)
    uint8: (b, 3, size, size) in [-1, 1], channels last in memory."""
    b, room, device = len(places), pictures.shape[1] - size + 1, pictures.device
    corner = (torch.rand(2, b, generator=generator, device=device) * room).long()
    ys, xs = corner[:, :, None] + torch.arange(size, device=device)  # (b, size) both
    cut = pictures[places[:, None, None], ys[:, :, None], xs[:, None, :]]  # (b, size, size, 3)
    batch = cut.permute(0, 3, 1, 2) / 127.5 - 1
    mirrored = torch.rand(b, 1, 1, 1, generator=generator, device=device) < 0.5
    mixed = torch.where(mirrored, batch.flip(-1), batch)
    return mixed.contiguous(memory_format=torch.channels_last)


class LinearLatents(nn.Module):
    """The first principal components of patches, each with unit variance: (b, 3, H, W) in
    [-1, 1] -> (b, c, H/f, W/f). Fixed once made."""

    weight: Tensor
    bias: Tensor

    def __init__(self, pictures: Array, latents: int, patch: int) -> None:
        super().__init__()
        x = to_pm1(pictures, torch.device("cpu"))
        rows = F.unfold(x, patch, stride=patch).transpose(1, 2).flatten(0, 1)  # (b*h*w, 3*f*f)
        mean = rows.double().mean(0)
        values, vectors = torch.linalg.eigh(torch.cov(rows.T.double()))
        basis = vectors[:, -latents:].flip(1) / values[-latents:].flip(0).sqrt()  # (3*f*f, c)
        kernel = basis.T.float().reshape(latents, 3, patch, patch)  # (c, 3*f*f) -> (c, 3, f, f)
        self.register_buffer("weight", kernel)
        self.register_buffer("bias", -(mean @ basis).float())

    def forward(self, picture_pm1: Tensor) -> Tensor:
        """The latents of pictures."""
        return F.conv2d(picture_pm1, self.weight, self.bias, stride=self.weight.shape[-1])


class Reconstruction(nn.Module):
    """The autoencoder's losses. Its parameters are those of `vae`."""

    def __init__(self, vae: Any, settings: Autoencoder) -> None:
        super().__init__()
        self.vae, self.settings = vae, settings

    def forward(self, picture_pm1: Tensor, noise: Tensor, target: Tensor | None) -> Tensor:
        """With `target` latents: encoder and decoder each learn beside them; else end to end.

        Latents get noise of the posterior's std, relative to their own, before decoding.
        """
        z = self.vae.quant_conv(self.vae.encoder(picture_pm1)).chunk(2, dim=1)[0].float()
        near = 0.0 if target is None else F.mse_loss(z, target)
        z = z if target is None else target
        std = z.detach().std((0, 2, 3), keepdim=True)
        z = z + self.settings.posterior_std * std * noise
        painted = self.vae.decoder(self.vae.post_quant_conv(z)).float()
        return near + self._error(painted - picture_pm1)

    def _error(self, error: Tensor) -> Tensor:
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        return (
            error.abs().mean()
            + self.settings.mse_weight * error.square().mean()
            + self.settings.edge_weight * edges
        )


def loss(
    run: Training, data: Resident, linear: LinearLatents | None, settings: Autoencoder
) -> Tensor:
    """The loss of one batch of `data.rows["pictures"]`; towards `linear` latents, if given, in the
    first part of the run."""
    places = data.draw(run.fit.batch, run.generator)
    batch = crops(data.rows["pictures"], places, settings.crop, run.generator)
    b, side = len(batch), settings.crop // 2 ** (len(settings.channels) - 1)
    shape = b, settings.latent_channels, side, side
    noise = torch.randn(shape, generator=run.generator, device=run.device)
    if linear is None or run.share >= settings.pca_share:
        return run.forward(batch, noise, None)
    return run.forward(batch, noise, linear(batch).float())


@torch.no_grad()
def encode_mean(vae: Any, pictures: Array, device: torch.device) -> Tensor:
    """Posterior means (b, c, h, w) of pictures (b, H, W, 3) uint8."""
    batch = to_pm1(pictures, device).contiguous(memory_format=torch.channels_last)
    few = 4 if device.type == "cpu" else len(batch)  # a third faster: the caches hold four
    return torch.cat([vae.encode(part).latent_dist.mean.float() for part in batch.split(few)])


@torch.no_grad()
def psnr(vae: Any, pictures: Array, device: torch.device) -> list[float]:
    """Signal-to-noise ratio of each picture's round trip, in dB."""
    ratios = []
    for start in range(0, len(pictures), 16):
        x = to_pm1(pictures[start : start + 16], device)
        painted = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        error = ((painted.float() - x) / 2).square().mean((1, 2, 3))
        ratios += (-10 * error.log10()).tolist()
    return ratios


@torch.no_grad()
def whiten(vae: Any, pictures: Array, settings: Autoencoder, device: torch.device) -> None:
    """Change quant_conv and post_quant_conv, in place, so that latents have zero mean and the
    identity as covariance over channels, and the posterior has the std of the settings."""
    parts = [encode_mean(vae, pictures[i : i + 32], device) for i in range(0, len(pictures), 32)]
    z = torch.cat(parts).permute(1, 0, 2, 3).flatten(1).double().cpu()  # (c, b*h*w)
    mean, c = z.mean(1), len(z)
    values, vectors = torch.linalg.eigh(torch.cov(z))
    white = vectors @ torch.diag(values.rsqrt()) @ vectors.T
    colour = vectors @ torch.diag(values.sqrt()) @ vectors.T
    into, out = vae.quant_conv, vae.post_quant_conv
    matrix, offset = into.weight[:c, :, 0, 0].double().cpu(), into.bias[:c].double().cpu()
    into.weight[:c, :, 0, 0] = (white @ matrix).to(into.weight)
    into.bias[:c] = (white @ (offset - mean)).to(into.bias)
    into.weight[c:] = 0
    into.bias[c:] = 2 * math.log(settings.posterior_std)
    matrix = out.weight[:, :, 0, 0].double().cpu()
    out.bias += (matrix @ mean).to(out.bias)
    out.weight[:, :, 0, 0] = (matrix @ colour).to(out.weight)
