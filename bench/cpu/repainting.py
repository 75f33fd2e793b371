"""How repainting is measured: our transfer beside diffusers' pipeline, by turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch

from bench.cpu.workload import CONTENT, PROMPT, CpuWorkload, Result
from bench.diffusers_img2img import img2img, pipeline_of_folder
from bench.timing import Work, ratio
from inst_tutorial.folders import PAINTBOX
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.style_transfer import TransferSettings, repaint, transfer
from inst_tutorial.world import paint

SETTINGS = TransferSettings(prompt=PROMPT, inversion="noise")  # img2img, without a word


def repainting(workload: CpuWorkload) -> Result:
    """Our transfer without a word (img2img) against diffusers' pipeline."""
    painter, content = workload.painter, paint(CONTENT)
    stochastic = TransferSettings(prompt=PROMPT)
    theirs = their_repainting(painter)
    works: dict[str, Work] = {
        "ours": lambda: transfer(painter, content, None, SETTINGS),
        "diffusers": theirs,
        "ours, stochastic inversion": lambda: transfer(painter, content, None, stochastic),
    }
    result: Result = {**workload.timer.alternate(works, workload.runs)}
    result["ratio ours / diffusers"] = ratio(result["ours"], result["diffusers"])
    result["largest difference of latents"] = difference(painter, theirs)
    return result


def their_repainting(painter: Painter) -> Callable[..., Any]:
    """Diffusers' pipeline with Paintbox and the same settings, on the painter's device."""
    return img2img(pipeline_of_folder(PAINTBOX, painter.device), paint(CONTENT), SETTINGS)


def difference(painter: Painter, theirs: Callable[..., Any]) -> float:
    """Between our latent and the pipeline's, when it, too, takes the mean of the encoding."""
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution as Posterior

    with patch.object(Posterior, "sample", lambda self, generator=None: self.mean):
        generator = torch.Generator().manual_seed(SETTINGS.seed)
        latent = theirs(generator=generator, output_type="latent")
    ours = repaint(painter, to_tensor([paint(CONTENT)]), None, SETTINGS).latent
    return round((ours - latent).abs().max().item(), 6)
