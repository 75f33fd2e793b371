"""Pretraining: every stage resumes to the same weights, and the parts make a whole painter."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer
from diffusers import AutoencoderKL
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTokenizer
from typer.testing import CliRunner

from inst_tutorial.painter import Painter, PromptError
from inst_tutorial.pretraining import assembly
from inst_tutorial.pretraining.__main__ import main
from inst_tutorial.pretraining.data import tokenizer
from inst_tutorial.pretraining.data.growing_array import GrowingArray
from inst_tutorial.pretraining.data.hard_negatives import hard_negative, hard_negatives
from inst_tutorial.pretraining.data.painting import fill, filling
from inst_tutorial.pretraining.data.pool import Pool, paint_chunk
from inst_tutorial.pretraining.data.resident import Resident
from inst_tutorial.pretraining.data.style_numbers import NUMBERS, style_numbers
from inst_tutorial.pretraining.networks import autoencoder, clip, latents, unet
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.settings import (
    BROAD_SHARES,
    Autoencoder,
    Clip,
    Pictures,
    Recipe,
    TrainingError,
    TrainSettings,
    UNet,
)
from inst_tutorial.pretraining.stages.run import PretrainingRun
from inst_tutorial.pretraining.stages.table import STAGES, pretrain
from inst_tutorial.pretraining.stages.unet import encode_all, new_artist_embedder
from inst_tutorial.pretraining.training import Training
from inst_tutorial.world import (
    SUBJECTS,
    Style,
    artists,
    full_caption,
    paint,
    sample_caption,
    sample_captions,
    sample_example,
    sample_pair,
)
from inst_tutorial.world.seeds import HARD_NEGATIVES, TRAINING, VALIDATION

pytestmark = pytest.mark.slow

TINY = Recipe(
    glance_pictures=60,
    pictures=Pictures(most_examples=32, worker_processes=1, validation_examples=16),
    autoencoder=Autoencoder(channels=(4, 4, 8, 8), latent_channels=4, crop=32),
    clip=Clip(
        width=16, text_layers=1, vision_layers=1, heads=2, projection=8, hard_negative_captions=8
    ),
    unet=UNet(channels=(16, 16, 16), heads=2),
    fit_autoencoder=TrainSettings(steps=4, batch=2, channels_last=True),
    fit_text=TrainSettings(steps=2, batch=4),
    fit_clip=TrainSettings(steps=3, batch=4),
    fit_unet=TrainSettings(steps=4, batch=4, channels_last=True),
    fit_decoder=TrainSettings(steps=3, batch=2, channels_last=True),
)
TRAINED = tuple(stage for stage in STAGES if stage != "evaluate")  # see test_evaluation.py


def nothing(model):
    return {}


# ------------------------------------------------------------------- files that grow


def test_rows_grow_and_forget_a_row_cut_short(tmp_path):
    rows = GrowingArray(tmp_path / "rows", (2, 3), "uint8")
    assert len(rows) == 0 and rows.view().shape == (0, 2, 3)
    rows.append(np.arange(12).reshape(2, 2, 3))
    with rows.path.open("ab") as file:
        file.write(b"cut")
    assert len(rows) == 2
    rows.append(np.full((1, 2, 3), 7))
    assert rows.view()[:, 0, 0].tolist() == [0, 6, 7]


def captions_of(count, kind=0):
    return [sample_captions(seed, BROAD_SHARES)[2][kind] for seed in range(count)]


def test_painting_goes_on_after_a_kill_where_it_was(tmp_path):
    pool = Pool(tmp_path / "pool")
    pool.append(paint_chunk(0, 3, BROAD_SHARES))
    with pool.pictures.path.open("ab") as file:
        file.write(b"half a picture")
    pool.captions.append(np.array([("a caption", "without a picture")], "S256"))
    fill(pool, 19, BROAD_SHARES, workers=1, progress=False)
    assert len(pool) == 19 and pool.texts(0) == captions_of(19)
    scene, style, _ = sample_example(18, BROAD_SHARES)
    assert np.array_equal(pool.pictures.view()[18], np.asarray(paint(scene, style)))


def test_a_caption_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("inst_tutorial.pretraining.data.pool.LETTERS", 20)
    with pytest.raises(ValueError, match="letters"):
        paint_chunk(0, 2, BROAD_SHARES)


def test_painting_goes_on_in_the_background_while_training(tmp_path):
    pool = Pool(tmp_path / "pool")
    settings = Pictures(most_examples=16, worker_processes=1, while_training=True)
    with filling(pool, settings):
        deadline = time.monotonic() + 120
        while len(pool) < 16 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert pool.texts(0) == captions_of(16)


def test_examples_become_resident_as_they_come(tmp_path):
    file = GrowingArray(tmp_path / "rows", (2,), "int16")
    data = Resident({"rows": file}, 3, "cpu")
    assert data.grow() == 0 and data.draw(5, torch.Generator()).eq(0).all()
    file.append(np.array([[1, 2], [3, 4]]))
    assert data.grow() == len(data) == 2
    drawn = data.draw(400, torch.Generator().manual_seed(0))
    assert drawn.unique().tolist() == [0, 1]
    rows = data.rows["rows"]
    file.append(np.full((2, 2), 7))
    assert data.grow() == 3 and rows[2].tolist() == [7, 7]  # the same tensor, and no more than 3


def test_the_command_line_says_what_is_trained_where(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "inst_tutorial.pretraining.stages.table.pretrain",
        lambda pretraining_run, stages: asked.append((pretraining_run, stages)),
    )
    app = typer.Typer()
    app.command()(main)
    options = f"--work {tmp_path}/work --out {tmp_path}/out --device cpu --minutes-unet 3"
    result = CliRunner().invoke(app, [*options.split(), "--stages", "unet,assemble"])
    assert result.exit_code == 0, result.output
    ((pretraining_run, stages),) = asked
    assert (pretraining_run.work, pretraining_run.out) == (tmp_path / "work", tmp_path / "out")
    assert (pretraining_run.recipe.fit_unet.minutes, stages) == (3.0, ("unet", "assemble"))
    assert pretraining_run.recipe.fit_clip == Recipe.for_device("cpu").fit_clip


# ------------------------------------------------------------------------- the loop


def quadratic(work: Path, steps: int = 12, **fit) -> Training:
    """A small network and a loss with a random batch, as the stages have them."""
    torch.manual_seed(0)
    settings = TrainSettings(
        steps=steps, batch=2, channels_last=True, checkpoint_seconds=0.0, **fit
    )
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 1))
    return Training("toy", network, settings, work=work, device="cpu", seed=5)


def toy_loss(run: Training):
    x = torch.randn(2, 3, 8, 8, generator=run.generator)
    return F.mse_loss(run.forward(x), x[:, :, 1:-1, 1:-1])


KILLED = """
import sys
from pathlib import Path
import psutil
sys.path.insert(0, {tests!r})
from test_pretraining import nothing, quadratic, toy_loss
def loss(run):
    if run.step == 7:
        psutil.Process().kill()
    return toy_loss(run)
