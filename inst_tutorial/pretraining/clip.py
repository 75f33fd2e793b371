"""CLIP: a text tower and a vision tower that agree on which caption belongs to which picture.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", 2021, section 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from inst_tutorial.pretraining.autoencoder import Array, to_pm1
from inst_tutorial.pretraining.settings import Clip
from inst_tutorial.pretraining.training import Training, seeded

if TYPE_CHECKING:
    from transformers import CLIPTokenizer


def build(settings: Clip, tokenizer: CLIPTokenizer, picture_size: int, seed: int) -> Any:
    """A new CLIPModel."""
    from transformers import CLIPConfig, CLIPModel

    tower = {
        "hidden_size": settings.width,
        "intermediate_size": 4 * settings.width,
        "num_attention_heads": settings.heads,
        "projection_dim": settings.projection,
    }
    text = tower | {
        "num_hidden_layers": settings.text_layers,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": settings.text_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = tower | {
        "num_hidden_layers": settings.vision_layers,
        "image_size": picture_size,
        "patch_size": settings.patch,
    }
    with seeded(seed):
        return CLIPModel(
            CLIPConfig(text_config=text, vision_config=vision, projection_dim=settings.projection)
        )


def tokenize(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> NDArray[np.int64]:
    """Captions -> ids (n, L), padded. Raises ValueError for a caption that is too long."""
    ids = tokenizer(list(captions), padding="max_length", return_tensors="np").input_ids
    if ids.shape[1] != tokenizer.model_max_length:
        raise ValueError(
            f"a caption has {ids.shape[1]} tokens, at most {tokenizer.model_max_length} fit: "
            f"raise Clip.text_length"
        )
    return ids


class Matching(nn.Module):
    """The symmetric contrastive loss. Its parameters are those of `clip`."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, picture_pm1: Tensor, ids: Tensor) -> Tensor:
        """Loss of a batch in which picture i belongs to caption i."""
        scores = similarity(self.clip, picture_pm1, ids)
        truth = torch.arange(len(ids), device=ids.device)
        return (F.cross_entropy(scores, truth) + F.cross_entropy(scores.T, truth)) / 2


def similarity(clip: Any, picture_pm1: Tensor, ids: Tensor) -> Tensor:
    """Cosines of pictures (a, 3, H, W) and captions (b, L), times the scale: (a, b)."""
    seen = clip.visual_projection(clip.vision_model(picture_pm1).pooler_output)
    read = clip.text_projection(clip.text_model(ids).pooler_output)
    scale = clip.logit_scale.clamp(max=4.6).exp()  # at most 100, as in the paper
    return scale * F.normalize(seen.float(), dim=-1) @ F.normalize(read.float(), dim=-1).T


def loss(run: Training, pictures: Array, ids: NDArray[np.int64]) -> Tensor:
    """The loss of one batch, half of it mirrored (captions know no left and right)."""
    b = run.fit.batch
    draw = torch.randint(run.examples, (b,), generator=run.generator, device=run.device)
    index = draw.cpu().numpy()
    batch = to_pm1(pictures[index], run.device)
    mirrored = torch.rand(b, 1, 1, 1, generator=run.generator, device=run.device) < 0.5
    batch = torch.where(mirrored, batch.flip(-1), batch)
    return run.forward(batch, torch.from_numpy(ids[index]).to(run.device))


@torch.no_grad()
def top1(clip: Any, pictures: Array, ids: NDArray[np.int64], device: torch.device) -> list[bool]:
    """For groups of 100 pictures with distinct captions: was each one's own the nearest?"""
    hits: list[bool] = []
    first = np.unique(ids, axis=0, return_index=True)[1]  # one picture of each caption
    first.sort()
    for start in range(0, len(first) - 99, 100):
        group = first[start : start + 100]
        batch = to_pm1(pictures[group], device)
        scores = similarity(clip, batch, torch.from_numpy(ids[group]).to(device))
        hits += (scores.argmax(1).cpu() == torch.arange(100)).tolist()
    return hits


@torch.no_grad()
def contexts(text_model: Any, ids: NDArray[np.int64], device: torch.device) -> Tensor:
    """What the UNet reads: last hidden states (n, L, d) of captions."""
    text_model.eval()
    return text_model(torch.from_numpy(ids).to(device)).last_hidden_state.float()
