"""Learning a word from one picture: the loop.

The style picture is also the content. The painter is frozen; only the new word changes, by the
ordinary noise-prediction loss (InST, section 3; Gal et al. 2022, equation 2):

    min over v of  E_{z0, t, eps} || eps - painter(z_t, t, context(v)) ||^2

Constant work is done before the first step: the picture and its mirror image are encoded (mean and
deviation of the latent), prompts are tokenised. The text encoder runs once for each step and style.
Frozen weights get no gradient. Book: chapters "Textual inversion" and "Dropout".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Generator, Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from inst_tutorial.devices import upload
from inst_tutorial.learning_state import LearningError as LearningError
from inst_tutorial.learning_state import Point, State
from inst_tutorial.learning_state import StateError as StateError
from inst_tutorial.noise_schedule import multiscale_noise, q_sample
from inst_tutorial.painter import PLACEHOLDER, Painter, Tokens, help_against_nan
from inst_tutorial.pictures import opened, to_tensor
from inst_tutorial.wording import counted
from inst_tutorial.words import KINDS, Word, make_embedder

LEARNING_RATES = {"free": 5e-2, "pooled": 1e-3, "patches": 1e-3}  # Adam's, by kind of embedder
HALF_SCALE = 1024.0  # keeps float16's gradients above its smallest numbers
MOST = {  # more than any painter or machine can use
    "vectors": 1_000,
    "batch": 100_000,
    "pairs": 100_000,
    "steps": 1_000_000_000,
    "evaluate_every": 1_000_000_000,
    "patience": 1_000_000_000,
}
LEAST_GAIN = 1e-4  # a smaller relative fall of the loss does not count as progress


@dataclass(frozen=True)
class LearningSettings:
    """How a word is learned. `learning_rate` None takes the kind's rate in LEARNING_RATES.

    Learning stops early on a plateau: when the best loss of the last `patience` evaluations is not
    lower than the best before them, by a ten-thousandth part at least.
    """

    kind: str = "pooled"  # InST as published; or "free" (textual inversion), "patches"
    vectors: int = 1
    start: str | Word = "painting"  # what a free vector starts from: words, or a learned word
    steps: int = 200
    batch: int = 8  # (t, noise) pairs a step
    learning_rate: float | None = None
    dropout: float = 0.05  # of the attention embedders
    residual: bool = False
    norm: bool = False
    coarse_level: float | None = None  # None takes the painter's own
    flip: bool = True  # learn from the mirror image too
    prompts: tuple[str, ...] = (PLACEHOLDER,)  # one is drawn each step; the first evaluates
    evaluate_every: int = 25
    pairs: int = 16  # fixed (t, noise) pairs of an evaluation
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
            if getattr(self, name) > most:
                raise ValueError(f"{name} must be {most:,} or less, got {getattr(self, name):,}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if self.coarse_level is not None and not self.coarse_level >= 0:
            raise ValueError(f"coarse_level must be 0 or more, got {self.coarse_level}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if not self.prompts or isinstance(self.prompts, str):
            raise ValueError(f"prompts must be a tuple of prompts, got {self.prompts!r}")
        if isinstance(self.start, Word) and self.kind != "free":
            raise ValueError(f"only kind 'free' can start from a word, got kind {self.kind!r}")
        if isinstance(self.start, Word) and len(self.start.vectors) != self.vectors:
            raise ValueError(
                f"the word to start from has {counted(len(self.start.vectors), 'vector')}, and "
                f"vectors is {self.vectors}: they must be equal"
            )

    def record(self) -> dict[str, Any]:
        """The settings as JSON can keep them; a word to start from becomes its fingerprint."""
        start = self.start.fingerprint if isinstance(self.start, Word) else self.start
        return {**asdict(replace(self, start="")), "start": start}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a callback gets: the state of style number `style` after `step` steps.

    loss: on the style picture. others: on other content in the style, None without such content.
    """

    style: int
    step: int
    loss: float
    others: float | None
    vectors: Tensor  # (k, d)


Callback = Callable[[Evaluation], bool | None]


# ------------------------------------------------------------------------- fixed pairs


