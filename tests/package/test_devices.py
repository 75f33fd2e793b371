"""Nothing in the loops of learning and repainting waits for a GPU.

PyTorch's device "meta" stands for the GPU: its tensors have no numbers, so that whatever asks for
one fails, and `NoWaiting` catches the copies for which a program would wait.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inst_tutorial.devices import DeviceError, best_device, fast_dtype, upload
from inst_tutorial.inversion import INVERSIONS
from inst_tutorial.learning import Learner, LearningSettings, learning_step, word_gradient
from inst_tutorial.noise_level import timesteps
from inst_tutorial.painter import ImageFeatures, Painter
from inst_tutorial.sampling import sample

META = torch.device("meta")


@pytest.fixture
def unnamed(monkeypatch) -> None:
    monkeypatch.delenv("INST_DEVICE")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_the_best_that_is_there(unnamed, monkeypatch, cuda, mps, expected) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == expected


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((9, 0), torch.bfloat16), ((8, 6), torch.bfloat16), ((7, 5), torch.float16)],
)
def test_the_format_is_one_that_the_gpu_computes_in(
    unnamed, monkeypatch, capability, expected
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert fast_dtype() == expected


@pytest.mark.parametrize("there", ["cuda", "mps"])
def test_a_painter_computes_where_the_environment_says(there, monkeypatch, sd1_folder) -> None:
    monkeypatch.setattr(
        {"cuda": torch.cuda, "mps": torch.backends.mps}[there], "is_available", lambda: True
    )
    assert os.environ["INST_DEVICE"] == "cpu"  # so all tests are, with what they start
    assert Painter.load(sd1_folder).device.type == "cpu"
    assert fast_dtype() == torch.float32
    monkeypatch.setenv("INST_DEVICE", "abacus")
    with pytest.raises(DeviceError, match=r"device 'abacus': .*INST_DEVICE: unset it"):
        Painter.load(sd1_folder)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_format_is_float32() -> None:
    assert fast_dtype() == torch.float32


class NoWaiting(TorchDispatchMode):
    """Inside, a copy between the CPU and the GPU for which the program would wait is an error."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        made = [x for x in tree_leaves(out) if isinstance(x, torch.Tensor)]
        on_gpu = any(x.is_meta for x in (*given, *made))
        on_cpu = [x for x in given if x.is_cpu and x.ndim]  # single numbers go with the call
        if on_gpu and on_cpu and not kwargs.get("non_blocking"):
            raise AssertionError(f"{func} waits: {[tuple(x.shape) for x in on_cpu]} on the CPU")
        if any(x.is_meta for x in given) and any(x.is_cpu for x in made):
            raise AssertionError(f"{func} waits for a result of the GPU")
        return out


