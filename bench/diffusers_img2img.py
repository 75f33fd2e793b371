"""Diffusers' pipeline that repaints a picture, with our picture and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image

from inst_tutorial.painter import Painter
from inst_tutorial.style_transfer import TransferSettings


def pipeline_of_folder(folder: Path, device: torch.device) -> Any:
    """The pipeline as its users load it."""
    from diffusers import StableDiffusionImg2ImgPipeline

    return StableDiffusionImg2ImgPipeline.from_pretrained(folder).to(device)


def pipeline_of_painter(painter: Painter, scheduler: Mapping[str, Any]) -> Any:
    """The pipeline with a painter's own parts, so that they are in memory once."""
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    return StableDiffusionImg2ImgPipeline(
        vae=painter.vae,
        text_encoder=painter.text_encoder,
        tokenizer=painter.tokenizer,
        unet=painter.unet,
        scheduler=DDIMScheduler(**scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def img2img(pipeline: Any, content: Image, settings: TransferSettings) -> Callable[..., Any]:
    """A call of the pipeline with our prompt, picture, strength, guidance and steps.

    What comes back takes more options of the pipeline, and returns its pictures.
    """
    pipeline.set_progress_bar_config(disable=True)

    def run(**options: Any) -> Any:
        return pipeline(
            settings.prompt,
            image=content,
            strength=settings.strength,
            guidance_scale=settings.guidance,
            num_inference_steps=settings.steps,
            **options,
        ).images

    return run