@dataclass(frozen=True, eq=False)
class EvaluationPairs:
    """Latents `z0`, timesteps `t` and `noise` that stay the same, so that losses can be compared.

    Shapes (n, c, h, w), (n,), (n, c, h, w).
    """

    z0: Tensor
    t: Tensor
    noise: Tensor

    @classmethod
    def draw(
        cls, painter: Painter, pictures: Sequence[Image], count: int, generator: Generator
    ) -> EvaluationPairs:
        """`count` pairs, or one for each picture if there are more pictures.

        The timesteps are stratified; the pictures take turns.
        """
        latents = painter.encode(to_tensor(pictures))
        n = max(count, len(pictures))
        z0 = latents[torch.arange(n) % len(latents)]  # (n, c, h, w)
        t = stratified_timesteps(n, painter.schedule.train_steps, generator)
        return cls(z0, t, torch.randn(z0.shape, generator=generator).to(z0))


def stratified_timesteps(count: int, train_steps: int, generator: Generator) -> Tensor:
    """`count` timesteps (count,), one drawn uniformly from each of `count` equal strata."""
    position = torch.arange(count) + torch.rand(count, generator=generator)  # in strata
    return (position / count * train_steps).long().clamp(max=train_steps - 1)


@torch.no_grad()
def evaluate_loss(painter: Painter, pairs: EvaluationPairs, context: Tensor) -> float:
    """Mean squared error of the predicted noise on fixed pairs, given a context (1, L, d)."""
    z_t = q_sample(painter.schedule, pairs.z0, pairs.t, pairs.noise)
    losses = [
        _squared_error(painter, z, t, noise, context)
        for z, t, noise in zip(z_t.split(16), pairs.t.split(16), pairs.noise.split(16), strict=True)
    ]
    return torch.cat(losses).mean().item()


def _squared_error(
    painter: Painter, z_t: Tensor, t: Tensor, noise: Tensor, context: Tensor
) -> Tensor:
    """The loss of each pair, (b,), in float32."""
    eps = painter.predict_noise(z_t, t, context)
    return F.mse_loss(eps.float(), noise.float(), reduction="none").mean((1, 2, 3))


