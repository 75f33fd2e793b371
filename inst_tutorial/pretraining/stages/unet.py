"""The stage "unet": the examples are encoded, and the UNet and the artist embedder are trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from inst_tutorial.pretraining import processes
from inst_tutorial.pretraining.assembly import ARTIST_EMBEDDER
from inst_tutorial.pretraining.data.style_numbers import style_numbers
from inst_tutorial.pretraining.networks import latents, unet
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.stages import parts
from inst_tutorial.pretraining.stages.pictures import enough_pictures
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.training import Training, seeded
from inst_tutorial.world import sample_example

SAMPLE = 1024  # examples whose styles a new artist embedder is scaled to
ENCODED_AT_ONCE = 128  # new examples, between two steps


def fit_unet(run: PretrainingRun) -> None:
    """Encode the pictures and captions, and train the UNet and the artist embedder."""
    from diffusers.models.attention_processor import AttnProcessor

    recipe, vae, towers = run.recipe, parts.finished(run, "vae"), parts.finished(run, "text")
    tokens = parts.tokenizer(run)
    model = denoising(run, vae, towers)
    training = run.training("unet", model, recipe.fit_unet)
    if training.share == 1:
        return
    if training.device.type == "cpu":
        model.unet.set_attn_processor(AttnProcessor())  # its backward is faster here
    vae.to(training.device)
    encoded = latents.Encoded.of(run.pool, vae, tokens, run.work)
    data = encoded.resident(recipe.pictures.most_examples)
    empty = latents.empty_caption(tokens, training.device)
    std = recipe.autoencoder.posterior_std

    def loss(training: Training) -> torch.Tensor:
        return unet.loss(training, data, empty, std, recipe.unet)

    training.prepare(loss)  # while the first pictures are painted
    enough_pictures(run)
    watched = latents.Encoded.of(run.validation_pool, vae, tokens, run.work)
    for examples in (watched, encoded):
        encode_all(examples, run.progress)
    validate = unet.validator(watched.resident(len(watched.pool)), recipe.seed + 3)
    grow = latents.growing(encoded, data, ENCODED_AT_ONCE, processes.rank() == 0)
    training.run(loss, validate, grow, run.progress)


def encode_all(encoded: latents.Encoded, progress: bool) -> None:
    """Encode all that is painted so far: the first process does it, the others wait."""
    if processes.rank() == 0:
        total, done = len(encoded.pool), len(encoded)
        with tqdm(total=total, initial=done, desc="latents", disable=not progress) as bar:
            while len(encoded) < total:
                encoded.grow(ENCODED_AT_ONCE)
                bar.update(len(encoded) - bar.n)
    processes.wait()


# --------------------------------------------------------------- what the training begins with


def denoising(run: PretrainingRun, vae: Any, towers: Any) -> unet.Denoising:
    """UNet and artist embedder of the painter to go on from, if its UNet has the sizes of the
    recipe; else new ones, because names mean something to one UNet only."""
    network = earlier_unet(run, vae)
    embedder = None if network is None else earlier_artist_embedder(run)
    return unet.Denoising(
        _new_unet(run, vae, towers) if network is None else network,
        towers.text_model,
        embedder or new_artist_embedder(run, towers),
        run.recipe.unet,
    )


def earlier_unet(run: PretrainingRun, vae: Any) -> Any | None:
    """The UNet of the painter to go on from, if it has the sizes of the recipe."""
    network = parts.earlier(run, "unet")
    if network is None or network.config.in_channels != vae.config.latent_channels:
        return None
    same = tuple(network.config.block_out_channels) == run.recipe.unet.channels
    return network if same else None


def earlier_artist_embedder(run: PretrainingRun) -> ArtistEmbedder | None:
    """That of the painter to go on from; None without such a painter or its embedder."""
    if run.start is None or not (run.start / ARTIST_EMBEDDER).exists():
        return None
    return ArtistEmbedder.load(run.start / ARTIST_EMBEDDER)


def _new_unet(run: PretrainingRun, vae: Any, towers: Any) -> Any:
    """A UNet for the latents of `vae` and the words of `towers`."""
    return unet.build(
        run.recipe.unet,
        vae.config.latent_channels,
        run.recipe.picture_size // 2 ** (len(vae.config.block_out_channels) - 1),
        towers.config.text_config.hidden_size,
        run.recipe.seed + 2,
    )


def new_artist_embedder(run: PretrainingRun, towers: Any) -> ArtistEmbedder:
    """One whose names begin near the mean word."""
    table = towers.text_model.embeddings.token_embedding.weight.detach()
    styles = [sample_example(seed, run.recipe.pictures.shares)[1] for seed in range(SAMPLE)]
    seen = np.stack([style_numbers(style) for style in styles if style is not None])
    with seeded(run.recipe.seed + 4):
        embedder = ArtistEmbedder(table.shape[1])
        embedder.start(torch.from_numpy(seen), table.mean(0))
    return embedder
