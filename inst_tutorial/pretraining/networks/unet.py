"""The UNet: it learns to tell the noise from the latent, given the caption; and, in the same
training, an artist embedder learns to say each artist in one vector.

Latents are encoded once and kept on disk. Sources: Ho et al., "Denoising
Diffusion Probabilistic Models", 2020, algorithm 1; Rombach et al., 2022, equation 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from inst_tutorial.painter import PLACEHOLDER, fingerprint, put_in
from inst_tutorial.pretraining.data.growing_array import GrowingArray
from inst_tutorial.pretraining.data.pool import Pool
from inst_tutorial.pretraining.data.style_numbers import NUMBERS
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.networks.autoencoder import encode_mean
from inst_tutorial.pretraining.networks.clip import tokenize
from inst_tutorial.pretraining.settings import UNet
from inst_tutorial.pretraining.training import Training, seeded
from inst_tutorial.schedule import Schedule, multiscale_noise

#: Stable Diffusion's noise schedule.
SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
ALPHA_BAR = Schedule.from_config(SCHEDULER).alphas_cumprod.float()
CHUNK = 64
NAME = -1  # in place of a token: here stands the artist's name
JITTER = 0.02  # deviation of noise on artists' numbers, so that near artists have near names
MOST_PHOTOGRAPH = 0.6  # r of `photograph_level` at t = 500; at 700 it is 0.3


def build(settings: UNet, latents: int, size: int, text_width: int, seed: int) -> Any:
    """A new UNet2DConditionModel; cross-attention at the first two levels and in the middle."""
    from diffusers import UNet2DConditionModel

    with seeded(seed):
        return UNet2DConditionModel(
            sample_size=size,
            in_channels=latents,
            out_channels=latents,
            block_out_channels=settings.channels,
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=text_width,
            attention_head_dim=settings.heads,  # diffusers' name for the number of heads
            norm_num_groups=16,
        )


# ------------------------------------------------------------- what it is trained on


@dataclass(frozen=True)
class Encoded:
    """A pool of pictures, encoded on disk: latents (n, 2, c, h, w), the picture's and its mirror
    image's, half precision, kept apart by encoder; the same of each scene's photograph; captions
    (n, 2, L) as tokens: one that describes the style, one that names the artist (`NAME`); and
    the artists' numbers (n, NUMBERS)."""

    latents: GrowingArray
    photographs: GrowingArray
    captions: GrowingArray
    artists: GrowingArray
    empty: Tensor

    def __len__(self) -> int:
        rows = self.latents, self.photographs, self.captions, self.artists
        return min(map(len, rows))


def encode(
    pool: Pool,
    vae: Any,
    tokenizer: Any,
    device: torch.device,
    work: Path,
    progress: bool = True,
) -> tuple[Encoded, Callable[[], int]]:
    """The encoded pool, and a function that encodes what was painted since and counts."""
    vae = vae.to(memory_format=torch.channels_last)
    c, size = vae.config.latent_channels, vae.config.sample_size // 8
    name, made_by, shape = pool.folder.name, fingerprint(vae), (2, c, size, size)
    encoded = Encoded(
        GrowingArray(work / f"latents-{name}-{made_by}.f16", shape, "float16"),
        GrowingArray(work / f"photographs-{name}-{made_by}.f16", shape, "float16"),
        GrowingArray(
            work / f"tokens-{name}-{len(tokenizer)}.i16", (2, tokenizer.model_max_length), "int16"
        ),
        GrowingArray(work / f"artists-{name}.f32", (NUMBERS,), "float32"),
        torch.from_numpy(tokenize(tokenizer, [""])).to(device),  # (1, L)
    )

    def chunks(rows: GrowingArray, count: int) -> Iterator[slice]:
        for start in tqdm(
            range(len(rows), count, CHUNK), desc=rows.path.stem, disable=not progress
        ):
            yield slice(start, min(start + CHUNK, count))

    def grow() -> int:
        pictures, captions = pool.pictures(), pool.captions()
        for chunk in chunks(encoded.latents, len(captions)):
            encoded.latents.append(both_sides(vae, pictures[chunk], device))
        for chunk in chunks(encoded.photographs, len(captions)):
            encoded.photographs.append(both_sides(vae, pool.photographs(chunk), device))
        for chunk in chunks(encoded.captions, len(captions)):
            both = captions[chunk], pool.named_captions(chunk)
            encoded.captions.append(np.stack([_tokens(tokenizer, some) for some in both], 1))
        for chunk in chunks(encoded.artists, len(captions)):
            encoded.artists.append(pool.artists(chunk))
        return len(encoded)

    grow()
    return encoded, grow