quadratic(Path({work!r})).run(loss, nothing, lambda: 1, progress=False)
"""


def test_a_run_killed_and_resumed_ends_with_the_same_weights(tmp_path):
    code = KILLED.format(tests=str(Path(__file__).parent), work=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode not in (0, 1)  # 1 is an error of Python
    resumed = quadratic(tmp_path)
    assert resumed.step == 7
    resumed.run(toy_loss, nothing, lambda: 1, progress=False)
    (tmp_path / "straight").mkdir()
    straight = quadratic(tmp_path / "straight")
    straight.run(toy_loss, nothing, lambda: 1, progress=False)
    one, two = resumed.tensors(), straight.tensors()
    assert one.keys() == two.keys() and len(one) == 4 * 2 + 3 * 4  # weights, averages; moments
    assert all(torch.equal(one[name], two[name]) for name in one)


def broken_loss(run, step):
    """NaN at one step."""
    return toy_loss(run) * (float("nan") if run.step == step else 1.0)


def broken_gradient(run, step):
    """At one step the loss is a number, but its gradient is not."""
    loss = toy_loss(run)
    if run.step == step:
        loss.register_hook(lambda gradient: gradient * float("nan"))
    return loss


def weight(model):
    """A validation that sees the weights."""
    return {"weight": float(sum(p.sum() for p in model.parameters()))}


@pytest.mark.parametrize("broken", [broken_loss, broken_gradient])
@pytest.mark.parametrize("step", [5, 11])  # in the middle, and the last one
def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_checkpoint(tmp_path, broken, step):
    run = quadratic(tmp_path)
    with pytest.raises(TrainingError, match="learning rate"):
        run.run(lambda run: broken(run, step), weight, lambda: 1, progress=False)
    again = quadratic(tmp_path)
    assert again.step == step
    assert all(tensor.isfinite().all() for tensor in again.tensors().values())


# ------------------------------------------------------------------------ tokenizer


def test_every_word_of_the_captions_is_one_token_and_others_are_unknown(tmp_path):
    captions = [sample_caption(seed) for seed in range(400)]
    words = tokenizer.build(captions, 40)
    words.save_pretrained(tmp_path)
    words = type(words).from_pretrained(tmp_path)
    assert not any(words.unk_token_id in words(text).input_ids for text in captions)
    ids = words("A red house * , in navy, blue", padding="max_length").input_ids
    assert len(ids) == 40 and ids[0] == words.bos_token_id
    assert words.bos_token_id not in ids[1:] and words.unk_token_id not in ids
    assert ids[10:] == [words.eos_token_id] * 30 and words.pad_token_id == words.eos_token_id
    assert words.unk_token_id in words("a reddish house").input_ids
    assert words.unk_token_id not in (words.eos_token_id, words.pad_token_id)


def test_the_longest_captions_fit():
    texts = [full_caption(scene, style) for scene, style, _ in map(sample_example, range(300))]
    words = tokenizer.build(texts, Clip().text_length)
    assert clip.tokenize(words, texts).shape == (300, 40)
    with pytest.raises(ValueError, match="tokens"):
        clip.tokenize(words, ["red " * 60])


# ----------------------------------------------------------------------------- clip


def test_the_recipe_stays_within_its_seeds():
    pictures = Recipe().pictures
    assert pictures.most_examples <= len(TRAINING)
    assert pictures.validation_examples <= len(VALIDATION)
    assert Recipe().clip.hard_negative_captions <= len(HARD_NEGATIVES)


def test_of_four_captions_two_belong_together_and_two_are_wrong_in_one_thing():
    for seed in HARD_NEGATIVES[:40]:
        said, full, part, style = hard_negative(seed)
        scene, painted_in, caption = sample_example(seed)
        assert (said, full) == (caption, full_caption(scene, painted_in))
        content, manner = full.split(" in the style of ")
        assert part.split(" in the style of ")[0] != content and part.endswith(manner)
        assert style.startswith(content) and style != full
    assert hard_negatives(3, workers=1, progress=False) == [
        hard_negative(seed) for seed in HARD_NEGATIVES[:3]
    ]


@pytest.fixture(scope="module")
def towers():
    words = tokenizer.build([sample_caption(seed) for seed in range(500)], 40)
    return clip.build(TINY.clip, words, 128, seed=0), words


def test_captions_name_subjects(towers):
    ids = clip.tokenize(towers[1], ["a red house by the sea", "an oil painting", "an owl at night"])
    names = list(SUBJECTS)
    assert clip.subjects_of(towers[1], ids).tolist() == [
        names.index("house"),
        -1,
        names.index("owl"),
    ]


def test_each_tower_is_trained_while_the_other_stays(towers):
    model, _ = towers
    clip.Describing(model)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    clip.Matching(model, TINY.clip)
    then = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learning & then == {"logit_scale"}
    assert all(name.startswith(("text", "logit")) for name in learning)
    assert all(name.startswith(("vis", "logit")) for name in then)


def test_a_subject_that_the_caption_does_not_name_is_no_mistake(towers, some_pictures):
    matching = clip.Matching(towers[0], replace(TINY.clip, caption_weight=0.0))
    batch = autoencoder.to_pm1(some_pictures[:2], torch.device("cpu"))
    subjects, captions = torch.eye(8), torch.eye(8)[:2]
    both = matching(batch, torch.tensor([3, -1]), subjects, captions)
    assert torch.allclose(both, matching(batch[:1], torch.tensor([3]), subjects, captions[:1]))


def test_retrieval_accuracy_counts_the_right_answers(towers, some_pictures):
    seen = clip.see(towers[0].eval(), autoencoder.to_pm1(some_pictures, torch.device("cpu")))
    seen = seen.detach()
    right = clip.Texts(seen, torch.arange(len(seen)), seen)
    assert clip.retrieval_accuracy(towers[0], some_pictures, right, torch.device("cpu")) == {
        "subject": 1.0
    }
    wrong = clip.Texts(seen, torch.arange(len(seen)), seen.roll(1, 0))
    assert (
        clip.retrieval_accuracy(towers[0], some_pictures, wrong, torch.device("cpu"))["subject"]
        < 0.5
    )


# ---------------------------------------------------------------------- autoencoder


@pytest.fixture(scope="module")
def some_pictures():
    return np.stack([np.asarray(sample_pair(seed)[0]) for seed in range(12)])


def test_linear_latents_are_white(some_pictures):
    linear = autoencoder.LinearLatents(some_pictures, 6, 8)
    z = linear(autoencoder.to_pm1(some_pictures, torch.device("cpu")))
    assert z.shape == (12, 6, 16, 16)
    rows = z.permute(1, 0, 2, 3).flatten(1)  # (c, b*h*w)
    assert torch.allclose(torch.cov(rows), torch.eye(6), atol=1e-3)
    assert rows.mean(1).abs().max() < 1e-3


def test_whitening_changes_the_latents_and_not_the_round_trip(some_pictures):
    settings, cpu = TINY.autoencoder, torch.device("cpu")
    vae = autoencoder.build(settings, 128, seed=0).eval()
    before = autoencoder.psnr(vae, some_pictures, cpu)
    autoencoder.whiten(vae, some_pictures, settings, cpu)
    rows = autoencoder.encode_mean(vae, some_pictures, cpu).permute(1, 0, 2, 3).flatten(1)
    assert torch.allclose(torch.cov(rows), torch.eye(4), atol=1e-3)
    assert rows.mean(1).abs().max() < 1e-3
    assert autoencoder.psnr(vae, some_pictures, cpu) == pytest.approx(before, abs=1e-3)
    posterior = vae.encode(autoencoder.to_pm1(some_pictures[:1], cpu)).latent_dist
    assert torch.allclose(posterior.std, torch.tensor(settings.posterior_std))


# ----------------------------------------------------------------------------- unet


def test_a_hidden_photograph_is_all_that_is_seen_at_half_the_highest_level():
    z0, photograph, white = torch.randn(3, 512, 1, 1, 1)
    t = torch.full((512,), 700)
    signal = unet.ALPHA_BAR[t]
    a = signal[0]
    r = (a / (1 - a)).sqrt().item()
    seen = a.sqrt() * z0 + (1 - a).sqrt() * (white + r * (photograph - z0))
    torch.testing.assert_close(seen, a.sqrt() * photograph + (1 - a).sqrt() * white)

    level = unet.photograph_level(signal, 1.0, torch.Generator().manual_seed(0))
    assert level.shape == (512, 1, 1, 1)
    assert level.mean() == pytest.approx(r, rel=0.1) and 1.9 * r < level.max() < 2 * r


def test_photographs_are_hidden_in_their_share_and_in_clean_latents_no_more_than_at_500() -> None:
    t = torch.arange(1000)
    level = unet.photograph_level(unet.ALPHA_BAR[t], 0.3, torch.Generator().manual_seed(0))
    assert (level > 0).float().mean() == pytest.approx(0.3, abs=0.05)
    assert level.max() <= 0.6
    assert unet.photograph_level(unet.ALPHA_BAR[t], 0.0, torch.Generator()).max() == 0


@pytest.fixture
def resident(tmp_path):
    """Three examples whose values say which example, kind and caption they are."""
    here = np.arange(3.0) / 10
    shapes = {"latents": (2, 4, 16, 16), "photographs": (2, 4, 16, 16), "artists": (NUMBERS,)}
    files = {
        name: GrowingArray(tmp_path / name, shape, "float32") for name, shape in shapes.items()
    }
    files["captions"] = GrowingArray(tmp_path / "captions", (2, 5), "int16")
    for name, shape in shapes.items():
        values = here.reshape(3, *[1] * len(shape)) + 100 * (name == "photographs")
        files[name].append(np.broadcast_to(values, (3, *shape)))
    files["captions"].append(np.broadcast_to(np.array([[1], [2]]), (3, 2, 5)))
    data = Resident(files, 8, "cpu")
    data.grow()
    return data


def test_the_loss_hides_the_photograph_of_the_same_scene_and_side(resident):
    given = {}

    def forward(z0, t, noise, ids, artists):
        given.update(z0=z0, noise=noise, ids=ids, artists=artists)

    run = SimpleNamespace(
        fit=TrainSettings(batch=64), generator=torch.Generator().manual_seed(0), forward=forward,
        device=torch.device("cpu"), model=SimpleNamespace(alpha_bar=unet.ALPHA_BAR),
    )  # fmt: skip
    empty = torch.full((1, 5), 9)
    unet.loss(run, resident, empty, 0.0, UNet(coarse_level=0.0, photograph_share=0.5))
    means = given["noise"].mean((1, 2, 3))
    assert 20 < (means.abs() > 1).sum() < 44  # half of 64
    assert means.max() < 61
    settings = UNet(coarse_level=0.0, photograph_share=0.0, named_share=0.5, empty_share=0.25)
    unet.loss(run, resident, empty, 0.0, settings)
    assert given["noise"].mean((1, 2, 3)).abs().max() < 1
    described, named, without = ((given["ids"] == word).all(1).sum() for word in (1, 2, 9))
    assert described + named + without == 64
    assert 12 < named < 36 and 12 < described < 36 and 6 < without < 28
    assert torch.allclose(given["artists"].mean(1), given["z0"].mean((1, 2, 3)), atol=0.02)


def test_a_pool_has_photographs_names_and_numbers_of_its_scenes(tmp_path):
    pool = Pool(tmp_path / "pool")
    pool.append(paint_chunk(0, 12, BROAD_SHARES))
    assert (pool.texts(0), pool.texts(1)) == (captions_of(12), captions_of(12, 1))
    for seed, photograph, numbers in zip(
        range(12), pool.photographs.view(), pool.artists.view(), strict=True
    ):
        scene, style, _ = sample_example(seed, BROAD_SHARES)
        assert np.array_equal(photograph, np.asarray(paint(scene)))
        assert np.array_equal(numbers, np.zeros(NUMBERS) if style is None else style_numbers(style))


def test_an_artists_numbers_say_all_that_is_seen_of_a_style():
    plain = Style(palette=("black", "grey", "white"))
    same = [
        Style(palette=("white", "black", "grey")),
        replace(plain, ink="red"),
        replace(plain, paper="red"),
        replace(plain, length=40),
    ]
    other = [
        Style(palette=("black", "red", "white")),
        replace(plain, outline=2),
        replace(plain, recolour=1),
    ]
    assert all(np.array_equal(style_numbers(style), style_numbers(plain)) for style in same)
    assert not any(np.array_equal(style_numbers(style), style_numbers(plain)) for style in other)
    inked = replace(plain, outline=2)
    assert not np.array_equal(style_numbers(inked), style_numbers(replace(inked, ink="red")))
    for ground in (replace(plain, **{mark: 1}) for mark in ("bare", "wash", "cells", "dots")):
        assert not np.array_equal(
            style_numbers(ground), style_numbers(replace(ground, paper="red"))
        )


def test_an_artist_embedder_begins_near_one_word_and_comes_back_from_its_file(tmp_path):
    made, around = ArtistEmbedder(8), torch.full((8,), 3.0)
    seen = torch.randn(50, NUMBERS)
    made.start(seen, around)
    names = made(seen)
    assert names.shape == (50, 8) and 0 < (names - around).abs().max() < 0.5
    assert len({tuple(name) for name in names.tolist()}) == 50  # each painter has an own name
    made.save(tmp_path / "artist_embedder.safetensors")
    again = ArtistEmbedder.load(tmp_path / "artist_embedder.safetensors")(seen)
    assert torch.allclose(names, again, atol=1e-2)


def text_tower(width):
    from transformers import CLIPTextConfig, CLIPTextModel

    size = {"hidden_size": width, "intermediate_size": width, "num_attention_heads": 1}
    marks = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 2}
    return CLIPTextModel(CLIPTextConfig(vocab_size=4, num_hidden_layers=1, **size, **marks))


def test_the_loss_bounds_the_weight_of_clean_latents_and_raises_that_of_noisy_ones():
    network = unet.build(UNet(channels=(16, 16, 16), heads=2), 4, 16, 8, seed=0)
    names = ArtistEmbedder(8)
    denoising = unet.Denoising(network, text_tower(width=8), names, UNet())
    t = torch.tensor([0, 500, 999])
    z0, noise = torch.randn(2, 3, 4, 16, 16)
    errors, weights = denoising.errors(z0, t, noise, torch.zeros(3, 3, 8))
    clean, middle, noisy = denoising.alpha_bar[t].tolist()
    assert noisy < 0.05 < middle
    assert weights.tolist() == pytest.approx([5 * (1 - clean) / clean**2, 1 / middle, 1 / 0.05])
    ids = torch.tensor([[0, unet.NAME, 2], [0, unet.NAME, 2], [0, 1, 2]])
    styles = torch.randn(3, NUMBERS)
    errors, weights = denoising.errors(z0, t, noise, denoising.read(ids, styles))
    total = denoising(z0, t, noise, ids, styles)
    total.backward()
    assert total.item() == pytest.approx((errors * weights).mean().item())
    assert not [n for n, p in denoising.text.named_parameters() if p.grad is not None]
    learned = {n for n, p in names.named_parameters() if p.grad is not None}
    assert learned == {"base", "inner.weight", "inner.bias", "outer.weight", "outer.bias"}


def test_a_name_is_read_where_a_caption_has_its_place_and_nowhere_else():
    denoising = unet.Denoising(None, text_tower(width=8), ArtistEmbedder(8), UNet())
    ids = torch.tensor([[0, 1, unet.NAME, 2], [0, 1, 3, 2]])
    one, two = (denoising.read(ids, torch.randn(2, NUMBERS)) for _ in range(2))
    assert torch.equal(one[0, :2], two[0, :2])  # what stands before a name cannot see it
    assert not torch.allclose(one[0, 2:], two[0, 2:])
    assert torch.equal(one[1], two[1])


# ------------------------------------------------------------------------ the whole


@pytest.fixture(scope="module")
def pretraining_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paintbox")
    pretraining_run = PretrainingRun(folder / "work", folder / "out", TINY, progress=False)
    pretrain(pretraining_run, TRAINED)
    return pretraining_run


def test_the_parts_make_a_stable_diffusion_pipeline_that_draws(pretraining_run):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(pretraining_run.out)
    pipeline.set_progress_bar_config(disable=True)
    prompt = pretraining_run.pool.texts(0)[0]
    picture = pipeline(prompt, num_inference_steps=2, generator=torch.Generator().manual_seed(0))
    assert picture.images[0].size == (128, 128)
    assert pipeline.safety_checker is None
    assert type(pipeline.image_encoder).__name__ == "CLIPVisionModelWithProjection"


def test_the_painter_loads_and_knows_its_words(pretraining_run):
    painter = Painter.load(pretraining_run.out)
    assert (painter.picture_size, painter.latent_shape, painter.text_length) == (
        128,
        (4, 16, 16),
        40,
    )
    context = painter.embed("a red house in the style of *", torch.zeros(1, 16))
    assert context.shape == (1, 40, 16)
    with pytest.raises(PromptError, match="reddish"):
        painter.embed("a reddish house")


def test_weights_are_small_half_precision_files(pretraining_run):
    from safetensors.torch import load_file

    files = list(pretraining_run.out.rglob("*.safetensors"))
    assert all(file.stat().st_size < 15_000_000 for file in files)
    assert pretraining_run.out / assembly.ARTIST_EMBEDDER in files
    files.remove(pretraining_run.out / assembly.ARTIST_EMBEDDER)  # only for more training
    assert all(t.dtype == torch.float16 for file in files for t in load_file(file).values())
    assert not list(pretraining_run.out.rglob("*.bin"))


def test_the_painter_stores_its_coarse_level_and_diffusers_ignores_it(pretraining_run, caplog):
    from diffusers import DDIMScheduler
    from diffusers.utils import logging

    logging.enable_propagation()
    DDIMScheduler.from_pretrained(pretraining_run.out, subfolder="scheduler")
    logging.disable_propagation()
    assert "not expected" not in caplog.text
    assert Painter.load(pretraining_run.out).schedule.coarse_level == TINY.unet.coarse_level == 0.4


def test_a_second_run_changes_nothing(pretraining_run):
    before = {p: p.read_bytes() for p in pretraining_run.out.rglob("*") if p.is_file()}
    log = (pretraining_run.work / "log.jsonl").read_text(encoding="utf-8")
    again = PretrainingRun(pretraining_run.work, pretraining_run.out, TINY, progress=False)
    pretrain(again, TRAINED)
    assert {p: p.read_bytes() for p in pretraining_run.out.rglob("*") if p.is_file()} == before
    assert (pretraining_run.work / "log.jsonl").read_text(encoding="utf-8") == log
    assert {json.loads(line)["stage"] for line in log.splitlines()} == {
        "autoencoder",
        "text",
        "clip",
        "unet",
        "decoder",
    }


def test_the_vision_tower_is_trained_and_the_text_tower_stays(pretraining_run):
    from safetensors.torch import load_file

    before = load_file(pretraining_run.work / "text/model.safetensors")
    after = load_file(pretraining_run.work / "clip/model.safetensors")
    for name, weights in after.items():
        locked = name.startswith(("text_model", "text_projection"))
        assert torch.equal(weights, before[name]) == locked or weights.ndim == 1, name


def test_artists_names_are_trained_with_the_unet_and_other_words_stay(
    pretraining_run,
):
    from safetensors.torch import load_file

    before = load_file(pretraining_run.work / "clip/model.safetensors")
    painter = Painter.load(pretraining_run.out)
    key = "embeddings.token_embedding.weight"
    old, new = before[f"text_model.{key}"].half(), painter.text_encoder.state_dict()[key].half()
    changed = (old != new).any(1).nonzero().flatten().tolist()
    assert set(painter.tokenizer.convert_ids_to_tokens(changed)) == set(artists())
    names = ArtistEmbedder.load(pretraining_run.out / assembly.ARTIST_EMBEDDER)
    name, style = list(artists().items())[7]
    said = names(torch.from_numpy(style_numbers(style))[None])
    assert torch.allclose(painter.vectors_of(name), said, atol=1e-2)


def test_a_painter_without_names_gets_room_for_them(pretraining_run, tmp_path):
    from transformers import CLIPTokenizer

    clip_model = assembly.load_clip(pretraining_run.out)
    before = clip_model.text_model.embeddings.token_embedding.weight.detach().clone()
    grown = clip.with_room(clip_model, len(before) + 2)
    after = grown.text_model.embeddings.token_embedding.weight
    assert torch.equal(after[:-2], before)
    assert torch.equal(after[-1], before.mean(0)) and torch.equal(after[-2], after[-1])
    words = CLIPTokenizer.from_pretrained(pretraining_run.out / "tokenizer")
    vocabulary = words.get_vocab()
    tokenizer.add(words, [next(iter(artists())), "novum"])
    assert words.get_vocab() == vocabulary | {"novum": len(vocabulary)}


def test_the_decoder_is_tuned_and_the_latents_stay(pretraining_run):
    vae = AutoencoderKL.from_pretrained(pretraining_run.work / "vae").state_dict()
    tuned = Painter.load(pretraining_run.out).vae.state_dict()
    for name, weights in tuned.items():
        same = torch.equal(weights, vae[name].half().float())
        assert same == (not name.startswith(("decoder.", "post_quant_conv."))), name


def test_training_goes_on_from_a_finished_painter(pretraining_run, tmp_path):
    recipe = replace(TINY, fit_unet=TrainSettings(steps=1, batch=2, learning_rate=1e-12))
    again = PretrainingRun(
        tmp_path / "work", tmp_path / "out", recipe, start=pretraining_run.out, progress=False
    )
    with pytest.raises(TrainingError, match="pictures"):
        pretrain(again, ("unet",))
    pretrain(again, ("pictures", "unet", "assemble"))
    old, new = Painter.load(pretraining_run.out), Painter.load(tmp_path / "out")
    assert old.tokenizer.get_vocab() == new.tokenizer.get_vocab()
    for part in ("vae", "text_encoder", "image_encoder", "unet"):
        pair = getattr(old, part).state_dict(), getattr(new, part).state_dict()
        assert all(torch.equal(pair[0][name], pair[1][name]) for name in pair[0])


def test_a_finished_painter_grows_more_latents_and_a_new_unet(pretraining_run, tmp_path):
    more = replace(TINY.autoencoder, latent_channels=6)
    one_step = {f"fit_{name}": TrainSettings(steps=1, batch=2) for name in ("autoencoder", "unet")}
    again = PretrainingRun(
        tmp_path / "work", tmp_path / "out", replace(TINY, autoencoder=more, **one_step),
        start=pretraining_run.out, progress=False,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="'autoencoder' first"):
        pretrain(again, ("assemble",))
    pretrain(again, ("pictures", "autoencoder", "unet", "assemble"))
    assert Painter.load(tmp_path / "out").latent_shape == (6, 16, 16)


def test_an_autoencoder_of_the_right_size_stays_as_it_is(pretraining_run, tmp_path):
    again = PretrainingRun(
        tmp_path / "work", tmp_path / "out", TINY, start=pretraining_run.out, progress=False
    )
    pretrain(again, ("autoencoder",))  # needs no pictures, for it does nothing
    assert not (again.work / "vae").exists()


def test_another_encoder_in_the_same_folder_encodes_everything_again(pretraining_run):
    words = CLIPTokenizer.from_pretrained(pretraining_run.out / "tokenizer")
    other = autoencoder.build(TINY.autoencoder, 128, seed=9)
    encoded = latents.Encoded.of(
        pretraining_run.validation_pool, other, words, pretraining_run.work
    )
    assert len(encoded) == 0 < len(encoded.captions)
    encode_all(encoded, progress=False)
    assert len(encoded) == len(encoded.latents) == len(encoded.pool) > 0


def test_a_painter_whose_artist_embedder_is_lost_keeps_its_names(pretraining_run, tmp_path):
    start = shutil.copytree(pretraining_run.out, tmp_path / "start")
    (start / assembly.ARTIST_EMBEDDER).unlink()
    again = PretrainingRun(tmp_path / "work", tmp_path / "out", TINY, start=start, progress=False)
    pretrain(again, ("assemble",))  # neither pictures nor a trained UNet are there
    old, new = (Painter.load(folder).text_encoder.state_dict() for folder in (start, again.out))
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert not (again.out / assembly.ARTIST_EMBEDDER).exists()


def test_a_new_artist_embedder_depends_on_the_recipe_alone(pretraining_run):
    towers = assembly.load_clip(pretraining_run.out)
    one, two = (new_artist_embedder(pretraining_run, towers).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_stages_say_what_they_lack(tmp_path):
    empty = PretrainingRun(tmp_path / "work", tmp_path / "out", TINY, progress=False)
    with pytest.raises(TrainingError, match="unknown stages"):
        pretrain(empty, ("paint",))
    with pytest.raises(TrainingError, match="'autoencoder' first"):
        pretrain(empty, ("assemble",))
    assert not (tmp_path / "out").exists()
