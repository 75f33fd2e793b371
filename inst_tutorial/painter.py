"""The painter: a frozen latent diffusion model, and the only door to it.

Everything the method touches of Stable Diffusion is here: picture <-> latent, prompt -> context
with a new word put in, picture -> CLIP tokens (`ImageFeatures`), predicted noise. The parts are
diffusers' and transformers' own; their sizes are read from their configurations.

Sources: Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022,
section 3; Gal et al., "An Image is Worth One Word", 2022, section 4 (the new word); InST,
ldm/modules/encoders/modules.py. Book: chapter "Inside a latent diffusion model".
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inst_tutorial.checkpoints import PICKLES, PainterError, read_single_file
from inst_tutorial.schedule import Schedule, ScheduleError, v_to_eps

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

PLACEHOLDER = "*"
PAINTBOX = Path(__file__).parent / "paintbox"
VISION = "openai/clip-vit-large-patch14"  # the tower that InST's official code uses
VISION_REVISION = "32bd64288804d66eefd0ccbe215aa642df71cc41"
PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
VISION_PARTS = ("image_encoder", "feature_extractor")
TOKENIZER_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")


class PrecisionError(ArithmeticError):
    """Numbers that overflowed; the text says which number format would hold them."""


class PromptError(ValueError):
    """A prompt that the painter cannot read; the text names the words at fault."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """How CLIP sees pictures: `pooled` (b, d_v) in the space shared with texts, not normalised,
    and `patches` (b, n, d_p), the vision tower's last hidden states without the class token."""

    pooled: Tensor
    patches: Tensor


@dataclass(frozen=True, eq=False)
class Tokens:
    """Prompts as numbers: `ids` (b, L), and `slots` (b, L) saying which of a word's k vectors
    stands at a position; -1 where an ordinary token stands."""

    ids: Tensor
    slots: Tensor