def both_sides(vae: Any, pictures: NDArray[np.uint8], device: torch.device) -> NDArray[np.float16]:
    """Latents (n, 2, c, h, w) of pictures (n, H, W, 3) and of their mirror images."""
    with torch.autocast(device.type, torch.bfloat16):  # three times as fast on a CPU too
        both = [encode_mean(vae, view, device) for view in (pictures, pictures[:, :, ::-1])]
    return torch.stack(both, 1).half().cpu().numpy()


# ------------------------------------------------------------------------- the loss


class Denoising(nn.Module):
    """The weighted noise-prediction loss of `unet` and `artist_embedder`, trained together.

    The text tower is frozen. It reads an artist's name where a caption has `NAME`.
    """

    alpha_bar: Tensor

    def __init__(
        self, unet: Any, text_model: Any, artist_embedder: ArtistEmbedder, settings: UNet
    ) -> None:
        super().__init__()
        self.unet, self.artist_embedder, self.settings = unet, artist_embedder, settings
        self.text = text_model.requires_grad_(False)
        self.register_buffer("alpha_bar", ALPHA_BAR.clone(), persistent=False)

    def read(self, ids: Tensor, artists: Tensor) -> Tensor:
        """Captions as tokens (b, L), artists' numbers (b, NUMBERS) -> contexts (b, L, d)."""
        names = self.artist_embedder(artists)[:, None]  # (b, 1, d)
        slots = torch.where(ids == NAME, 0, -1)
        with put_in(self.text.embeddings.token_embedding, slots, names):
            context: Tensor = self.text(ids.clamp(min=0)).last_hidden_state
        return context

    def forward(self, z0: Tensor, t: Tensor, noise: Tensor, ids: Tensor, artists: Tensor) -> Tensor:
        """Loss of latents (b, c, h, w) at timesteps (b,), given captions (b, L) as tokens and
        the artists' numbers (b, NUMBERS)."""
        errors, weights = self.errors(z0, t, noise, self.read(ids, artists))
        return (weights * errors).mean()

    def errors(
        self, z0: Tensor, t: Tensor, noise: Tensor, context: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error and loss weight of each example, (b,) both."""
        signal = self.alpha_bar[t]
        a = signal.view(-1, 1, 1, 1)  # (b,) -> (b, 1, 1, 1)
        z_t = a.sqrt() * z0 + (1 - a).sqrt() * noise
        predicted = self.unet(z_t, t, encoder_hidden_states=context).sample
        errors = (predicted.float() - noise).square().mean((1, 2, 3))
        return errors, loss_weights(signal, self.settings)


def loss_weights(signal: Tensor, settings: UNet) -> Tensor:
    """Loss weights at alpha_bar = `signal`, (b,) both."""
    snr = signal / (1 - signal)
    clean = snr.clamp(max=settings.snr_gamma) / snr
    return clean / signal.clamp(min=settings.signal_floor)


def loss(run: Training, data: Encoded, posterior_std: float, settings: UNet) -> Tensor:
    """The loss of one batch: mirrored at random, timesteps stratified, some captions with the
    artist's name, some empty."""
    b, generator, device = run.fit.batch, run.generator, run.device
    draw = torch.randint(run.examples, (b,), generator=generator, device=device)
    side = torch.randint(2, (b,), generator=generator, device=device)
    index = draw.cpu().numpy()
    mean, photograph = (
        _tensor(rows.view()[index, side.cpu().numpy()], device)
        for rows in (data.latents, data.photographs)
    )
    z0 = mean + posterior_std * torch.randn(mean.shape, generator=generator, device=device)
    strata = torch.arange(b, device=device) + torch.rand(b, generator=generator, device=device)
    t = (strata * 1000 / b).long().clamp(max=999)
    noise = multiscale_noise(mean.shape, settings.coarse_level, generator)
    level = photograph_level(ALPHA_BAR.to(device)[t], settings.photographs, generator)
    noise = noise + level * (photograph - mean)
    named = torch.rand(b, generator=generator, device=device) < settings.named
    ids = _ids(data.captions.view()[index, named.long().cpu().numpy()], device)
    artists = _tensor(data.artists.view()[index], device)
    artists = artists + JITTER * torch.randn(artists.shape, generator=generator, device=device)
    empty = torch.rand(b, 1, generator=generator, device=device) < settings.empty
    return run.forward(z0, t, noise, torch.where(empty, data.empty, ids), artists)


def photograph_level(signal: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """How much of a scene's photograph is hidden in the noise of its painting, (b, 1, 1, 1), at
    alpha_bar = `signal` (b,); none in 1 - `share` of them.

    With the level r = sqrt(alpha_bar / (1 - alpha_bar)) all that is seen in z_t is the photograph,
    and only the caption tells what is to be painted: the beginning of a transfer. At 2 r it is
    seen as stochastic inversion shows it, with the painting taken away (book, chapter 9). DDIM
    steps leave the noise as it is, so levels of high timesteps are met at lower ones.
    """
    b, device = len(signal), generator.device
    most = (2 * (signal / (1 - signal)).sqrt()).clamp(max=MOST_PHOTOGRAPH)
    level = most * torch.rand(b, generator=generator, device=device)
    shown = torch.rand(b, generator=generator, device=device) < share
    return (level * shown).view(-1, 1, 1, 1)  # (b,) -> (b, 1, 1, 1)


def validator(
    data: Encoded, settings: UNet, device: torch.device, seed: int
) -> Callable[[Any], dict[str, float]]:
    """A function that measures the plain loss on fixed latents, timesteps and noise, and by how
    much it rises, in percent: when each caption is another picture's, when the artist is named
    instead of described, and when the name is another artist's."""
    generator = torch.Generator().manual_seed(seed)
    count = len(data)
    z0 = _tensor(data.latents.view()[:, 0], device)
    said, named = _ids(data.captions.view()[:], device).unbind(1)  # (n, L) each
    artists = _tensor(data.artists.view()[:], device)
    noise = torch.randn(z0.shape, generator=generator).to(device)
    t = ((torch.arange(count, device=device) + 0.5) * 1000 / count).long()

    def measure(model: Any, ids: Tensor, artists: Tensor) -> float:
        parts = [
            model.errors(z0[i], t[i], noise[i], model.read(ids[i], artists[i]))[0]
            for i in torch.arange(count, device=device).split(64)
        ]
        return float(torch.cat(parts).mean())

    def validate(model: Any) -> dict[str, float]:
        right, wrong, name, other = (
            measure(model, *asked)
            for asked in (
                (said, artists),
                (said.roll(1, 0), artists),
                (named, artists),
                (named, artists.roll(1, 0)),
            )
        )
        return {
            "validation": right,
            "wrong_caption_percent": 100 * (wrong / right - 1),
            "named_percent": 100 * (name / right - 1),
            "wrong_name_percent": 100 * (other / name - 1),
        }

    return validate


def _tokens(tokenizer: Any, captions: list[str]) -> NDArray[np.int64]:
    """Captions -> ids (n, L), with `NAME` where the name of an artist belongs."""
    ids = tokenize(tokenizer, captions)
    return np.where(ids == tokenizer.convert_tokens_to_ids(PLACEHOLDER), NAME, ids)


def _tensor(rows: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(rows)).to(device).float()


def _ids(rows: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(rows)).to(device).long()
