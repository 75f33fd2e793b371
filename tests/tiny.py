"""Builders of tiny random painters: Stable Diffusion's layouts with random weights.

Both paint 32x32 pictures. Their words are in `TOY_WORDS`; unknown words fall into bytes, as in
Stable Diffusion. The fixtures in conftest.py save them as diffusers folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

TOY_TEXT = (
    "* ! , a an the in of on with style painting photo picture house tree boat cat castle sea "
    "field red blue green yellow warm cold short long dabs strokes washes ink dots"
)
TOY_WORDS = TOY_TEXT.split()
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
SD_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SD_SCHEDULE = {**SD_BETAS, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}


def toy_tokenizer(pad: str = EOS, max_length: int = 77) -> CLIPTokenizer:
    """A CLIP tokenizer, byte-level like the real one, in which each toy word is one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=10_000, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator(TOY_WORDS * 2, trainer)
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    pieces = [*bytes_, *(byte + "</w>" for byte in bytes_), *("".join(pair) for pair in merges)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*pieces, BOS, EOS]))}
    return CLIPTokenizer(
        vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=max_length
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Models initialise from the global generator: put it at `seed` inside, back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def tiny_unet(**layout: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        norm_num_groups=4,
        **layout,
    )


def tiny_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        sample_size=32,
        latent_channels=4,
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.31,
    )


def tiny_text_encoder(tokenizer: CLIPTokenizer, **layout: Any) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id")}
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=77,
        pad_token_id=tokenizer.pad_token_id,
        **ids,
        **layout,
    )
    model = CLIPTextModel(config)
    model.get_input_embeddings().weight.data.mul_(20)  # words that differ visibly
    return model


def tiny_image_encoder() -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=7,
        projection_dim=16,
    )
    return CLIPVisionModelWithProjection(config)


def tiny_scheduler(prediction_type: str) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        **SD_SCHEDULE,
        prediction_type=prediction_type,
    )


def tiny_sd1() -> Any:
    """A tiny random StableDiffusionPipeline in the layout of Stable Diffusion 1.x."""
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPImageProcessorPil

    tokenizer = toy_tokenizer()
    with seeded(1):
        return StableDiffusionPipeline(
            vae=tiny_vae(),
            text_encoder=tiny_text_encoder(
                tokenizer,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                hidden_act="quick_gelu",
            ),
            tokenizer=tokenizer,
            unet=tiny_unet(cross_attention_dim=32, attention_head_dim=4),
            scheduler=tiny_scheduler("epsilon"),
            image_encoder=tiny_image_encoder(),
            feature_extractor=CLIPImageProcessorPil(
                size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
            ),
            safety_checker=None,
            requires_safety_checker=False,
        )


def tiny_sd2() -> Any:
    """A tiny random StableDiffusionPipeline in the layout of Stable Diffusion 2.x."""
    from diffusers import StableDiffusionPipeline

    tokenizer = toy_tokenizer(pad="!")
    with seeded(2):
        return StableDiffusionPipeline(
            vae=tiny_vae(),
            text_encoder=tiny_text_encoder(
                tokenizer,
                hidden_size=40,
                intermediate_size=80,
                num_hidden_layers=3,
                num_attention_heads=5,
                hidden_act="gelu",
                projection_dim=16,
            ),
            tokenizer=tokenizer,
            unet=tiny_unet(
                cross_attention_dim=40, attention_head_dim=[2, 4], use_linear_projection=True
            ),
            scheduler=tiny_scheduler("v_prediction"),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def tiny_reader() -> Any:
    """A tiny random StableDiffusionPipeline that reads the captions of the world, as Paintbox."""
    from inst_tutorial.pretraining.data import tokenizer
    from inst_tutorial.world import sample_caption

    pipeline = tiny_sd1()
    tokens = tokenizer.build((sample_caption(seed) for seed in range(500)), 40)
    with seeded(3):
        text = tiny_text_encoder(
            tokens, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4
        )
    pipeline.register_modules(tokenizer=tokens, text_encoder=text)
    return pipeline


def toy_picture(seed: int = 0, size: int = 32) -> Image.Image:
    """A smooth random picture, `size` pixels square; the same for the same seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
