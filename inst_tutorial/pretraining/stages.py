"""The stages of the training, each resumable, from the pictures to the evaluation.

The autoencoder and CLIP leave their finished parts as folders in the work folder, which the next
stages read. The UNet, the artist embedder and the tuned decoder are taken from their newest
checkpoints.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from inst_tutorial.painter import Painter
from inst_tutorial.pretraining import assembly, processes
from inst_tutorial.pretraining.checkpoint import load_average, state_path
from inst_tutorial.pretraining.data import tokenizer
from inst_tutorial.pretraining.data.hard_negatives import hard_negatives
from inst_tutorial.pretraining.data.painting import fill, filling
from inst_tutorial.pretraining.data.pool import Pool
from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.data.style_numbers import style_numbers
from inst_tutorial.pretraining.known_words import fit_to_known_words
from inst_tutorial.pretraining.networks import autoencoder, clip, latents, unet
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.networks.growth import grown
from inst_tutorial.pretraining.settings import Autoencoder, Recipe, TrainingError, TrainSettings
from inst_tutorial.pretraining.training import Training, seeded
from inst_tutorial.studies import evaluation, report, showcase
from inst_tutorial.studies.settings import EvaluationSettings
from inst_tutorial.world import artists, sample_caption, sample_example
from inst_tutorial.world.seeds import VALIDATION

TRAINED_STAGES = ("autoencoder", "text", "clip", "unet", "decoder")
STAGES = ("pictures", *TRAINED_STAGES, "assemble", "glance", "evaluate")
SAMPLE = 1024  # examples for statistics
PATIENCE = 600.0  # seconds that a stage waits for the first pictures
ENCODED_AT_ONCE = 128  # new examples, between two steps


@dataclass(frozen=True)
class PretrainingRun:
    """One training of a Paintbox: where its files are and how it is done.

    Attributes:
        work: folder of pictures, checkpoints and the log.
        out: folder of the finished painter.
        start: an assembled painter to go on from where the work folder has nothing, or None.
    """

    work: Path
    out: Path
    recipe: Recipe
    device: str = "cpu"
    start: Path | None = None
    progress: bool = True

    def run(self, stages: tuple[str, ...] = STAGES) -> None:
        """Do the stages, in their order. What is done already is not done again."""
        unknown = set(stages) - set(STAGES)
        if unknown:
            raise TrainingError(
                f"unknown stages {', '.join(sorted(unknown))}: choose from {', '.join(STAGES)}"
            )
        self.work.mkdir(parents=True, exist_ok=True)
        painting = "pictures" in stages and processes.rank() == 0
        if painting:
            self.paint()
        processes.wait()
        with filling(self.pool, self.recipe.pictures) if painting else nullcontext():
            for stage in TRAINED_STAGES:
                if stage in stages:
                    getattr(self, f"fit_{stage}")()
                    processes.wait()
        if processes.rank() == 0:
            self._finish(stages)

    def _finish(self, stages: tuple[str, ...]) -> None:
        """The stages that train no network, which the first process does alone."""
        if "assemble" in stages:
            self.assemble()
        if "glance" in stages:
            self.fit_glance()
        if "evaluate" in stages:
            self.evaluate()

    # ------------------------------------------------------------------- pictures

    @property
    def pool(self) -> Pool:
        """The training pictures."""
        return Pool(self.work / "training")

    @property
    def held_back(self) -> Pool:
        """The validation pictures: other scenes, same styles."""
        return Pool(self.work / "validation", VALIDATION[0])

    def paint(self) -> None:
        """Paint the validation examples, then training examples for the time given, unless the
        painting goes on while networks train."""
        settings = self.recipe.pictures
        options: dict[str, Any] = {"workers": settings.worker_processes, "progress": self.progress}
        fill(self.held_back, settings.validation_examples, settings.shares, **options)
        budget = self.work / "pictures.done"
        if not settings.while_training and not budget.exists():
            minutes = settings.minutes
            fill(self.pool, settings.most_examples, settings.shares, minutes=minutes, **options)
            budget.touch()

    def _pool(self) -> Pool:
        """The training pictures, as soon as there are enough to begin."""
        settings, began = self.recipe.pictures, time.monotonic()
        while settings.while_training and len(self.pool) < settings.least_examples:
            if time.monotonic() - began > PATIENCE:
                break
            time.sleep(0.1)
        if len(self.pool) < settings.least_examples or not len(self.held_back):
            raise TrainingError(f"too few pictures in {self.work}: do the stage 'pictures' first")
        return self.pool

    # ---------------------------------------------------------------- autoencoder

    def fit_autoencoder(self) -> None:
        """Train the autoencoder, whiten its latents, and put it into the work folder.

        That of the painter to go on from stays as it is if it has the recipe's latents, which are
        those that its UNet knows. With fewer, it grows.
        """
        done, settings, recipe = self.work / "vae", self.recipe.autoencoder, self.recipe
        vae = self._old("vae")
        if done.exists() or (vae and vae.config.latent_channels == settings.latent_channels):
            return
        pool = self._pool()
        if vae is None:
            vae = autoencoder.build(settings, recipe.picture_size, recipe.seed)
        else:
            vae = grown(vae, settings, recipe.picture_size, recipe.seed)
            settings = settings.end_to_end()
        run = self._training(
            "autoencoder", autoencoder.Reconstruction(vae, settings), recipe.fit_autoencoder
        )
        sample = pool.pictures.view()[:SAMPLE]
        linear = autoencoder.LinearLatents(
            sample, settings.latent_channels, 2 ** (len(settings.channels) - 1)
        )
        self._reconstruct(run, linear.to(run.device), settings)
        vae = run.average.vae
        autoencoder.whiten(vae, sample, settings, run.device)
        self._keep(vae, done)

    def _reconstruct(
        self, run: Training, linear: autoencoder.LinearLatents | None, settings: Autoencoder
    ) -> None:
        """Train what a `Reconstruction` leaves open, watched on validation pictures."""
        files = {"pictures": self._pool().pictures}
        data = Resident(files, self.recipe.autoencoder.most_examples, run.device)
        watched = self.held_back.pictures.view()[:64]

        def validate(model: Any) -> dict[str, float]:
            return {"psnr": float(np.mean(autoencoder.psnr(model.vae, watched, run.device)))}

        run.run(
            lambda run: autoencoder.loss(run, data, linear, settings),
            validate,
            data.grow,
            self.progress,
        )

    # ------------------------------------------------------------- text and pictures

    def fit_text(self) -> None:
        """Build the tokenizer, train the text tower, and put both into the work folder."""
        done = self.work / "text"
        if done.exists():
            return
        settings, recipe, tokens = self.recipe.clip, self.recipe, self._tokenizer()
        model = self._old("text") or clip.build(
            settings, tokens, recipe.picture_size, recipe.seed + 1
        )
        run = self._training("text", clip.Describing(model), recipe.fit_text)
        negatives = hard_negatives(
            settings.hard_negative_captions + 128,
            workers=recipe.pictures.worker_processes,
            progress=self.progress,
        )
        ids = np.stack([clip.tokenize(tokens, captions) for captions in negatives])  # (n, 4, L)
        watched, ids = ids[:128], ids[128:]

        def validate(model: Any) -> dict[str, float]:
            return {"caption_accuracy": clip.caption_accuracy(model.clip, watched, run.device)}

        run.run(lambda run: clip.text_loss(run, ids), validate, lambda: len(ids), self.progress)
        self._keep(run.average.clip, done)

    def fit_clip(self) -> None:
        """Train the vision tower beside the text tower; put both into the work folder."""
        done = self.work / "clip"
        if done.exists():
            return
        settings, pool, tokens = self.recipe.clip, self._pool(), self._tokenizer()
        run = self._training(
            "clip", clip.Matching(self._part("text"), settings), self.recipe.fit_clip
        )
        towers = run.average.clip  # the text tower is locked: it is the same in both
        texts = clip.texts(towers, tokens, pool.texts(0), run.device)
        watched = self.held_back.pictures.view()
        answers = clip.texts(towers, tokens, self.held_back.texts(0), run.device)

        def grow() -> int:
            nonlocal texts
            if len(pool) > len(texts):
                texts = clip.texts(towers, tokens, pool.texts(0), run.device)
            return len(texts)

        run.run(
            lambda run: clip.loss(run, pool.pictures.view(), texts, settings),
            lambda model: clip.retrieval_accuracy(model.clip, watched, answers, run.device),
            grow,
            self.progress,
        )
        self._keep(towers, done)

    def _tokenizer(self) -> Any:
        """The tokenizer of the work folder, or of the painter to go on from, or a new one."""
        from transformers import CLIPTokenizer

        folder = self.work / "tokenizer"
        if folder.exists():
            return CLIPTokenizer.from_pretrained(folder)
        if self.start is not None:
            tokens = CLIPTokenizer.from_pretrained(self.start / "tokenizer")
        else:
            captions = (sample_caption(seed) for seed in range(2 * SAMPLE))  # has every word
            tokens = tokenizer.build(captions, self.recipe.clip.text_length)
        tokenizer.add(tokens, artists())
        self._keep(tokens, folder)
        return tokens

    # ----------------------------------------------------------------------- unet

    def fit_unet(self) -> None:
        """Encode the pictures and captions, and train the UNet and the artist embedder."""
        from diffusers.models.attention_processor import AttnProcessor

        recipe, settings = self.recipe, self.recipe.unet
        vae, towers, tokens = self._part("vae"), self._part("text"), self._tokenizer()
        network, names = self._unet_and_names(vae, towers)
        run = self._training("unet", self._denoising(network, towers, names), recipe.fit_unet)
        if run.share == 1:
            return
        if run.device.type == "cpu":
            network.set_attn_processor(AttnProcessor())  # its backward is faster here
        vae.to(run.device)
        encoded = latents.Encoded.of(self.pool, vae, tokens, self.work)
        data = encoded.resident(recipe.pictures.most_examples)
        empty = latents.empty_caption(tokens, run.device)
        std = recipe.autoencoder.posterior_std

        def loss(run: Training) -> torch.Tensor:
            return unet.loss(run, data, empty, std, settings)

        run.prepare(loss)  # while the first pictures are painted
        self._pool()
        held_back = latents.Encoded.of(self.held_back, vae, tokens, self.work)
        for pool in (held_back, encoded):
            self._encode(pool)
        validate = unet.validator(held_back.resident(len(self.held_back)), recipe.seed + 3)
        grow = latents.growing(encoded, data, ENCODED_AT_ONCE, processes.rank() == 0)
        run.run(loss, validate, grow, self.progress)

    def _encode(self, encoded: latents.Encoded) -> None:
        """Encode all that is painted so far: the first process does it, the others wait."""
        if processes.rank() == 0:
            total, done = len(encoded.pool), len(encoded.captions)
            with tqdm(total=total, initial=done, desc="latents", disable=not self.progress) as bar:
                while len(encoded.captions) < total:
                    encoded.grow(ENCODED_AT_ONCE)
                    bar.update(len(encoded.captions) - bar.n)
        processes.wait()

    def _denoising(self, network: Any, towers: Any, names: ArtistEmbedder) -> unet.Denoising:
        return unet.Denoising(network, towers.text_model, names, self.recipe.unet)

    def _old_artist_embedder(self) -> ArtistEmbedder | None:
        """That of the painter to go on from; None without one."""
        if self.start is None or not (self.start / assembly.ARTIST_EMBEDDER).exists():
            return None
        return ArtistEmbedder.load(self.start / assembly.ARTIST_EMBEDDER)

    def _new_artist_embedder(self, towers: Any) -> ArtistEmbedder:
        """One whose names begin near the mean word."""
        table = towers.text_model.embeddings.token_embedding.weight.detach()
        styles = [sample_example(seed, self.recipe.pictures.shares)[1] for seed in range(SAMPLE)]
        seen = np.stack([style_numbers(style) for style in styles if style is not None])
        with seeded(self.recipe.seed + 4):
            names = ArtistEmbedder(table.shape[1])
            names.start(torch.from_numpy(seen), table.mean(0))
        return names

    def _unet_and_names(self, vae: Any, towers: Any) -> tuple[Any, ArtistEmbedder]:
        """Those of the painter to go on from, if its UNet has the sizes of the recipe; else new
        ones, because names mean something to one UNet only."""
        old = self._old_unet(vae)
        if old is not None:
            return old, self._old_artist_embedder() or self._new_artist_embedder(towers)
        new = unet.build(
            self.recipe.unet,
            vae.config.latent_channels,
            self.recipe.picture_size // 2 ** (len(vae.config.block_out_channels) - 1),
            towers.config.text_config.hidden_size,
            self.recipe.seed + 2,
        )
        return new, self._new_artist_embedder(towers)

    def _old_unet(self, vae: Any) -> Any | None:
        """The UNet of the painter to go on from, if it has the sizes of the recipe."""
        old = self._old("unet")
        if old is None or old.config.in_channels != vae.config.latent_channels:
            return None
        same = tuple(old.config.block_out_channels) == self.recipe.unet.channels
        return old if same else None

    # -------------------------------------------------------------------- decoder

    def fit_decoder(self) -> None:
        """Go on with the decoder alone. The latents stay as they are, so this may run beside
        the UNet's training, as Stability AI tuned the decoder of Stable Diffusion afterwards."""
        run = self._training("decoder", self._reconstruction(), self.recipe.fit_decoder)
        self._reconstruct(run, None, self.recipe.autoencoder)

    def _reconstruction(self) -> autoencoder.Reconstruction:
        """The finished autoencoder's losses, with only the decoder to be trained."""
        vae = self._part("vae")
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
        return autoencoder.Reconstruction(vae, self.recipe.autoencoder)

    # ------------------------------------------------------------------- assembly

    def assemble(self) -> None:
        """Write the painter from the newest parts; training may go on meanwhile."""
        tuned, towers = self._reconstruction(), self._part("clip")
        if (state := state_path(self.work, "decoder")).exists():
            load_average(tuned, state)
        vae = tuned.vae
        names: ArtistEmbedder | None
        if (state := state_path(self.work, "unet")).exists():
            network, names = self._unet_and_names(vae, towers)
            load_average(self._denoising(network, towers, names), state)
        else:
            network, names = self._old_unet(vae), self._old_artist_embedder()
        if network is None:
            raise TrainingError(f"no UNet in {self.work}: do the stage 'unet' first")
        assembly.assemble(
            self.out,
            vae=vae,
            clip=towers,
            tokenizer=self._tokenizer(),
            unet=network,
            artist_embedder=names,
            coarse_level=self.recipe.unet.coarse_level,
        )

    def fit_glance(self) -> None:
        """Fit the map from pictures to words, and keep it beside the finished painter's CLIP."""
        fit_to_known_words(
            Painter.load(self.out, device=self.device),
            self.recipe.glance_pictures,
            workers=self.recipe.pictures.worker_processes,
            progress=self.progress,
        )

    # ----------------------------------------------------------------- evaluation

    def evaluate(self) -> None:
        """Measure the finished painter, with all counts, and write evaluation.json beside it,
        and pictures that show what it can do."""
        painter = Painter.load(self.out, device=self.device)
        settings = EvaluationSettings()
        rows = evaluation.evaluate(painter, settings, self.progress)
        report.write(
            rows,
            self.out / "evaluation.json",
            fingerprint=painter.fingerprint(),
            settings=asdict(settings),
        )
        showcase.show(painter, self.out, settings, self.progress)

    # ---------------------------------------------------------------------- parts

    def _training(self, name: str, model: Any, fit: TrainSettings) -> Training:
        seed = self.recipe.seed + 100 + STAGES.index(name)
        return Training(name, model, fit, work=self.work, device=self.device, seed=seed)

    def _part(self, name: str) -> Any:
        """A finished part, "vae" or "clip": of the work folder, or of the painter to start from."""
        from diffusers import AutoencoderKL
        from transformers import CLIPModel

        folder = self.work / name
        if folder.exists():
            kind: Any = AutoencoderKL if name == "vae" else CLIPModel
            return kind.from_pretrained(folder).eval()
        part = self._old(name)
        channels = self.recipe.autoencoder.latent_channels
        if part is None or (name == "vae" and part.config.latent_channels != channels):
            stage = "autoencoder" if name == "vae" else name
            raise TrainingError(f"no {name} in {self.work}: do the stage {stage!r} first")
        return part.eval()

    def _old(self, name: str) -> Any | None:
        """A part of the painter to go on from, in single precision; None without one."""
        from diffusers import AutoencoderKL, UNet2DConditionModel

        if self.start is None:
            return None
        if name in ("text", "clip"):
            return clip.with_room(assembly.load_clip(self.start), len(self._tokenizer()))
        kind = AutoencoderKL if name == "vae" else UNet2DConditionModel
        return kind.from_pretrained(self.start / name, torch_dtype=torch.float32)

    def _keep(self, part: Any, folder: Path) -> None:
        if processes.rank() > 0:
            return
        with assembly.swapped(folder) as temporary:
            part.save_pretrained(temporary)