def plateau(losses: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` losses are no better than those before them."""
    if len(losses) <= patience:
        return False
    return min(losses[-patience:]) > min(losses[:-patience]) * (1 - LEAST_GAIN)


# ------------------------------------------------------------------------ the one style


class Learner:
    """Everything that belongs to one style: its latents, its embedder, its random generator.

    `learn_many` has one for each style; `learning_step` updates them. `others` is other content in
    the style, on which the loss is recorded; nothing is learned from it.
    """

    def __init__(
        self,
        painter: Painter,
        pictures: Sequence[Image],
        settings: LearningSettings,
        others: Sequence[Image] = (),
    ) -> None:
        self.painter, self.settings = painter, settings
        self.generator = Generator().manual_seed(settings.seed)
        picture = to_tensor(pictures)  # (p, 3, H, W)
        self.features = None if settings.kind == "free" else painter.image_features(picture)
        views = torch.cat([picture, picture.flip(-1)]) if settings.flip else picture
        self.mean, self.std = painter.moments(views)  # (p or 2p, c, h, w)
        self.embedder = make_embedder(
            settings.kind,
            painter,
            settings.vectors,
            generator=self.generator,
            start=settings.start,
            dropout=settings.dropout,
            residual=settings.residual,
            norm=settings.norm,
        )
        level = settings.coarse_level
        self.coarse_level = painter.schedule.coarse_level if level is None else level
        rate = settings.learning_rate or LEARNING_RATES[settings.kind]
        self.optimizer = torch.optim.Adam(self.embedder.parameters(), lr=rate)
        self.pairs = self._pairs(pictures)
        self.other_pairs = self._pairs(others) if others else None
        self.curve: list[Point] = []  # of each evaluation
        self.best = self.vectors()
        self.ended = False  # by the callback

    def _pairs(self, pictures: Sequence[Image]) -> EvaluationPairs:
        """Pairs that depend only on the seed, so that the losses of all kinds can be compared."""
        generator = Generator().manual_seed(self.settings.seed)
        return EvaluationPairs.draw(self.painter, pictures, self.settings.pairs, generator)

    def vectors(self) -> Tensor:
        """The word as it is now, without dropout: (k, d), float32 on the CPU."""
        self.embedder.eval()
        vectors = self.embedder(self.features).detach()
        self.embedder.train()
        return vectors.float().cpu().clone()

    def draw(self) -> tuple[int, Tensor, Tensor, Tensor]:
        """The number of a prompt and a batch of pairs: z_t (b, c, h, w), t (b,), noise like z_t."""
        b, generator = self.settings.batch, self.generator
        prompt = int(torch.randint(len(self.settings.prompts), (), generator=generator))
        views = torch.randint(len(self.mean), (b,), generator=generator)
        t = stratified_timesteps(b, self.painter.schedule.train_steps, generator)
        shape = (b, *self.mean.shape[1:])
        inner = self._upload(torch.randn(shape, generator=generator))
        noise = self._upload(multiscale_noise(shape, self.coarse_level, generator))
        views = upload(views, self.mean.device)
        z0 = self.mean[views] + self.std[views] * inner  # a sample of the posterior
        return prompt, q_sample(self.painter.schedule, z0, t, noise), t, noise

    def _upload(self, tensor: Tensor) -> Tensor:
        return upload(tensor, self.mean.device, self.mean.dtype)

    def evaluate(self, step: int, tokens: Tokens) -> tuple[float, float | None]:
        """The losses of the present word, which are added to the curve; the best word is kept."""
        vectors = self.vectors()
        words = vectors[None].to(self.painter.device)  # (1, k, d)
        with torch.no_grad():
            context = self.painter.embed_tokens(tokens, words)  # (1, L, d)
        loss = evaluate_loss(self.painter, self.pairs, context)
        if not torch.tensor(loss).isfinite():
            raise LearningError(
                f"the loss is {loss} after {counted(step, 'step')}: {self._help(step)}"
            )
        others = None
        if self.other_pairs is not None:
            others = evaluate_loss(self.painter, self.other_pairs, context)
        self.curve.append({"step": step, "loss": loss, "others": others})
        if loss == min(self.losses):
            self.best = vectors
        return loss, others

    def _help(self, step: int) -> str:
        """What helps against a loss that is NaN or infinite after some steps."""
        rate = self.optimizer.param_groups[0]["lr"]
        diverged = f"learning has diverged; take a learning_rate below {rate:g}"
        number_format = help_against_nan(self.painter.dtype)
        if step == 0:
            return number_format
        half = self.painter.dtype == torch.float16
        return f"{diverged}. Or {number_format}" if half else diverged

    @property
    def losses(self) -> list[float]:
        """The loss of each evaluation so far."""
        return [point["loss"] for point in self.curve]

    @property
    def done(self) -> bool:
        """Whether the callback has ended it, or the loss has stopped falling."""
        return self.ended or plateau(self.losses, self.settings.patience)

    def word(self) -> Word:
        """The word with the lowest evaluation loss so far."""
        from inst_tutorial import __version__

        info = {
            "painter": self.painter.source,
            "revision": self.painter.revision,
            "settings": self.settings.record(),
            "curve": self.curve,
            "steps": self.curve[-1]["step"],
            "stopped": "callback" if self.ended else "plateau" if self.done else "steps",
            "version": __version__,
        }
        return Word(self.best, info)


# ------------------------------------------------------------------------------ the loop


def learn(
    painter: Painter,
    pictures: Image | Sequence[Image],
    settings: LearningSettings | None = None,
    *,
    others: Sequence[Image] = (),
    resume: str | Path | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> Word:
    """The word of one style, learned from one picture of it, or from several.

    Pictures are `painter.picture_size` pixels square. `others`: other content in the style, on
    which the loss is recorded too; nothing is learned from it. `resume`: a file that holds the
    state at the last evaluation. If it exists, learning goes on from there, and with the same
    `steps` ends with exactly the same word; with more of them it learns further. `callback` is
    called after every evaluation; if it returns True, learning ends, and the best word so far is
    returned. Raises LearningError, ValueError.
    """
    return learn_many(
        painter,
        [opened(pictures)],
        settings,
        others=[others],
        resume=resume,
        progress=progress,
        callback=callback,
    )[0]


def learn_many(
    painter: Painter,
    groups: Sequence[Sequence[Image]],
    settings: LearningSettings | None = None,
    *,
    others: Sequence[Sequence[Image]] | None = None,
    resume: str | Path | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    finished: Callable[[int, Word], None] | None = None,
) -> list[Word]:
    """The words of many styles, learned together in one batch.

    Up to rounding they are the words that `learn` learns from each group of pictures alone,
    because each style has its own random generator. `finished(i, word)` gets each word as soon as
    it is done, before the state is saved. Raises LearningError, ValueError.
    """
    settings = settings or LearningSettings()
    groups, others = map(_opened, (groups, others or [()] * len(groups)))
    for picture in (p for group in (*groups, *others) for p in group):
        if picture.size != (painter.picture_size,) * 2:
            raise ValueError(
                f"a picture is {picture.size} pixels, this painter's are {painter.picture_size} "
                f"square: open it with open_picture(path, painter.picture_size)"
            )
    if not groups or not all(groups):
        raise ValueError("each style needs one picture or more")
    if len(others) != len(groups):
        raise ValueError(
            f"others has pictures of {counted(len(others), 'style')}, but there are {len(groups)}: "
            f"give a list of pictures for each style, an empty one for none"
        )
    tokens = painter.tokenize(settings.prompts, settings.vectors)  # (prompts, L)
    learners = [
        Learner(painter, group, settings, extra)
        for group, extra in zip(groups, others, strict=True)
    ]
    state = State(resume, learners, _mark(painter, groups, others, settings))

    def evaluate(step: int) -> None:
        for i, learner in enumerate(learners):
            if not learner.done:
                loss, others_loss = learner.evaluate(step, _rows(tokens, [0]))
                bar.set_postfix(loss=f"{loss:.4f}")
                if callback:
                    seen = Evaluation(i, step, loss, others_loss, learner.vectors())
                    learner.ended = callback(seen) is True
                if finished and (learner.done or step == settings.steps):
                    finished(i, learner.word())

    step = state.restore()
    with tqdm(total=settings.steps, initial=step, desc="learning", disable=not progress) as bar:
        if step == 0:
            evaluate(0)
        while step < settings.steps and not all(learner.done for learner in learners):
            active = [learner for learner in learners if not learner.done]
            learning_step(painter, active, tokens)
            step += 1
            bar.update()
            if step % settings.evaluate_every == 0 or step == settings.steps:
                evaluate(step)
                state.save(step)
    return [learner.word() for learner in learners]


def _opened(groups: Sequence[Sequence[Image]]) -> list[list[Image]]:
    return [opened(group) for group in groups]


def word_gradient(
    painter: Painter, words: Tensor, tokens: Tokens, z_t: Tensor, t: Tensor, noise: Tensor
) -> Tensor:
    """The gradient (s, k, d) of the loss by s words (s, k, d): the expensive part of a step.

    Tokens are of s prompts; z_t and noise are (s * b, c, h, w), t (s * b,): b pairs for each word.
    The work is the same at every step, and no number is copied back to the CPU.
    """
    words = words.detach().requires_grad_()
    context = painter.embed_tokens(tokens, words)  # (s, L, d)
    errors = _squared_error(painter, z_t, t, noise, context)
    loss = errors.view(len(words), -1).mean(1).sum()  # (s * b,) -> (s, b) -> (s,) -> ()
    scale = HALF_SCALE if painter.dtype == torch.float16 else 1.0
    (gradient,) = torch.autograd.grad(loss * scale, words)
    return gradient / scale


WordGradient = Callable[[Painter, Tensor, Tokens, Tensor, Tensor, Tensor], Tensor]


def learning_step(
    painter: Painter,
    learners: Sequence[Learner],
    tokens: Tokens,
    gradient: WordGradient = word_gradient,
) -> None:
    """One gradient step of every learner, s of them, in one batch of s * b pairs.

    Nothing in it waits for a GPU. `gradient` is `word_gradient`, or the same work done
    in another way (bench/ compares ways).
    """
    prompts, z_t, t, noise = zip(*(learner.draw() for learner in learners), strict=True)
    batch = torch.cat(z_t), torch.cat(t), torch.cat(noise)
    words = torch.stack(
        [one.embedder(one.features, one.generator) for one in learners]
    )  # (s, k, d)
    words.backward(gradient(painter, words, _rows(tokens, prompts), *batch))
    for learner in learners:
        learner.optimizer.step()
        learner.optimizer.zero_grad()


def _rows(tokens: Tokens, rows: Sequence[int]) -> Tokens:
    """Tokens of some prompts; a list as the index would be copied to the device, and wait."""
    ids, slots = (torch.stack([part[row] for row in rows]) for part in (tokens.ids, tokens.slots))
    return Tokens(ids, slots, tokens.vectors)


# -------------------------------------------------------------------------- to be resumed


def _mark(painter: Painter, groups: Any, others: Any, settings: LearningSettings) -> str:
    """A fingerprint of the run: a state is of use only to the run that it was saved in."""
    run = {**settings.record(), "steps": None, "painter": [painter.source, painter.revision]}
    mark = hashlib.sha256(json.dumps(run, sort_keys=True).encode())
    for group in (*groups, *others):
        mark.update(str(len(group)).encode())
        for picture in group:
            mark.update(picture.convert("RGB").tobytes())
    return mark.hexdigest()
