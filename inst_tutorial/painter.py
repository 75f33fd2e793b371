"""The painter: a frozen latent diffusion model as one object.

All that the method uses of Stable Diffusion is here: picture <-> latent, prompt -> context with
a new word put in, picture -> CLIP's features (`ImageFeatures`), noisy latent -> predicted noise.
The parts are diffusers' and transformers' own classes; their sizes come from their configurations.

Sources: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022,
section 3; Gal et al., "An Image is Worth One Word", 2022, section 3 (the new word); InST,
ldm/modules/encoders/modules.py. Book: chapter "Inside a latent diffusion model".
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from inst_tutorial.checkpoints import read_checkpoint
from inst_tutorial.devices import best_device, upload
from inst_tutorial.folders import VISION
from inst_tutorial.noise_schedule import Schedule, v_to_eps
from inst_tutorial.vision import VisionTower, read_vision_tower

if TYPE_CHECKING:  # for mypy, `from diffusers import` gives classes without methods
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

PLACEHOLDER = "*"
Part = TypeVar("Part", bound=nn.Module)


class PrecisionError(ArithmeticError):
    """Numbers that are NaN or infinite; the message says what helps."""


def help_against_nan(dtype: torch.dtype) -> str:
    """What helps when a painter computes NaN or infinity in a number format."""
    if dtype == torch.float16:
        return "float16 overflows above 65504; load the painter with dtype bfloat16 or float32"
    name = str(dtype).removeprefix("torch.")
    return f"{name} does not overflow, so the word or the painter's weights must be damaged"


class PromptError(ValueError):
    """A prompt that the painter cannot read; the message names the words at fault."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What CLIP's vision tower computes from b pictures.

    pooled: (b, d_v), in the space that pictures and texts share, not normalised.
    patches: (b, n, d_p), the last hidden states, without that of the class token.
    """

    pooled: Tensor
    patches: Tensor


@dataclass(frozen=True, eq=False)
class Tokens:
    """b prompts as numbers.

    ids: (b, L), the tokens. slots: (b, L), which of the new word's k vectors is put at a position,
    or -1 where the ordinary token stays. vectors: k, or 0 without a new word.
    """

    ids: Tensor
    slots: Tensor
    vectors: int


class Painter:
    """A frozen latent diffusion model in Stable Diffusion's layout (1.x, 2.x, Paintbox).

    Pictures are `picture_pm1`: (b, 3, H, W) in [-1, 1]. Latents are scaled as the UNet needs them.
    """

    def __init__(
        self,
        *,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        schedule: Schedule,
        vision_tower: VisionTower | None = None,
        vision: str | Path = VISION,
        source: str = "parts",
        revision: str | None = None,
    ) -> None:
        self.vae, self.text_encoder, self.unet = _freeze(vae), _freeze(text_encoder), _freeze(unet)
        self.tokenizer, self.schedule = tokenizer, schedule
        self.source, self.revision, self.vision = source, revision, vision
        self._vision_tower = (
            None if vision_tower is None else (_freeze(vision_tower[0]), vision_tower[1])
        )
        self._offloaded_to: str | None = None  # the device of parts that are rarely needed

    # ---------------------------------------------------------------- loading

    @classmethod
    def load(
        cls,
        source: str | Path = "paintbox",
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        revision: str | None = None,
        vision: str | Path = VISION,
        config: str | Path | None = None,
    ) -> Painter:
        """The painter at `source`: "paintbox", a diffusers folder, a single .safetensors file, or
        a hub id ("owner/name").

        A hub id needs the network only the first time; `revision` pins a branch, tag or commit,
        and `painter.revision` is the commit that was loaded. Only safetensors are read.
        `vision` is the CLIP tower for checkpoints that have none; it is loaded on first use.
        `config` is for single files: a diffusers folder, or "sd15", "sd21-base", "sd21". Without
        it, the layout is found from the weights; those of 2.x are read as "sd21", at 768 pixels,
        with a warning, because "sd21-base" has the same shapes. Raises PainterError.

        Without a `device` the painter computes on "cuda" if there is one, else on "mps" (Apple's
        graphics), else on "cpu"; the environment variable INST_DEVICE names another default.
        "mps" has not been tried: no such machine was available. It has no float64, so nothing is
        sent there in float64.
        """
        parts = read_checkpoint(source, dtype=dtype, revision=revision, config=config)
        painter = cls(
            vae=parts.vae,
            text_encoder=parts.text_encoder,
            tokenizer=parts.tokenizer,
            unet=parts.unet,
            schedule=parts.schedule,
            vision=parts.tower or vision,
            source=str(source),
            revision=parts.revision,
        )
        return painter.to(device or best_device())

    def to(self, device: str | torch.device) -> Painter:
        """Move the painter to `device`, and return it. What is offloaded stays where it is."""
        for part in (self.text_encoder, self.unet):
            _move(part, device)
        self._rest()
        return self

    def offload(self, to: str = "cpu") -> Painter:
        """Keep the autoencoder and the vision tower on device `to` while they are not needed.

        Returns this painter.
        """
        self._offloaded_to = to
        self._rest()
        return self

    def _rest(self) -> None:
        """Put the parts that may be offloaded where they wait until they are needed."""
        place = self._offloaded_to or self.device
        _move(self.vae, place)
        if self._vision_tower is not None:
            _move(self._vision_tower[0], place)

    @contextmanager
    def _in_place(self, part: nn.Module) -> Iterator[None]:
        """Inside the `with` block, a part that may be offloaded is on the painter's device."""
        if self._offloaded_to is None:
            yield
            return
        part.to(self.device)
        try:
            yield
        finally:
            part.to(self._offloaded_to)

    @property
    def image_encoder(self) -> CLIPVisionModelWithProjection:
        """The CLIP vision tower, loaded on first use. Raises PainterError."""
        return self.vision_tower[0]

    @property
    def vision_tower(self) -> VisionTower:
        """The CLIP vision tower and how its pictures are prepared, loaded on first use.

        Raises PainterError.
        """
        if self._vision_tower is None:
            tower, preprocessing = read_vision_tower(self.vision, self.dtype)
            self._vision_tower = _freeze(tower), preprocessing
            self._rest()
        return self._vision_tower

    # ------------------------------------------------------------------ sizes

    @property
    def device(self) -> torch.device:
        """The device on which the painter computes."""
        return next(self.unet.parameters()).device  # `unet.device` looks at every layer

    @property
    def dtype(self) -> torch.dtype:
        """The number format in which the painter computes."""
        return next(self.unet.parameters()).dtype

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of a latent."""
        config = self.unet.config
        return config["in_channels"], config["sample_size"], config["sample_size"]

    @property
    def picture_size(self) -> int:
        """Width and height of a picture, in pixels."""
        doublings = len(self.vae.config["block_out_channels"]) - 1
        return self.unet.config["sample_size"] * 2**doublings

    @property
    def text_width(self) -> int:
        """d: how many numbers one vector of a word has."""
        return self.text_encoder.config.hidden_size

    @property
    def text_length(self) -> int:
        """L: tokens in a prompt, with its begin and end marks and padding."""
        positions = self.text_encoder.config.max_position_embeddings
        return min(self.tokenizer.model_max_length, positions)

    @property
    def feature_widths(self) -> tuple[int, int]:
        """(d_v, d_p): the widths of `ImageFeatures.pooled` and `ImageFeatures.patches`."""
        config = self.image_encoder.config
        return config.projection_dim, config.hidden_size

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when any weight of the painter does.

        They are of the weights as they are in memory. Paintbox's files are in float16, so float32
        and float16 give the same digits; bfloat16 rounds the weights and gives others.
        """
        return fingerprint(self.vae, self.text_encoder, self.unet, self.image_encoder)

    # ------------------------------------------------------ picture <-> latent

    def moments(self, picture_pm1: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (b, c, h, w) of the latents of a picture (b, 3, H, W)."""
        with torch.no_grad(), self._in_place(self.vae):
            posterior = self.vae.encode(self._here(picture_pm1)).latent_dist
        scale = self.vae.config["scaling_factor"]
        return posterior.mean * scale, posterior.std * scale

    def encode(self, picture_pm1: Tensor) -> Tensor:
        """Picture (b, 3, H, W) -> latent z0 (b, c, h, w), the mean of the posterior."""
        return self.moments(picture_pm1)[0]

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Latent (b, c, h, w) -> picture (b, 3, H, W) in [-1, 1]. Raises PrecisionError."""
        with self._in_place(self.vae):
            picture = self.vae.decode(self._here(latent) / self.vae.config["scaling_factor"]).sample
        if not (picture.is_meta or picture.isfinite().all()):
            raise PrecisionError(
                f"the picture came out NaN or infinite: {help_against_nan(self.dtype)}"
            )
        return picture.clamp(-1, 1)

    # --------------------------------------------------------- picture -> CLIP

    @torch.no_grad()
    def image_features(self, picture_pm1: Tensor) -> ImageFeatures:
        """CLIP's features of square pictures (b, 3, S, S).

        InST's official code casts [-1, 1] straight to uint8 before this step, so CLIP gets an
        almost black picture (ldm/modules/encoders/modules.py:333-337). Here it gets the picture.
        """
        tower, preprocessing = self.vision_tower
        if picture_pm1.shape[-1] != picture_pm1.shape[-2]:
            raise ValueError(
                f"image_features() needs square pictures, got {tuple(picture_pm1.shape)}"
            )
        with self._in_place(tower):
            out = tower(pixel_values=self._here(preprocessing.prepare(picture_pm1)))
        patches = out.last_hidden_state[:, 1:]  # (b, 1 + n, d_p) -> (b, n, d_p)
        return ImageFeatures(out.image_embeds, patches)

    # ------------------------------------------------------- prompt -> context

    def embed(
        self,
        prompts: str | Sequence[str],
        word: Tensor | None = None,
        placeholder: str = PLACEHOLDER,
    ) -> Tensor:
        """Prompts -> context (b, L, d); `placeholder` in them stands for `word` (k, d).

        Gradients flow into `word` only. Raises PromptError.
        """
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        words = None if word is None else word.expand(len(prompts), *word.shape)
        return self.embed_many(prompts, words, placeholder)

    def embed_many(
        self, prompts: Sequence[str], words: Tensor | None, placeholder: str = PLACEHOLDER
    ) -> Tensor:
        """Like `embed`, with one word for each prompt: `words` (b, k, d). Raises PromptError."""
        vectors = 0 if words is None else words.shape[-2]
        return self.embed_tokens(self.tokenize(prompts, vectors, placeholder), words)

    def embed_tokens(self, tokens: Tokens, words: Tensor | None = None) -> Tensor:
        """Tokens of b prompts and their words (b, k, d) -> context (b, L, d).

        Raises PromptError for words of another shape.
        """
        if words is None and tokens.vectors == 0:
            return self.text_encoder(tokens.ids).last_hidden_state
        needed = (len(tokens.ids), tokens.vectors, self.text_width)  # compared without the slots:
        if words is None or words.shape != needed:  # to read those, the CPU would wait for a GPU
            raise PromptError(
                f"these prompts need words of shape {needed} (prompts, vectors, width) for this "
                f"painter, got {None if words is None else tuple(words.shape)}. A word fits the "
                f"painter with which it was learned, and painters that share its text encoder."
            )
        table = self.text_encoder.get_input_embeddings()
        with put_in(table, tokens.slots, words.to(self.device)):
            return self.text_encoder(tokens.ids).last_hidden_state

    def tokenize(
        self, prompts: Sequence[str], vectors: int = 0, placeholder: str = PLACEHOLDER
    ) -> Tokens:
        """Prompts -> tokens, all of length L; the placeholder becomes `vectors` slots.

        If `vectors` is 1 or more, every prompt must contain the placeholder; if it is 0, none may.
        Raises PromptError.
        """
        rows = [self._slots(prompt, vectors, placeholder) for prompt in prompts]
        pairs = torch.tensor(rows, device=self.device)  # (b, L, 2)
        ids, slots = pairs.unbind(-1)  # (b, L) each
        return Tokens(ids, slots, vectors)

    def vectors_of(self, text: str) -> Tensor:
        """The vectors (n, d) of the n tokens of `text` in the text encoder's table.

        Raises PromptError.
        """
        ids = self._ids(text)
        if not ids:
            raise PromptError(f"the text {text!r} has no words: give one or more, as 'painting'")
        table = self.text_encoder.get_input_embeddings()
        return table(torch.tensor(ids, device=self.device))

    def _slots(self, prompt: str, vectors: int, placeholder: str) -> list[tuple[int, int]]:
        """One prompt as L pairs (token id, slot)."""
        texts = prompt.split(placeholder)
        if vectors and len(texts) == 1:
            raise PromptError(
                f"the prompt {prompt!r} does not say where the new word stands: "
                f"put {placeholder!r} into it, as in 'a house in the style of {placeholder}'"
            )
        if not vectors and len(texts) > 1:
            raise PromptError(f"the prompt {prompt!r} has {placeholder!r} but no word was given")
        end = self.tokenizer.eos_token_id
        word = [(end, slot) for slot in range(vectors)]
        row = [(id_, -1) for id_ in self._ids(texts[0])]
        for text in texts[1:]:
            row += word + [(id_, -1) for id_ in self._ids(text)]
        unused = self.text_length - 2 - len(row)
        if unused < 0:
            raise PromptError(
                f"the prompt {prompt!r} has {len(row)} tokens; this painter reads at most "
                f"{self.text_length - 2}. Shorten it"
                + (f", or give the word fewer vectors than {vectors}" if vectors > 1 else "")
            )
        padding = [(self.tokenizer.pad_token_id, -1)] * unused
        return [(self.tokenizer.bos_token_id, -1), *row, (end, -1), *padding]

    def _ids(self, text: str) -> list[int]:
        """Token ids of a text, without begin and end marks. Raises PromptError."""
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        if self.tokenizer.unk_token_id in ids:
            raise PromptError(self._unknown(text))
        return ids

    def _unknown(self, text: str) -> str:
        """The message for words outside the vocabulary, with similar spellings."""
        unknown = self.tokenizer.unk_token_id
        pieces = re.findall(r"\w+|[^\w\s]+", text)
        unknown_pieces = [p for p in pieces if unknown in self.tokenizer(p).input_ids[1:-1]]
        vocabulary = [token.removesuffix("</w>") for token in self.tokenizer.get_vocab()]
        lines = []
        for piece in unknown_pieces or [text]:
            similar = difflib.get_close_matches(piece.lower(), vocabulary)
            lines.append(f"{piece!r} (similar: {', '.join(similar) or 'no word'})")
        return (
            f"not in this painter's vocabulary: {'; '.join(lines)}. `inst info --words` lists the "
            f"vocabulary"
        )

    # --------------------------------------------------------- predicted noise

    def predict_noise(self, z_t: Tensor, t: int | Tensor, context: Tensor) -> Tensor:
        """Noise eps (b, c, h, w) in z_t (b, c, h, w) at timestep t (int or (b,)), given (r, L, d).

        Each of the r rows of the context serves b / r neighbours in the batch. The velocity that
        Stable Diffusion 2.x predicts is converted to noise.
        """
        timestep = self._timestep(t)
        context = context.to(self.dtype).repeat_interleave(len(z_t) // len(context), 0)  # (b, L, d)
        out = self.unet(self._here(z_t), timestep, encoder_hidden_states=context).sample
        if self.schedule.prediction_type == "v_prediction":
            return v_to_eps(self.schedule, z_t, t, out)
        return out

    def _timestep(self, t: int | Tensor) -> Tensor:
        """Timesteps on the painter's device: () of an int, (b,) of (b,)."""
        if isinstance(t, Tensor):
            return upload(t, self.device) if t.is_cpu else t
        return torch.full((), t, device=self.device)  # filled in there: nothing is copied

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, self.dtype)


# ------------------------------------------------------------------------ the new word


def fingerprint(*parts: nn.Module) -> str:
    """16 hexadecimal digits that change when any weight of these parts does."""
    digest = hashlib.sha256()
    for part in parts:
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def put_in(table: nn.Module, slots: Tensor, words: Tensor) -> Iterator[None]:
    """Inside the `with` block, the embedding table returns the words' vectors at their slots.

    slots: (b, L), see `Tokens`. words: (b, k, d).
    """
    rows = slots.clamp(min=0)[..., None].expand(-1, -1, words.shape[-1])  # (b, L, d)
    vectors = words.gather(1, rows)  # (b, k, d) -> (b, L, d)

    def replace(module: nn.Module, args: Any, embedded: Tensor) -> Tensor:
        return torch.where(slots[..., None] >= 0, vectors.to(embedded), embedded)

    handle = table.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


# ------------------------------------------------------------------------------ its parts


def _freeze(part: Part) -> Part:
    """Turn off a part's dropout and gradients, and choose the fastest memory format; return it."""
    part.eval().requires_grad_(False)
    return laid_out(part, torch.channels_last)


def laid_out(part: Part, memory_format: torch.memory_format) -> Part:
    """Store a part's weights in memory in the order `memory_format`; return the part."""
    module: Any = part  # mypy does not know `to(memory_format=)`
    return module.to(memory_format=memory_format)


def _move(part: nn.Module, device: str | torch.device) -> None:
    part.to(device)
