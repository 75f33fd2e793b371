"""CLIP: a text tower and a vision tower that agree on which caption belongs to which picture.

They are trained one after the other. First the text tower, from captions alone: two captions of
one picture belong together (Gao et al., "SimCSE", 2021), and captions in which one thing is
wrong do not (Yuksekgonul et al., "When and Why Vision-Language Models Behave like
Bags-of-Words", 2023). Then the vision tower, beside the text tower that stays as it is (Zhai
et al., "LiT: Zero-Shot Transfer with Locked-image text Tuning", 2022, the other way round).
Trained together from nothing, both towers tell pictures apart by their colours and never
look at the subject. Source of CLIP: Radford et al., "Learning Transferable Visual Models From
Natural Language Supervision", 2021, section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from inst_tutorial.pretraining.networks.autoencoder import Array, to_pm1
from inst_tutorial.pretraining.settings import Clip
from inst_tutorial.pretraining.training import Training, seeded
from inst_tutorial.world import SUBJECTS, with_article

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


def with_room(clip: Any, tokens: int) -> Any:
    """The model with an embedding for each of `tokens` tokens; new ones are all at the mean."""
    embeddings = clip.text_model.embeddings
    table = embeddings.token_embedding.weight.detach()
    more = table.mean(0).expand(tokens - len(table), -1)
    embeddings.token_embedding = nn.Embedding.from_pretrained(
        torch.cat([table, more]), freeze=False
    )
    clip.config.text_config.vocab_size = clip.text_model.config.vocab_size = tokens
    return clip


# ---------------------------------------------------------------------- the text tower


class Describing(nn.Module):
    """The contrastive loss among captions. Its parameters are those of `clip`; the vision
    tower's are fixed."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip.requires_grad_(True)
        clip.vision_model.requires_grad_(False)
        clip.visual_projection.requires_grad_(False)

    def forward(self, ids: Tensor) -> Tensor:
        """Loss of captions (b, 4, L): said, full, one part wrong, style wrong."""
        b, scale = len(ids), scale_of(self.clip)
        said, *full = read(self.clip, ids.transpose(0, 1).flatten(0, 1)).split(b)  # (b, p) each
        scores = scale * said @ torch.cat(full).T  # (b, 3 b)
        truth = torch.arange(b, device=ids.device)
        return (F.cross_entropy(scores, truth) + F.cross_entropy(scores[:, :b].T, truth)) / 2


def text_loss(run: Training, ids: NDArray[np.int64]) -> Tensor:
    """The loss of one batch of captions with hard negatives (n, 4, L)."""
    return run.forward(torch.from_numpy(ids[_draw(run)]).to(run.device))


@torch.no_grad()
def caption_accuracy(clip: Any, ids: NDArray[np.int64], device: torch.device) -> float:
    """How often a said caption is nearest to its own full one, among all full and wrong ones.

    ids: captions with hard negatives (n, 4, L), as `hard_negatives` makes them. Returns 0 to 1.
    """
    said, *full = [read(clip, torch.from_numpy(ids[:, k]).to(device)) for k in range(4)]
    nearest = (said @ torch.cat(full).T).argmax(1).cpu()
    return float((nearest == torch.arange(len(ids))).float().mean())


# -------------------------------------------------------------------- the vision tower


class Matching(nn.Module):
    """The losses of pictures beside a locked text tower. Its parameters are those of `clip`."""

    def __init__(self, clip: Any, settings: Clip) -> None:
        super().__init__()
        self.clip, self.settings = clip.requires_grad_(True), settings
        clip.text_model.requires_grad_(False)
        clip.text_projection.requires_grad_(False)

    def forward(
        self, picture_pm1: Tensor, subject: Tensor, subjects: Tensor, captions: Tensor
    ) -> Tensor:
        """Which subject, and which caption?

        `subject` (b,) is an index into the texts `subjects` (s, p), or -1 where the caption
        names none; the own caption of picture i is row i of the texts `captions` (n, p).
        """
        seen, scale = see(self.clip, picture_pm1), scale_of(self.clip)
        what = F.cross_entropy(scale * seen @ subjects.T, subject, ignore_index=-1)
        places = torch.arange(len(seen), device=seen.device)
        which = F.cross_entropy(scale * seen @ captions.T, places)
        return what + self.settings.caption_weight * which


