"""The stages "autoencoder" and "decoder": first both halves, and after all else the second again.

The latents stay as they are when the decoder goes on alone, so that may be done beside the UNet's
training, as Stability AI tuned the decoder of Stable Diffusion afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.networks import autoencoder
from inst_tutorial.pretraining.networks.autoencoder import LinearLatents, Reconstruction
from inst_tutorial.pretraining.networks.growth import grown
from inst_tutorial.pretraining.settings import Autoencoder
from inst_tutorial.pretraining.stages import parts
from inst_tutorial.pretraining.stages.pictures import enough_pictures
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.training import Training

SAMPLE = 1024  # pictures that linear and white latents are computed from
WATCHED = 64  # validation pictures


def fit_autoencoder(run: PretrainingRun) -> None:
    """Train the autoencoder, whiten its latents, and put it into the work folder.

    That of the painter to go on from stays as it is if it has the recipe's latents, which are
    those that its UNet knows. With fewer, it grows.
    """
    done, vae = run.work / "vae", parts.earlier(run, "vae")
    channels = run.recipe.autoencoder.latent_channels
    if done.exists() or (vae and vae.config.latent_channels == channels):
        return
    pool = enough_pictures(run)
    vae, settings = _new_or_grown(run, vae)
    training = run.training(
        "autoencoder", Reconstruction(vae, settings), run.recipe.fit_autoencoder
    )
    sample = pool.pictures.view()[:SAMPLE]
    linear = LinearLatents(sample, channels, 2 ** (len(settings.channels) - 1))
    _reconstruct(run, training, linear.to(training.device), settings)
    vae = training.average.vae
    autoencoder.whiten(vae, sample, settings, training.device)
    parts.keep(vae, done)


def fit_decoder(run: PretrainingRun) -> None:
    """Go on with the decoder alone."""
    training = run.training("decoder", decoder_reconstruction(run), run.recipe.fit_decoder)
    _reconstruct(run, training, None, run.recipe.autoencoder)


def decoder_reconstruction(run: PretrainingRun) -> Reconstruction:
    """The finished autoencoder's losses, with only the decoder to be trained."""
    vae = parts.finished(run, "vae")
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    return Reconstruction(vae, run.recipe.autoencoder)


def _new_or_grown(run: PretrainingRun, earlier: Any | None) -> tuple[Any, Autoencoder]:
    """The autoencoder to begin with, and its settings: a grown one needs no linear start."""
    settings, size, seed = run.recipe.autoencoder, run.recipe.picture_size, run.recipe.seed
    if earlier is None:
        return autoencoder.build(settings, size, seed), settings
    return grown(earlier, settings, size, seed), settings.end_to_end()


def _reconstruct(
    run: PretrainingRun, training: Training, linear: LinearLatents | None, settings: Autoencoder
) -> None:
    """Train what a `Reconstruction` leaves open, watched on validation pictures."""
    files = {"pictures": enough_pictures(run).pictures}
    data = Resident(files, run.recipe.autoencoder.most_examples, training.device)
    watched = run.validation_pool.pictures.view()[:WATCHED]

    def validate(model: Any) -> dict[str, float]:
        return {"psnr": float(np.mean(autoencoder.psnr(model.vae, watched, training.device)))}

    training.run(
        lambda training: autoencoder.loss(training, data, linear, settings),
        validate,
        data.grow,
        run.progress,
    )