class Painter:
    """A frozen latent diffusion model in Stable Diffusion's layout (1.x, 2.x, Paintbox).

    Pictures are `picture_pm1`: (b, 3, H, W) in [-1, 1]. Latents are scaled: what the UNet sees.
    """

    def __init__(
        self,
        *,
        vae: Any,
        text_encoder: Any,
        tokenizer: CLIPTokenizer,
        unet: Any,
        schedule: Schedule,
        vision_tower: tuple[Any, ImagePreprocessing] | None = None,
        vision: str | Path = VISION,
        source: str = "parts",
        revision: str | None = None,
    ) -> None:
        self.vae, self.text_encoder, self.unet = map(_freeze, (vae, text_encoder, unet))
        self.tokenizer, self.schedule = tokenizer, schedule
        self.source, self.revision, self.vision = source, revision, vision
        self._vision_tower = (
            None if vision_tower is None else (_freeze(vision_tower[0]), vision_tower[1])
        )
        self._resting: str | None = None  # where parts wait that are not needed all the time

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

        A hub id needs the network the first time only; `revision` pins a branch, tag or commit,
        and `painter.revision` says which commit was loaded. Only safetensors are read.
        `vision` names the CLIP tower of checkpoints that have none; it is loaded when first used.
        `config` is for single files: a diffusers folder, or "sd15", "sd21-base", "sd21"
        (default: told from the weights). Raises PainterError.
        """
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if Path(source).is_file() or Path(source).suffix in PICKLES:
            with _quiet():
                parts = read_single_file(Path(source), config, _clip_tokenizer, dtype)
            parts["schedule"] = _as_schedule(parts.pop("scheduler").config, source)
            return _fitting(cls(**parts, vision=vision, source=str(source))).to(device)
        folder, revision = _find(source, revision, PARTS)
        with _quiet():
            painter = cls(
                vae=_part(AutoencoderKL, folder, "vae", torch_dtype=dtype),
                text_encoder=_part(CLIPTextModel, folder, "text_encoder", dtype=dtype),
                tokenizer=_tokenizer(folder / "tokenizer"),
                unet=_part(UNet2DConditionModel, folder, "unet", torch_dtype=dtype),
                schedule=_schedule(folder / "scheduler/scheduler_config.json"),
                vision=folder if (folder / "image_encoder").is_dir() else vision,
                source=str(source),
                revision=revision,
            )
        return _fitting(painter).to(device)

    def to(self, device: str | torch.device) -> Painter:
        """This painter, moved to `device`."""
        for part in (self.vae, self.text_encoder, self.unet):
            part.to(device)
        if self._vision_tower is not None:
            self._vision_tower[0].to(device)
        return self

    def rest(self, on: str = "cpu") -> Painter:
        """This painter; its autoencoder and vision tower stay on device `on` until needed."""
        self._resting = on
        self.vae.to(on)
        return self

    @contextmanager
    def _awake(self, part: nn.Module) -> Iterator[None]:
        """Inside, a part that may rest elsewhere is on the painter's device."""
        if self._resting is None:
            yield
            return
        part.to(self.device)
        try:
            yield
        finally:
            part.to(self._resting)

    @property
    def image_encoder(self) -> Any:
        """The CLIP vision tower, loaded on first use."""
        return self.vision_tower[0]

    @property
    def vision_tower(self) -> tuple[Any, ImagePreprocessing]:
        """The CLIP vision tower and how it wants its pictures, loaded on first use."""
        if self._vision_tower is None:
            from transformers import CLIPVisionModelWithProjection

            revision = VISION_REVISION if self.vision == VISION else None
            try:
                folder, _ = _find(self.vision, revision, ())
            except PainterError as error:
                raise PainterError(
                    f"CLIP's vision tower is missing: {error}. A word of kind 'free' needs none."
                ) from error
            tower, settings = (name if (folder / name).is_dir() else "." for name in VISION_PARTS)
            with _quiet():
                weights = _part(CLIPVisionModelWithProjection, folder, tower, dtype=self.dtype)
            preprocessing = ImagePreprocessing.read(folder / settings / "preprocessor_config.json")
            self._vision_tower = _freeze(weights).to(self.device), preprocessing
        return self._vision_tower

    # ------------------------------------------------------------------ sizes

    @property
    def device(self) -> torch.device:
        """Where the painter computes."""
        return next(self.unet.parameters()).device  # `unet.device` would ask every layer

    @property
    def dtype(self) -> torch.dtype:
        """What the painter computes in."""
        return next(self.unet.parameters()).dtype

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    @property
    def picture_size(self) -> int:
        """Width and height of a picture, in pixels."""
        return self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def text_width(self) -> int:
        """d: numbers in a word's vector."""
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

    # ------------------------------------------------------ picture <-> latent

    def moments(self, picture_pm1: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (b, c, h, w) of the latents of a picture (b, 3, H, W)."""
        with torch.no_grad(), self._awake(self.vae):
            posterior = self.vae.encode(self._here(picture_pm1)).latent_dist
        scale = self.vae.config.scaling_factor
        return posterior.mean * scale, posterior.std * scale

    def encode(self, picture_pm1: Tensor) -> Tensor:
        """Picture (b, 3, H, W) -> latent z0 (b, c, h, w), the mean of the posterior."""
        return self.moments(picture_pm1)[0]

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Latent (b, c, h, w) -> picture (b, 3, H, W) in [-1, 1]. Raises PrecisionError."""
        with self._awake(self.vae):
            picture = self.vae.decode(self._here(latent) / self.vae.config.scaling_factor).sample
        if not (picture.is_meta or picture.isfinite().all()):
            raise PrecisionError(
                f"the picture has numbers that {self.dtype} cannot hold: load the painter with "
                f"dtype bfloat16 or float32"
            )
        return picture.clamp(-1, 1)

    # --------------------------------------------------------- picture -> CLIP

    @torch.no_grad()
    def image_features(self, picture_pm1: Tensor) -> ImageFeatures:
        """Square pictures (b, 3, S, S) -> what CLIP sees in them.

        InST's official code casts [-1, 1] straight to uint8 before this step, so its CLIP sees
        an almost black picture (ldm/modules/encoders/modules.py:333-337); here it sees it.
        """
        tower, settings = self.vision_tower
        if picture_pm1.shape[-1] != picture_pm1.shape[-2]:
            raise ValueError(
                f"image_features() wants square pictures, got {tuple(picture_pm1.shape)}"
            )
        with self._awake(tower):
            out = tower(pixel_values=self._here(settings.prepare(picture_pm1)))
        return ImageFeatures(
            out.image_embeds, out.last_hidden_state[:, 1:]
        )  # (b, d_v), (b, n, d_p)

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
        """As `embed`, with a word of its own for each prompt: `words` (b, k, d)."""
        vectors = 0 if words is None else words.shape[-2]
        return self.embed_tokens(self.tokenize(prompts, vectors, placeholder), words)

    def embed_tokens(self, tokens: Tokens, words: Tensor | None = None) -> Tensor:
        """Tokens of b prompts and their words (b, k, d) -> context (b, L, d)."""
        if words is None:
            return self.text_encoder(tokens.ids).last_hidden_state
        b = len(tokens.ids)
        if words.ndim != 3 or words.shape[-1] != self.text_width or len(words) != b:
            raise PromptError(
                f"this painter's words have {self.text_width} numbers, and {b} prompts want them "
                f"as ({b}, k, {self.text_width}), got {tuple(words.shape)}. A word fits the "
                f"painter it was learned with, and painters that share its text encoder."
            )
        table = self.text_encoder.get_input_embeddings()
        with put_in(table, tokens.slots, words.to(self.device)):
            return self.text_encoder(tokens.ids).last_hidden_state

    def tokenize(
        self, prompts: Sequence[str], vectors: int = 0, placeholder: str = PLACEHOLDER
    ) -> Tokens:
        """Prompts -> tokens, all of length L; the placeholder becomes `vectors` slots.

        With `vectors` every prompt must have the placeholder; without, none. Raises PromptError.
        """
        rows = [self._slots(prompt, vectors, placeholder) for prompt in prompts]
        pairs = torch.tensor(rows, device=self.device)  # (b, L, 2)
        return Tokens(*pairs.unbind(-1))

    def vectors_of(self, text: str) -> Tensor:
        """The rows (n, d) that the tokens of `text` have in the painter's vocabulary."""
        ids = torch.tensor(self._ids(text), device=self.device)
        return self.text_encoder.get_input_embeddings()(ids)

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
        free = self.text_length - 2 - len(row)
        if free < 0:
            raise PromptError(
                f"the prompt {prompt!r} has {len(row)} tokens; this painter reads at most "
                f"{self.text_length - 2}: say less"
                + (f", or give the word fewer vectors than {vectors}" if vectors > 1 else "")
            )
        padding = [(self.tokenizer.pad_token_id, -1)] * free
        return [(self.tokenizer.bos_token_id, -1), *row, (end, -1), *padding]

    def _ids(self, text: str) -> list[int]:
        """Token ids of a text, without begin and end marks; unknown words are an error."""
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        if self.tokenizer.unk_token_id in ids:
            raise PromptError(self._unknown(text))
        return ids

    def _unknown(self, text: str) -> str:
        """The error text for words outside the vocabulary, with near spellings."""
        unknown = self.tokenizer.unk_token_id
        pieces = re.findall(r"\w+|[^\w\s]+", text)
        wrong = [p for p in pieces if unknown in self.tokenizer(p).input_ids[1:-1]]
        known = [piece.removesuffix("</w>") for piece in self.tokenizer.get_vocab()]
        lines = []
        for piece in wrong or [text]:
            near = ", ".join(difflib.get_close_matches(piece.lower(), known)) or "no word"
            lines.append(f"{piece!r} (near it: {near})")
        return (
            f"this painter does not know the word {'; '.join(lines)}; `inst info --words` lists "
            f"those that it knows"
        )

    # --------------------------------------------------------- predicted noise

    def predict_noise(self, z_t: Tensor, t: int | Tensor, context: Tensor) -> Tensor:
        """Noise eps (b, c, h, w) in z_t (b, c, h, w) at timestep t (int or (b,)), given (r, L, d).

        A context of r < b rows serves b / r neighbours in the batch with each. v-prediction
        (SD 2.x) is converted.
        """
        when = t.to(self.device) if isinstance(t, Tensor) else t
        context = context.to(self.dtype).repeat_interleave(len(z_t) // len(context), 0)  # (b, L, d)
        out = self.unet(self._here(z_t), when, encoder_hidden_states=context).sample
        if self.schedule.prediction_type == "v_prediction":
            return v_to_eps(self.schedule, z_t, t, out)
        return out

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, self.dtype)


# --------------------------------------------------- preparing pictures for CLIP


@dataclass(frozen=True)
class ImagePreprocessing:
    """How a vision tower wants its pictures: `size` in pixels, mean and std of its channels."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> ImagePreprocessing:
        """From a preprocessor_config.json, old (`crop_size: 224`) or new (`{"height": 224}`)."""
        config = _read(path)
        size = config["crop_size"]
        size = size["height"] if isinstance(size, Mapping) else size
        return cls(size, tuple(config["image_mean"]), tuple(config["image_std"]))

    def prepare(self, picture_pm1: Tensor) -> Tensor:
        """(b, 3, S, S) in [-1, 1] -> (b, 3, size, size), normalised as CLIP was trained."""
        picture_01 = picture_pm1.float() / 2 + 0.5
        if picture_01.shape[-1] != self.size:
            picture_01 = F.interpolate(
                picture_01, size=(self.size, self.size), mode="bicubic", antialias=True
            )
        mean, std = (torch.tensor(c).to(picture_01).view(3, 1, 1) for c in (self.mean, self.std))
        return (picture_01.clamp(0, 1) - mean) / std


# ------------------------------------------------------------------------ the new word


@contextmanager
def put_in(table: nn.Module, slots: Tensor, words: Tensor) -> Iterator[None]:
    """Inside, the embedding table answers with the words' vectors (b, k, d) at their slots."""
    rows = slots.clamp(min=0)[..., None].expand(-1, -1, words.shape[-1])  # (b, L, d)
    vectors = words.gather(1, rows)  # (b, k, d) -> (b, L, d)

    def replace(module: nn.Module, args: Any, embedded: Tensor) -> Tensor:
        return torch.where(slots[..., None] >= 0, vectors.to(embedded), embedded)

    handle = table.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


# -------------------------------------------------------------------- files and the hub


def _freeze(part: Any) -> Any:
    """A part without dropout and without gradients, in the memory format that runs fastest."""
    return part.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PainterError(f"cannot read {path}: {error}") from error


def _part(kind: Any, folder: Path, name: str, **dtype: torch.dtype) -> Any:
    """The model in folder/name, whole and from safetensors."""
    from safetensors import SafetensorError

    try:
        part, report = kind.from_pretrained(
            folder / name,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **dtype,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise PainterError(f"cannot load {folder / name}: {error}") from error
    if missing := sorted(report["missing_keys"]):
        raise PainterError(f"{folder / name} lacks {len(missing)} weights, such as {missing[0]}")
    return part


def _fitting(painter: Painter) -> Painter:
    """A painter whose UNet reads what its other parts write; others in this layout do not."""
    unet = painter.unet.config
    reads = unet.in_channels, unet.cross_attention_dim
    written = painter.vae.config.latent_channels, painter.text_width
    if reads != written:
        raise PainterError(
            f"{painter.source} is no Stable Diffusion 1.x or 2.x that draws from text: its UNet "
            f"reads (channels, width of texts) {reads}, its other parts write {written}. Models "
            f"for inpainting (9 channels) and SDXL (width 2048) do not fit: take "
            f"'stable-diffusion-v1-5/stable-diffusion-v1-5'"
        )
    return painter


def _schedule(path: Path) -> Schedule:
    return _as_schedule(_read(path), path)


def _as_schedule(config: Mapping[str, Any], source: str | Path) -> Schedule:
    try:
        return Schedule.from_config(config)
    except ScheduleError as error:
        raise PainterError(f"{source}: {error}") from error


def _clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer that all Stable Diffusion 1.x and 2.x share."""
    folder = _from_hub(VISION, VISION_REVISION, TOKENIZER_FILES, _tokenizer)
    return _tokenizer(folder)


def _tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer in a folder; without files transformers would invent an empty one."""
    from transformers import CLIPTokenizer

    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise PainterError(f"{folder} has no tokenizer.json and no vocab.json")
    return CLIPTokenizer.from_pretrained(folder)


def _find(
    source: str | Path, revision: str | None, parts: Sequence[str]
) -> tuple[Path, str | None]:
    """The local folder of a painter, and its commit when it comes from the hub."""
    folder = PAINTBOX if source == "paintbox" else Path(source)
    if folder.is_dir():
        _check(folder, parts)
        return folder, revision
    hub_id = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", str(source))
    if folder.suffix == ".safetensors" or not hub_id:
        raise PainterError(
            f"no painter at {str(source)!r}: give 'paintbox', a folder in diffusers' layout, a "
            f".safetensors file, or a hub id such as 'stable-diffusion-v1-5/stable-diffusion-v1-5'"
        )
    kinds = ("*.json", "*.txt", "*.safetensors")
    wanted = [f"{part}/{kind}" for part in (*parts, *VISION_PARTS) for kind in kinds]
    tower = ["config.json", "preprocessor_config.json", "model*.safetensors"]
    folder = _from_hub(
        str(source), revision, wanted if parts else tower, lambda folder: _check(folder, parts)
    )
    return folder, folder.name  # the hub's cache names a snapshot by its commit


def _from_hub(
    name: str, revision: str | None, wanted: Sequence[str], check: Callable[[Path], object]
) -> Path:
    """The snapshot of a hub repository: from the cache, or else from the network."""
    from huggingface_hub import snapshot_download

    def snapshot(local: bool) -> Path:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(wanted),
                ignore_patterns=["*.fp16.*", "*.non_ema.*"],
                local_files_only=local,
            )
        )

    try:
        folder = snapshot(local=True)
        check(folder)
        return folder
    except (OSError, PainterError):
        pass  # not, or not wholly, in the cache
    try:
        folder = snapshot(local=False)
    except Exception as error:  # the hub's client raises its own, httpx's and OSError's kinds
        raise PainterError(_way_out(name, revision, error)) from error
    try:
        check(folder)
    except PainterError as error:
        raise PainterError(
            f"{error}. This is what the hub's cache has of {name!r}: if its download was cut "
            f"short, repeat it with a network connection."
        ) from error
    return folder


