"""What Paintbox is (sizes) and how it is trained (recipes): plain numbers, one place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from inst_tutorial.world import Shares

#: What Paintbox's UNet and decoder are trained on: every second painting in a broad style.
BROAD_SHARES = Shares(photographs=0.09, artists=0.25, broad=0.48, name_alone=0.25)


class TrainingError(RuntimeError):
    """Training that cannot start or go on; the text says why and the way out."""


@dataclass(frozen=True)
class TrainSettings:
    """How one network is fitted.

    Attributes:
        minutes: time budget.
        steps: budget in steps instead, which makes a run reproducible to the bit.
        batch: examples a step.
        learning_rate: the highest; see `Budget`.
        warmup: share of the budget in which the learning rate rises.
        fall: share of the budget in which it falls to zero in a line.
        muon: update inner matrices by Muon, and only the rest by AdamW.
        ema: decay of the weights' moving average, which is what is kept.
        bf16: compute in bfloat16 where it is safe (autocast, and Muon's products).
        compile: compile the network first (pays on a GPU).
        graph: make the whole step one CUDA graph (on a GPU).
        channels_last: memory order of pictures and convolutions.
        checkpoint_seconds: time between two checkpoints.
    """

    minutes: float = 10.0
    steps: int | None = None
    batch: int = 16
    learning_rate: float = 1e-3
    warmup: float = 0.02
    fall: float = 1.0
    muon: bool = False
    ema: float = 0.999
    bf16: bool = False
    compile: bool = False
    graph: bool = False
    channels_last: bool = False
    checkpoint_seconds: float = 180.0

    def __post_init__(self) -> None:
        """Check the budget and the learning rate's course."""
        if not (0 <= self.warmup < 1 and 0 < self.fall <= 1):
            raise ValueError(f"warmup={self.warmup} must be 0 to 1, fall={self.fall} above 0 to 1")
        if self.minutes <= 0 or self.batch < 1 or (self.steps is not None and self.steps < 1):
            raise ValueError(
                f"minutes={self.minutes}, steps={self.steps}, batch={self.batch}: "
                f"each must be positive (steps may be None)"
            )


@dataclass(frozen=True)
class Pictures:
    """How many examples are painted, and which.

    Attributes:
        minutes: how long all cores paint before anything is trained.
        least_examples: how many there must be before training begins.
        most_examples: how many there are when painting ends.
        worker_processes: how many paint, and write captions, at the same time.
        validation_examples: how many watch the training.
        while_training: whether painting goes on while networks train.
        shares: what the examples consist of.
    """

    minutes: float = 6.0
    least_examples: int = 1
    most_examples: int = 40_000
    worker_processes: int = 2
    validation_examples: int = 256
    while_training: bool = False
    shares: Shares = BROAD_SHARES


@dataclass(frozen=True)
class Autoencoder:
    """Size and losses of the autoencoder.

    Attributes:
        channels: of the four levels; three halvings, so f = 8.
        latent_channels: numbers at each place of a latent.
        posterior_std: of the latents, which have unit variance.
        crop: side of the training crops, pixels.
        pca_share: share of the budget in which encoder and decoder learn linear latents.
        mse_weight: weight of the squared error beside the absolute one.
        edge_weight: weight of the error of gradients.
        most_examples: how many it is trained on, the first of the pool.
    """

    channels: tuple[int, ...] = (32, 64, 96, 128)
    latent_channels: int = 24
    posterior_std: float = 0.05
    crop: int = 64
    pca_share: float = 0.35
    mse_weight: float = 4.0
    edge_weight: float = 0.5
    most_examples: int = 60_000

    def end_to_end(self) -> Autoencoder:
        """Without the linear start: for an autoencoder that is trained already."""
        return replace(self, pca_share=0.0)


@dataclass(frozen=True)
class Clip:
    """Size of the text and vision towers, and what they are trained on.

    Attributes:
        hard_negative_captions: how many captions, each with its hard negatives, the text tower
            learns from.
        other_captions: how many, beside those of the batch, a picture's own is to be found among.
        caption_weight: weight of that, beside finding the subject.
    """

    width: int = 192
    text_layers: int = 4
    vision_layers: int = 5
    heads: int = 3
    patch: int = 16
    projection: int = 128
    text_length: int = 40
    hard_negative_captions: int = 16_000
    other_captions: int = 1024
    caption_weight: float = 1.0


@dataclass(frozen=True)
class UNet:
    """Size of the UNet, and its loss.

    Attributes:
        channels: at 16x16, 8x8 (both with cross-attention) and 4x4.
        heads: of each attention.
        empty_share: share of empty captions, for guidance (Ho and Salimans, 2022).
        snr_gamma: loss weight min(SNR, gamma) / SNR (Hang et al., "Efficient Diffusion
            Training via Min-SNR Weighting Strategy", 2023, section 3.4), which bounds the weight
            of nearly clean latents.
        signal_floor: loss weight 1 / max(alpha_bar, floor), that of a predicted velocity
            (Salimans and Ho, "Progressive Distillation", 2022, section 4): where there is
            much noise, and the text decides what the picture shows, errors count for more.
        coarse_level: deviation of the coarse noise (`multiscale_noise`), which lets
            the caption, and not the colours seen through the noise, decide the palette.
        photograph_share: share of examples in whose noise the scene's photograph is hidden
            (`photograph_level`), so that the caption, and not what is seen, decides the style.
        named_share: share of examples whose caption names the artist instead of describing the
            style.
    """

    channels: tuple[int, ...] = (128, 192, 256)
    heads: int = 4
    empty_share: float = 0.1
    snr_gamma: float = 5.0
    signal_floor: float = 0.05
    coarse_level: float = 0.4
    photograph_share: float = 0.5
    named_share: float = 0.62


@dataclass(frozen=True)
class Recipe:
    """All of it. `seed` decides first weights and every draw."""

    seed: int = 0
    picture_size: int = 128
    pictures: Pictures = Pictures()
    autoencoder: Autoencoder = Autoencoder()
    clip: Clip = Clip()
    unet: UNet = UNet()
    glance_pictures: int = 4_000  # paintings to which the map from pictures to words is fitted
    fit_autoencoder: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            18, batch=16, learning_rate=2e-3, channels_last=True, bf16=True
        )
    )
    fit_text: TrainSettings = field(
        default_factory=lambda: TrainSettings(7, batch=48, learning_rate=1.5e-3, bf16=True)
    )
    fit_clip: TrainSettings = field(
        default_factory=lambda: TrainSettings(25, batch=32, learning_rate=6e-4, bf16=True)
    )
    fit_unet: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            66, batch=16, learning_rate=1e-3, channels_last=True, bf16=True
        )
    )
    fit_decoder: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            20, batch=16, learning_rate=1e-3, channels_last=True, bf16=True
        )
    )

    @classmethod
    def for_device(cls, device: str) -> Recipe:
        """The recipe for "cpu" (two cores, some two hours) or "cuda" (a large GPU)."""
        if device == "cpu":
            return cls()
        if not device.startswith("cuda"):
            raise ValueError(f"no recipe for device {device!r}: choose 'cpu' or 'cuda'")
        return cls(
            pictures=Pictures(
                least_examples=10_000,
                most_examples=450_000,
                worker_processes=14,
                validation_examples=512,
                while_training=True,
            ),
            fit_autoencoder=_on_gpu(1.5, batch=128, learning_rate=5e-4, ema=0.998),
            clip=Clip(hard_negative_captions=100_000),
            fit_text=_on_gpu(1, batch=256, learning_rate=1e-3, compile=True),
            fit_clip=_on_gpu(3, batch=256, learning_rate=1e-3, compile=True),
            fit_unet=_on_gpu(
                10,
                batch=128,
                learning_rate=8e-4,
                fall=0.3,
                muon=True,
                ema=0.9995,
                compile=True,
                graph=True,
                checkpoint_seconds=75.0,
            ),
            fit_decoder=_on_gpu(1.5, batch=128, learning_rate=4e-4, ema=0.998),
        )

    def with_minutes(self, **minutes: float | None) -> Recipe:
        """This recipe with other time budgets: pictures=, autoencoder=, text=, clip=,
        unet=, decoder=."""
        changed: dict[str, Any] = {}
        for stage, value in minutes.items():
            if value is not None:
                name = "pictures" if stage == "pictures" else f"fit_{stage}"
                changed[name] = replace(getattr(self, name), minutes=value)
        return replace(self, **changed)


def _on_gpu(minutes: float, **settings: Any) -> TrainSettings:
    return TrainSettings(minutes, bf16=True, channels_last=True, **settings)
