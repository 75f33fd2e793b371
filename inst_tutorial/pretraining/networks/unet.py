"""The UNet: it learns to tell the noise from the latent, given the caption; and, in the same
training, an artist embedder learns to say each artist in one vector.

Sources: Ho et al., "Denoising Diffusion Probabilistic Models", 2020, algorithm 1; Rombach et al.,
2022, equation 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from inst_tutorial.noise_schedule import Schedule, multiscale_noise
from inst_tutorial.painter import put_in
from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.networks.latents import NAME
from inst_tutorial.pretraining.settings import UNet
from inst_tutorial.pretraining.training import Training, seeded

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
JITTER = 0.02  # deviation of noise on artists' numbers, so that near artists have near names
MOST_PHOTOGRAPH = 0.6  # r of `photograph_level` at t = 500; at 700 it is 0.3


def build(settings: UNet, latent_channels: int, size: int, text_width: int, seed: int) -> Any:
    """A new UNet2DConditionModel; cross-attention at the first two levels and in the middle."""
    from diffusers import UNet2DConditionModel

    with seeded(seed):
        return UNet2DConditionModel(
            sample_size=size,
            in_channels=latent_channels,
            out_channels=latent_channels,
            block_out_channels=settings.channels,
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=text_width,
            attention_head_dim=settings.heads,  # diffusers' name for the number of heads
            norm_num_groups=16,
        )


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

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the UNet alone: the text tower takes names in by a hook."""
        self.unet.compile(*arguments, **options)

    def inner_matrices(self) -> list[nn.Parameter]:
        """What Muon may update: all but the first and last layers, the timestep's, and vectors."""
        outer = ("conv_in", "conv_out", "time_embedding")
        named = self.unet.named_parameters()
        return [p for name, p in named if p.ndim >= 2 and not name.startswith(outer)]

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
        z_t = z_t.contiguous(memory_format=torch.channels_last)
        predicted = self.unet(z_t, t, encoder_hidden_states=context).sample
        errors = (predicted.float() - noise).square().mean((1, 2, 3))
        return errors, loss_weights(signal, self.settings)


def loss_weights(signal: Tensor, settings: UNet) -> Tensor:
    """Loss weights at alpha_bar = `signal`, (b,) both."""
    snr = signal / (1 - signal)
    clean = snr.clamp(max=settings.snr_gamma) / snr
    return clean / signal.clamp(min=settings.signal_floor)


def loss(
    run: Training, data: Resident, empty: Tensor, posterior_std: float, settings: UNet
) -> Tensor:
    """The loss of one batch of `latents.Encoded`: mirrored at random, timesteps stratified, some
    captions with the artist's name, some `empty` (1, L).

    All of it happens on the device, and nothing waits for it.
    """
    b, generator, device = run.fit.batch, run.generator, run.device
    places = data.draw(b, generator)
    mirrored = (torch.rand(b, generator=generator, device=device) < 0.5).long()
    mean, photograph = (
        data.rows[name][places, mirrored].float() for name in ("latents", "photographs")
    )
    z0 = mean + posterior_std * torch.randn(mean.shape, generator=generator, device=device)
    strata = torch.arange(b, device=device) + torch.rand(b, generator=generator, device=device)
    t = (strata * 1000 / b).long().clamp(max=999)
    noise = multiscale_noise(mean.shape, settings.coarse_level, generator)
    signal = run.model.alpha_bar[t]  # type: ignore[index]
    level = photograph_level(signal, settings.photograph_share, generator)
    noise = noise + level * (photograph - mean)
    named = torch.rand(b, generator=generator, device=device) < settings.named_share
    ids = data.rows["captions"][places, named.long()].long()  # (b, L)
    artists = data.rows["artists"][places]
    artists = artists + JITTER * torch.randn(artists.shape, generator=generator, device=device)
    no_caption = torch.rand(b, 1, generator=generator, device=device) < settings.empty_share
    return run.forward(z0, t, noise, torch.where(no_caption, empty, ids), artists)


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


def validator(data: Resident, seed: int) -> Callable[[Any], dict[str, float]]:
    """A function that measures the plain loss on fixed latents, timesteps and noise, and by how
    much it rises, in percent: when each caption is another picture's, when the artist is named
    instead of described, and when the name is another artist's."""
    generator = torch.Generator().manual_seed(seed)
    count, device = data.grow(), data.count.device
    z0 = data.rows["latents"][:count, 0].float()
    described, named = data.rows["captions"][:count].long().unbind(1)  # (n, L) each
    artists = data.rows["artists"][:count]
    noise = torch.randn(z0.shape, generator=generator).to(device)
    t = ((torch.arange(count, device=device) + 0.5) * 1000 / count).long()

    def measure(model: Any, ids: Tensor, artists: Tensor) -> float:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            parts = [
                model.errors(z0[i], t[i], noise[i], model.read(ids[i], artists[i]))[0]
                for i in torch.arange(count, device=device).split(64)
            ]
        return float(torch.cat(parts).mean())

    def validate(model: Any) -> dict[str, float]:
        right, wrong = (
            measure(model, described, artists),
            measure(model, described.roll(1, 0), artists),
        )
        name, other = measure(model, named, artists), measure(model, named, artists.roll(1, 0))
        return {
            "validation": right,
            "wrong_caption_percent": 100 * (wrong / right - 1),
            "named_percent": 100 * (name / right - 1),
            "wrong_name_percent": 100 * (other / name - 1),
        }

    return validate
