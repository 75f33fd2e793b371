"""The method on a GPU, a pretended one: the same words and pictures as on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pretend_gpu import pretend_gpu
from tiny import toy_picture

from inst_tutorial.inversion import INVERSIONS
from inst_tutorial.learning import LearningSettings, learn_many
from inst_tutorial.memory import SAVERS, save_memory
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.style_transfer import TransferSettings, draw, repaint, transfer
from inst_tutorial.words import Word

FEW = {"steps": 2, "batch": 2, "pairs": 2, "evaluate_every": 1, "start": "a"}


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal to rounding: PyTorch computes attention in another way for devices it does not know."""
    return torch.allclose(one, other, rtol=0.01, atol=0.02)


def words(folder: Path, state: Path, settings: LearningSettings) -> list[Word]:
    painter = Painter.load(folder)
    groups = [[toy_picture(seed=1)], [toy_picture(seed=2), toy_picture(seed=3)]]
    return learn_many(painter, groups, settings, others=groups, resume=state, progress=False)


@pytest.mark.parametrize("kind", ["free", "pooled", "patches"])
def test_words_are_learned_on_a_gpu(kind: str, sd1_folder: Path, tmp_path: Path) -> None:
    settings = LearningSettings(kind=kind, prompts=("*", "a *"), **FEW)
    ours = words(sd1_folder, tmp_path / "cpu", settings)
    with pretend_gpu():
        theirs = words(sd1_folder, tmp_path / "gpu", settings)
        again = words(sd1_folder, tmp_path / "gpu", settings)  # from the saved state
    for one, other, resumed in zip(ours, theirs, again, strict=True):
        assert near(one.vectors, other.vectors) and torch.equal(other.vectors, resumed.vectors)


def test_words_are_learned_on_a_gpu_with_v_prediction(sd2_folder: Path, tmp_path: Path) -> None:
    settings = LearningSettings(kind="free", **FEW)
    ours = words(sd2_folder, tmp_path / "cpu", settings)
    with pretend_gpu():
        theirs = words(sd2_folder, tmp_path / "gpu", settings)
    assert all(near(a.vectors, b.vectors) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("inversion", INVERSIONS)
@pytest.mark.parametrize("folder", ["sd1_folder", "sd2_folder"])
def test_pictures_are_repainted_on_a_gpu(inversion: str, folder: str, request) -> None:
    source = request.getfixturevalue(folder)
    settings = TransferSettings(steps=4, inversion=inversion, prompt="a house", adain=True)
    content, style = toy_picture(seed=4), toy_picture(seed=5)

    def latent() -> torch.Tensor:
        content_pm1 = to_tensor([content])
        return repaint(Painter.load(source), content_pm1, None, settings, style).latent.cpu()

    ours = latent()
    with pretend_gpu():
        theirs = latent()
    assert near(ours, theirs)


def test_pictures_are_drawn_and_repainted_with_a_word_on_a_gpu(sd1_folder: Path) -> None:
    word = Word(torch.ones(1, 32))
    content = toy_picture(seed=4)

    def pictures() -> torch.Tensor:
        painter = Painter.load(sd1_folder)
        few = TransferSettings(steps=3)
        made = [draw(painter, "a *", word, steps=3), transfer(painter, content, word, few)]
        return to_tensor(made)

    ours = pictures()
    with pretend_gpu():
        assert near(pictures(), ours)


@pytest.mark.parametrize("saver", SAVERS)
def test_memory_is_saved_on_a_gpu(saver: str, sd1_folder: Path) -> None:
    settings = TransferSettings(steps=3, prompt="a house")
    ours = transfer(Painter.load(sd1_folder), toy_picture(seed=4), None, settings)
    with pretend_gpu():
        painter = save_memory(Painter.load(sd1_folder), [saver])
        theirs = transfer(painter, toy_picture(seed=4), None, settings)
    assert near(to_tensor([ours]), to_tensor([theirs]))


def test_a_mixture_of_devices_is_noticed() -> None:
    with pretend_gpu() as gpu, pytest.raises(RuntimeError, match="must be on one device"):
        torch.zeros(3, device=gpu) + torch.ones(3)
    with pretend_gpu() as gpu, pytest.raises(TypeError, match="no float64"):
        torch.zeros(3, dtype=torch.float64).to(gpu)
