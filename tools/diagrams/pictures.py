"""The small pictures in the diagrams: what the world paints and what Paintbox makes of it.

They are made once (`make_diagrams.py --pictures`, a few minutes) and kept in pictures/, so that
drawing a diagram needs no painter. Pictures are JPEG files of 128 pixels; latents are PNG files
with one pixel a place, the first three channels as red, green and blue.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from inst_tutorial.inversion import Inverted, stochastic_inversion
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.noise_schedule import predict_z0, q_sample
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, STYLES, Scene, full_caption, paint

FOLDER = Path(__file__).with_name("pictures")
STYLE = "lagoon"
STYLE_SCENE = Scene("house", "meadow", colour="blue", trim="red", seed=4)
CASTLE = Scene("castle", "mountains", light="sunset", colour="red", seed=5)
CONTENT_SCENE = Scene("lighthouse", "sea", light="sunset", seed=3)
LEARNING = LearningSettings(steps=250, batch=4, pairs=8, evaluate_every=50)
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
STEPS = TransferSettings().steps
SHOWN = 0.6  # the strength at which the inversion is shown
SEEN_LEVEL = 400  # the timestep at which one look of the painter is shown


def make_pictures() -> None:
    """Paint, learn, transfer; write every picture that a diagram shows."""
    painter = Painter.load("paintbox")
    style, content = paint(STYLE_SCENE, HELD_OUT[STYLE]), paint(CONTENT_SCENE)
    castle = paint(CASTLE, STYLES["fauve"])
    for name, picture in {"style": style, "content": content, "castle": castle}.items():
        save(name, picture)
    word = learn(painter, style, LEARNING)
    save_latents(painter, "style", seeing(painter, style, "painting"))
    caption = full_caption(CASTLE, STYLES["fauve"])
    save_latents(painter, "castle", seeing(painter, castle, caption))
    save_latents(painter, "content", inverting(painter, content, word))
    for strength in STRENGTHS:
        noised, repainted = at_strength(painter, content, word, strength)
        save(f"noised_{100 * strength:.0f}", noised)
        save(f"repainted_{100 * strength:.0f}", repainted)


def seeing(painter: Painter, picture: Image.Image, prompt: str) -> dict[str, Tensor]:
    """A picture's latent, noise, both mixed, the noise that the painter sees in it, and the guess
    of the clean latent, each (1, c, h, w)."""
    z0 = painter.encode(to_tensor(picture))
    noise = torch.randn(z0.shape, generator=torch.Generator().manual_seed(0))
    z_t = q_sample(painter.schedule, z0, SEEN_LEVEL, noise)
    with torch.no_grad():
        eps = painter.predict_noise(z_t, SEEN_LEVEL, painter.embed(prompt))
    guess = predict_z0(painter.schedule, z_t, SEEN_LEVEL, eps)
    return {"z0": z0, "noise": noise, "zt": z_t, "eps": eps, "guess": guess}


def inverting(painter: Painter, content: Image.Image, word: Word) -> dict[str, Tensor]:
    """The latents of stochastic inversion at the strength `SHOWN`, each (1, c, h, w)."""
    z0 = painter.encode(to_tensor(content))
    inverted = inverted_at(painter, z0, word, SHOWN)
    noise = torch.randn(z0.shape, generator=torch.Generator().manual_seed(0))
    z_t = q_sample(painter.schedule, z0, inverted.timesteps[0], noise)
    seen, again = inverted.noise, inverted.latent
    return {"z0": z0, "noise": noise, "zt": z_t, "seen": seen, "again": again}


def at_strength(
    painter: Painter, content: Image.Image, word: Word, strength: float
) -> tuple[Image.Image, Image.Image]:
    """The inverted latent, decoded; and the content repainted from there."""
    inverted = inverted_at(painter, painter.encode(to_tensor(content)), word, strength)
    settings = TransferSettings(strength=strength, steps=STEPS)
    noised = to_pictures(painter.decode(inverted.latent))[0]
    return noised, transfer(painter, content, word, settings)


def inverted_at(painter: Painter, z0: Tensor, word: Word, strength: float) -> Inverted:
    """A content's latent z0 (1, c, h, w), inverted as a transfer does it."""
    return stochastic_inversion(
        painter,
        z0,
        painter.embed("*", word.vectors),
        steps=STEPS,
        strength=strength,
        generator=torch.Generator().manual_seed(0),
    )


def save(name: str, picture: Image.Image) -> None:
    """Write a picture as JPEG with all its colours."""
    picture.convert("RGB").save(FOLDER / f"{name}.jpg", quality=86, subsampling=0, optimize=True)


def save_latents(painter: Painter, name: str, latents: dict[str, Tensor]) -> None:
    """Write latents (1, c, h, w) twice: their first three channels, clipped at 2.5; and decoded."""
    for key, latent in latents.items():
        rgb = (latent[:, :3].cpu() / 2.5).clamp(-1, 1)  # (1, 3, h, w)
        to_pictures(rgb)[0].save(FOLDER / f"{name}_{key}.png", optimize=True)
        save(f"{name}_{key}_decoded", to_pictures(painter.decode(latent))[0])