@dataclass(frozen=True)
class Texts:
    """What a locked text tower makes of captions: unit vectors (n, p), which subject each names
    (n,) or -1, and unit vectors of all subjects (s, p)."""

    captions: Tensor
    subject: Tensor
    subjects: Tensor

    def __len__(self) -> int:
        return len(self.captions)


@torch.no_grad()
def texts(
    clip: Any, tokenizer: CLIPTokenizer, captions: Sequence[str], device: torch.device
) -> Texts:
    """Captions, read once."""
    ids = tokenize(tokenizer, captions)
    with torch.autocast(device.type, torch.bfloat16):
        parts = [read(clip, torch.from_numpy(chunk).to(device)) for chunk in _chunks(ids)]
    names = tokenize(tokenizer, [with_article(name) for name in SUBJECTS])
    return Texts(
        torch.cat(parts),
        torch.from_numpy(subjects_of(tokenizer, ids)).to(device),
        read(clip, torch.from_numpy(names).to(device)),
    )


def subjects_of(tokenizer: CLIPTokenizer, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Captions (n, L) -> index of the subject that each names, or -1: (n,)."""
    subjects = np.array(tokenizer.convert_tokens_to_ids(list(SUBJECTS)))
    named = (ids[:, :, None] == subjects).any(1)  # (n, L, s) -> (n, s)
    return np.where(named.any(1), named.argmax(1), -1)


def loss(run: Training, pictures: Array, read: Texts, settings: Clip) -> Tensor:
    """The loss of one batch, half of it mirrored (captions know no left and right). Each
    picture's caption is to be found among those of the batch and `settings.other_captions` more."""
    index = _draw(run)
    batch = to_pm1(pictures[index], run.device)
    mirrored = torch.rand(len(batch), 1, 1, 1, generator=run.generator, device=run.device) < 0.5
    batch = torch.where(mirrored, batch.flip(-1), batch)
    more = torch.randint(
        run.examples, (settings.other_captions,), generator=run.generator, device=run.device
    )
    drawn = torch.from_numpy(index).to(run.device)
    captions = read.captions[torch.cat([drawn, more])]
    return run.forward(batch, read.subject[drawn], read.subjects, captions)


@torch.no_grad()
def retrieval_accuracy(
    clip: Any, pictures: Array, read: Texts, device: torch.device
) -> dict[str, float]:
    """Shares of right answers: the caption among 100 distinct ones, and the subject."""
    seen = torch.cat([see(clip, to_pm1(chunk, device)) for chunk in _chunks(pictures)])
    named = read.subject >= 0
    right = (seen @ read.subjects.T).argmax(1) == read.subject
    found = {"subject": float(right[named].float().mean())}
    first = np.unique(read.captions.cpu().numpy(), axis=0, return_index=True)[1]
    groups = torch.from_numpy(np.sort(first)).to(device).split(100)
    top1 = [
        (seen[g] @ read.captions[g].T).argmax(1) == torch.arange(100, device=device)
        for g in groups
        if len(g) == 100
    ]
    return found | ({"top1": float(torch.cat(top1).float().mean())} if top1 else {})


# --------------------------------------------------------------------------- both towers


def read(clip: Any, ids: Tensor) -> Tensor:
    """Captions (n, L) -> unit vectors (n, p)."""
    return F.normalize(clip.text_projection(clip.text_model(ids).pooler_output).float(), dim=-1)


def see(clip: Any, picture_pm1: Tensor) -> Tensor:
    """Pictures (n, 3, H, W) -> unit vectors (n, p)."""
    pooled = clip.vision_model(picture_pm1).pooler_output
    return F.normalize(clip.visual_projection(pooled).float(), dim=-1)


def scale_of(clip: Any) -> Tensor:
    """The factor on cosines: at most 100, as in the paper."""
    return clip.logit_scale.clamp(max=4.6).exp()


def _draw(run: Training) -> NDArray[np.int64]:
    draw = torch.randint(run.examples, (run.fit.batch,), generator=run.generator, device=run.device)
    return draw.cpu().numpy()


def _chunks(rows: Any) -> Iterator[Any]:
    for start in range(0, len(rows), 64):
        yield rows[start : start + 64]