class NoFreshData(TorchFunctionMode):
    """Inside, `torch.tensor(numbers, device=gpu)` and `there[[0, 1]]` are errors: Python's numbers
    are copied to the GPU, and the program waits."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and "device" in kwargs:
            assert torch.device(kwargs["device"]).type == "cpu", f"{func} copies to the GPU"
        if func is torch.Tensor.__getitem__ and args[0].is_meta:
            indices = args[1] if isinstance(args[1], tuple) else (args[1],)
            assert not any(isinstance(i, list) for i in indices), "an index is copied to the GPU"
        return func(*args, **kwargs)


@pytest.fixture(params=["sd1_folder", "sd2_folder"])
def painter(request) -> Painter:
    return Painter.load(request.getfixturevalue(request.param))


def on_gpu(painter: Painter, learner: Learner) -> Learner:
    """A learner that was made on the CPU, as if it had been made on the GPU."""
    learner.mean, learner.std = learner.mean.to(META), learner.std.to(META)
    if learner.features is not None:
        seen = learner.features
        learner.features = ImageFeatures(seen.pooled.to(META), seen.patches.to(META))
    learner.embedder = learner.embedder.to(META)
    learner.optimizer = torch.optim.Adam(learner.embedder.parameters(), lr=0.1)
    return learner


@pytest.mark.parametrize("kind", ["free", "pooled", "patches"])
def test_a_learning_step_does_not_wait(kind: str, sd1_folder, style_picture) -> None:
    painter = Painter.load(sd1_folder)
    settings = LearningSettings(kind=kind, batch=2, start="a", prompts=("*", "a *"))
    check_step(painter, settings, style_picture)


def test_a_learning_step_with_v_prediction_does_not_wait(sd2_folder, style_picture) -> None:
    settings = LearningSettings(kind="free", batch=2, start="a")
    check_step(Painter.load(sd2_folder), settings, style_picture)


def check_step(painter: Painter, settings: LearningSettings, picture) -> None:
    learners = [Learner(painter, [picture], replace(settings, seed=seed)) for seed in (0, 1)]
    tokens = painter.tokenize(settings.prompts, settings.vectors)
    painter.to(META)
    learners = [on_gpu(painter, one) for one in learners]
    tokens = replace(tokens, ids=tokens.ids.to(META), slots=tokens.slots.to(META))
    with NoWaiting(), NoFreshData():
        learning_step(painter, learners, tokens)


@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_repainting_does_not_wait(painter: Painter, inversion: str, guidance: float) -> None:
    painter.to(META)
    z0 = torch.empty(2, *painter.latent_shape, device=META)
    context, empty = torch.empty(2, 1, painter.text_length, painter.text_width, device=META)
    with NoWaiting(), NoFreshData(), torch.no_grad():
        inverted = INVERSIONS[inversion](
            painter, z0, context, steps=4, strength=0.5, generator=torch.Generator()
        )
        sample(
            painter,
            inverted.latent,
            context,
            timesteps=timesteps(painter.schedule, 4),
            guidance=guidance,
            empty=empty,
        )


def test_waiting_is_noticed() -> None:
    there = torch.zeros(3, device=META)
    waits = [
        lambda: torch.zeros(3).to(META),
        lambda: there[torch.tensor([0, 1])],
        lambda: there[[0, 1]],
        lambda: torch.tensor([1.0], device=META),
        lambda: there.cpu(),
        lambda: there[0].item(),
        lambda: bool(there[0] > 0),
    ]
    for wait in waits:
        errors = AssertionError, RuntimeError, NotImplementedError
        with pytest.raises(errors), NoWaiting(), NoFreshData():
            wait()
    with NoWaiting(), NoFreshData():
        assert upload(torch.zeros(3), META, torch.bfloat16).dtype == torch.bfloat16
        assert (torch.tensor(2.0) * there).is_meta


def test_the_gradient_depends_on_its_arguments_only(sd1_painter: Painter) -> None:
    """What a CUDA graph records must be the same work each time, whatever the numbers are."""
    tokens = sd1_painter.tokenize(["*"], 1)
    shape = (2, *sd1_painter.latent_shape)
    z_t, noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    words = torch.zeros(1, 1, sd1_painter.text_width)
    first = word_gradient(sd1_painter, words, tokens, z_t, torch.tensor([1, 900]), noise)
    other = word_gradient(sd1_painter, words, tokens, noise, torch.tensor([1, 900]), z_t)
    again = word_gradient(sd1_painter, words, tokens, z_t, torch.tensor([1, 900]), noise)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not words.requires_grad and words.grad is None


def test_a_painter_is_in_the_formats_that_gpus_like(painter: Painter) -> None:
    """Convolutions in channels_last, and PyTorch's fused attention, in every part that has any."""
    convolutions = [
        part.weight
        for network in (painter.unet, painter.vae)
        for part in network.modules()
        if isinstance(part, torch.nn.Conv2d)
    ]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in convolutions)
    kinds = {type(p).__name__ for p in painter.unet.attn_processors.values()}
    kinds |= {type(p).__name__ for p in painter.vae.attn_processors.values()}
    assert kinds == {"AttnProcessor2_0"}
    assert painter.text_encoder.config._attn_implementation == "sdpa"