def _way_out(name: str, revision: str | None, error: Exception) -> str:
    """What to do about a repository that could not be fetched."""
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):  # a kind of RepositoryNotFoundError
        return (
            f"{name!r} is gated: log in at https://huggingface.co/{name}, accept its licence "
            f"there, run `hf auth login` here, and try again"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{name!r} has no revision {revision!r}: its page lists branches, tags and commits"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no {name!r}, or it is private: check the spelling, run `hf auth login` "
            f"if it is yours, or take 'stable-diffusion-v1-5/stable-diffusion-v1-5'"
        )
    at = f" at revision {revision!r}" if revision else ""
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"{name!r}{at} is not a folder here, not in the hub's cache, and could not be fetched "
        f"({type(error).__name__}: {(str(error).splitlines() or [''])[0]}). Once, with a network "
        f"connection, run `hf download {name}{pinned}` (after `hf auth login` if it is gated), or "
        f"name a local folder, or use 'paintbox', which needs no network."
    )


def _check(folder: Path, parts: Sequence[str]) -> None:
    """A folder must have all parts, and their weights as safetensors."""
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        raise PainterError(f"{folder} is not a painter: it lacks {', '.join(missing)}")
    for part in parts:
        weights = list((folder / part).glob("*.safetensors"))
        if not weights and part not in ("tokenizer", "scheduler"):
            found = sorted(f.name for f in (folder / part).iterdir())
            raise PainterError(
                f"{folder / part} has no .safetensors file (it has {', '.join(found)}). Pickled "
                f"weights are never read: convert them, or take a revision with safetensors"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, and no load reports of transformers, inside; as before afterwards."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging

    showing = [lib for lib in (logging, diffusers_logging) if lib.is_progress_bar_enabled()]
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    for library in showing:
        library.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        for library in showing:
            library.enable_progress_bar()
