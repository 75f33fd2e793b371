"""The stages "assemble", "glance" and "evaluate": from the parts to a painter that is measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from inst_tutorial.painter import Painter
from inst_tutorial.pretraining import assembly
from inst_tutorial.pretraining.checkpoint import load_average, state_path
from inst_tutorial.pretraining.known_words import fit_to_known_words
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.settings import TrainingError
from inst_tutorial.pretraining.stages import parts
from inst_tutorial.pretraining.stages.autoencoder import decoder_reconstruction
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.stages.unet import (
    denoising,
    earlier_artist_embedder,
    earlier_unet,
)
from inst_tutorial.studies import evaluation, report, showcase
from inst_tutorial.studies.settings import EvaluationSettings


def assemble(run: PretrainingRun) -> None:
    """Write the painter from the newest parts; training may go on meanwhile."""
    vae, towers = _newest_autoencoder(run), parts.finished(run, "clip")
    network, embedder = _newest_unet(run, vae, towers)
    assembly.assemble(
        run.out,
        vae=vae,
        clip=towers,
        tokenizer=parts.tokenizer(run),
        unet=network,
        artist_embedder=embedder,
        coarse_level=run.recipe.unet.coarse_level,
    )


def _newest_autoencoder(run: PretrainingRun) -> Any:
    """The finished autoencoder, with the decoder as far as it is tuned."""
    reconstruction, state = decoder_reconstruction(run), state_path(run.work, "decoder")
    if state.exists():
        load_average(reconstruction, state)
    return reconstruction.vae


def _newest_unet(run: PretrainingRun, vae: Any, towers: Any) -> tuple[Any, ArtistEmbedder | None]:
    """The UNet and its artist embedder, as far as they are trained."""
    state = state_path(run.work, "unet")
    if state.exists():
        model = denoising(run, vae, towers)
        load_average(model, state)
        return model.unet, model.artist_embedder
    network = earlier_unet(run, vae)
    if network is None:
        raise TrainingError(f"no UNet in {run.work}: do the stage 'unet' first")
    return network, earlier_artist_embedder(run)


def fit_glance(run: PretrainingRun) -> None:
    """Fit the map from pictures to words, and keep it beside the finished painter's CLIP."""
    fit_to_known_words(
        Painter.load(run.out, device=run.device),
        run.recipe.glance_pictures,
        workers=run.recipe.pictures.worker_processes,
        progress=run.progress,
    )


def evaluate(run: PretrainingRun) -> None:
    """Measure the finished painter, with all counts, and write evaluation.json beside it,
    and pictures that show what it can do."""
    painter = Painter.load(run.out, device=run.device)
    settings = EvaluationSettings()
    rows = evaluation.evaluate(painter, settings, run.progress)
    report.write(
        rows,
        run.out / "evaluation.json",
        fingerprint=painter.fingerprint(),
        settings=asdict(settings),
    )
    showcase.show(painter, run.out, settings, run.progress)
