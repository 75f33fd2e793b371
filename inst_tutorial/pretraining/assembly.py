"""Parts -> Paintbox: half precision, small shards, Stable Diffusion's layout, swapped in whole."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from inst_tutorial.pretraining.data.style_numbers import style_numbers
from inst_tutorial.pretraining.networks.artist_embedder import ArtistEmbedder
from inst_tutorial.pretraining.networks.unet import SCHEDULER
from inst_tutorial.world import artists

SHARD = "14MB"
ARTIST_EMBEDDER = "clip/artist_embedder.safetensors"
MEAN_STD = (0.5, 0.5, 0.5)  # the vision tower sees pictures in [-1, 1]


@contextmanager
def swapped(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` that takes its place on success."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)


def assemble(
    out: Path,
    *,
    vae: Any,
    clip: Any,
    tokenizer: Any,
    unet: Any,
    artist_embedder: ArtistEmbedder | None,
    coarse_level: float,
) -> None:
    """Write the painter to `out`; other files there (a model card, samples) are kept.

    `clip` becomes text_encoder, image_encoder, and clip/ (the text's projection into the space
    shared with pictures, and the scale), which only zero-shot recognition needs. `artist_embedder`
    makes the vectors of the artists' names, which become words, and is kept in clip/ for more
    training; None leaves the words as they are. `coarse_level` is that of the training; learning
    a word uses it, too.
    """
    if artist_embedder is not None:
        name_artists(clip, tokenizer, artist_embedder)
    with swapped(out) as folder:
        if out.is_dir():
            shutil.copytree(
                out, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors*")
            )
        _pipeline(vae, clip, tokenizer, unet).save_pretrained(folder, max_shard_size=SHARD)
        for part in ("text_encoder", "image_encoder"):
            _change(folder / part / "config.json", dtype="float32")
        for config in folder.glob("*/config.json"):
            _change(config, _name_or_path=None)
        _change(folder / "scheduler/scheduler_config.json", _coarse_level=coarse_level)
        (folder / "clip").mkdir(exist_ok=True)
        shared = {
            "text_projection": clip.text_projection.weight.detach().half().cpu().contiguous(),
            "logit_scale": clip.logit_scale.detach().half().cpu(),
        }
        save_file(shared, folder / "clip/projection.safetensors")
        if artist_embedder is not None:
            artist_embedder.save(folder / ARTIST_EMBEDDER)


@torch.no_grad()
def name_artists(clip: Any, tokenizer: Any, artist_embedder: ArtistEmbedder) -> None:
    """Put the names of the world's artists into the text tower's table of words."""
    rows = tokenizer.convert_tokens_to_ids(list(artists()))
    known = torch.from_numpy(np.stack([style_numbers(style) for style in artists().values()]))
    clip.text_model.embeddings.token_embedding.weight[rows] = artist_embedder(known)


def _pipeline(vae: Any, clip: Any, tokenizer: Any, unet: Any) -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from transformers import CLIPImageProcessorPil, CLIPTextModel, CLIPVisionModelWithProjection

    text = CLIPTextModel(clip.config.text_config)
    text.load_state_dict(clip.text_model.state_dict())
    vision_tower = CLIPVisionModelWithProjection(clip.config.vision_config)
    vision_tower.vision_model.load_state_dict(clip.vision_model.state_dict())
    vision_tower.visual_projection.load_state_dict(clip.visual_projection.state_dict())
    size = clip.config.vision_config.image_size
    return StableDiffusionPipeline(
        vae=_half(vae),
        text_encoder=_half(text),
        tokenizer=tokenizer,
        unet=_half(unet),
        scheduler=DDIMScheduler(**SCHEDULER),
        image_encoder=_half(vision_tower),
        feature_extractor=CLIPImageProcessorPil(
            size={"shortest_edge": size},
            crop_size={"height": size, "width": size},
            image_mean=MEAN_STD,
            image_std=MEAN_STD,
        ),
        safety_checker=None,
        requires_safety_checker=False,
    )


def _change(config: Path, **changes: str | float | None) -> None:
    """Change values in a part's config; None drops them.

    Parts stored in half precision are loaded in single precision, as diffusers does with its own;
    the folder that a part was read from is dropped: it would leak a local path.
    """
    values = json.loads(config.read_text(encoding="utf-8")) | changes
    kept = {
        name: value for name, value in values.items() if value is not None or name not in changes
    }
    config.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _half(model: Any) -> Any:
    torch.nn.Module.to(model, "cpu", torch.float16)  # diffusers' `to` would warn of no part at all
    return model.to(memory_format=torch.contiguous_format).eval()


def load_clip(folder: Path) -> Any:
    """Put the CLIPModel together again from an assembled painter."""
    from safetensors.torch import load_file
    from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPVisionModelWithProjection

    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    vision_tower = CLIPVisionModelWithProjection.from_pretrained(
        folder / "image_encoder", dtype=torch.float32
    )
    shared = load_file(folder / "clip/projection.safetensors")
    config = CLIPConfig(
        text_config=text.config.to_dict(),
        vision_config=vision_tower.config.to_dict(),
        projection_dim=vision_tower.config.projection_dim,
    )
    clip = CLIPModel(config)
    clip.text_model.load_state_dict(text.state_dict())
    clip.vision_model.load_state_dict(vision_tower.vision_model.state_dict())
    clip.visual_projection.load_state_dict(vision_tower.visual_projection.state_dict())
    clip.text_projection.load_state_dict({"weight": shared["text_projection"].float()})
    clip.logit_scale.data.copy_(shared["logit_scale"].float())
    return clip
