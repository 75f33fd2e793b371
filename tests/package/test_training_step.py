"""The training step: optimizer, budget, growth, several processes, and that nothing waits."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from inst_tutorial.pretraining.budget import Budget
from inst_tutorial.pretraining.muon import Muon, orthogonal
from inst_tutorial.pretraining.networks import autoencoder
from inst_tutorial.pretraining.networks.growth import grown
from inst_tutorial.pretraining.settings import Autoencoder, TrainingError, TrainSettings
from inst_tutorial.pretraining.training import Training

# ------------------------------------------------------------------------- budget


def test_the_rate_rises_stays_and_falls_to_zero(tmp_path):
    budget = Budget(
        TrainSettings(steps=10, learning_rate=2.0, warmup=0.1, fall=0.3), tmp_path / "u"
    )
    assert budget.rate(0.0) < 0.01 and budget.rate(0.05) < 2.0
    assert budget.rate(0.1) == budget.rate(0.5) == budget.rate(0.7) == 2.0
    assert budget.rate(0.85) == pytest.approx(1.0) and budget.rate(1.0) == 0.0
    assert budget.share(5, 1e9) == 0.5  # steps alone count


def test_the_end_may_be_moved_while_a_stage_runs(tmp_path):
    moved = tmp_path / "unet.until"
    budget = Budget(TrainSettings(minutes=10), moved)
    assert budget.share(0, 300) == 0.5
    moved.write_text(f"{time.time() + 100}\n")
    assert budget.share(0, 300) == pytest.approx(0.75, abs=0.01)
    moved.write_text(f"{time.time() - 1}")
    assert budget.share(0, 300) == 1.0
    moved.write_text("in a minute")
    with pytest.raises(TrainingError, match="date"):
        budget.share(0, 300)


@pytest.mark.parametrize("wrong", [{"fall": 0.0}, {"warmup": 1.0}, {"minutes": 0.0}])
def test_a_course_that_is_impossible_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainSettings(**wrong)


# --------------------------------------------------------------------------- muon


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 0.02), (torch.bfloat16, 0.06)])
def test_muon_is_torchs_on_flat_matrices(dtype, near):
    torch.manual_seed(0)
    start = [torch.randn(8, 6), torch.randn(8, 6), torch.randn(4, 12)]
    ours, theirs = ([nn.Parameter(p.clone()) for p in start] for _ in range(2))
    one = Muon(ours, lr=torch.tensor(0.02), dtype=dtype)
    two = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        one.step()
        two.step()
    for a, b, s in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() < near * (b - s).norm()  # theirs multiplies in bfloat16


def test_a_kernel_is_a_matrix_and_its_update_orthogonal():
    kernel = nn.Parameter(torch.zeros(6, 2, 3, 3).to(memory_format=torch.channels_last))
    kernel.grad = torch.randn_like(kernel)
    Muon([kernel], lr=1.0).step()
    values = torch.linalg.svdvals(kernel.detach().reshape(6, 18))
    scale = 0.2 * 18**0.5
    assert (values > 0.6 * scale).all() and (values < 1.3 * scale).all()
    tall = orthogonal(torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(0)))
    assert tall.shape == (2, 9, 4) and torch.linalg.svdvals(tall).max() < 1.3
    with pytest.raises(ValueError, match="matrices"):
        Muon([nn.Parameter(torch.zeros(3))], lr=1.0)


def test_the_settings_say_in_what_muon_multiplies(tmp_path):
    for bf16, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        _, muon = training(tmp_path, muon=True, bf16=bf16).optimizers
        assert muon.dtype == dtype
    matrices = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(0))
    rounded = orthogonal(matrices, torch.bfloat16)
    assert rounded.dtype == torch.float32 and torch.equal(rounded, rounded.bfloat16().float())
    assert torch.allclose(rounded, orthogonal(matrices), atol=0.05)


# --------------------------------------------------------------------- no waiting


class NoWaiting(TorchDispatchMode):
    """Raises where a value would go from the device to Python."""

    WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "item", "masked_select", "equal")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in self.WAITING:
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 3, 1))

    def inner_matrices(self):
        return [self.layers[2].weight]

    def forward(self, x):
        return self.layers(x)


def training(work, **fit):
    torch.manual_seed(0)
    settings = TrainSettings(**{"steps": 6, "batch": 2, "learning_rate": 1e-2, **fit})
    return Training("toy", Network(), settings, work=work, device="cpu", seed=5)


def toy_loss(run):
    x = torch.randn(2, 3, 8, 8, generator=run.generator)
    return (run.forward(x) - x[:, :, 1:-1, 1:-1]).square().mean()


def test_a_step_does_not_wait_for_the_device(tmp_path):
    run = training(tmp_path, muon=True)
    run.rate.fill_(1e-2)
    run.toward.fill_(0.1)
    before = {name: tensor.clone() for name, tensor in run.tensors().items()}
    with NoWaiting():
        run.update(toy_loss)
    assert all(not torch.equal(before[name], tensor) for name, tensor in run.tensors().items())
    with pytest.raises(AssertionError, match="waits"), NoWaiting():
        run.update(lambda run: toy_loss(run) * float(run.total))


def test_what_is_put_back_is_where_it_was(tmp_path):
    run = training(tmp_path, muon=True)
    before = {name: tensor.clone() for name, tensor in run.tensors().items()}
    run.rate.fill_(1e-2)
    with run.restored():
        run.update(toy_loss)
        first = run.total.clone()
    assert all(torch.equal(before[name], tensor) for name, tensor in run.tensors().items())
    run.total.zero_()
    run.update(toy_loss)
    assert torch.equal(run.total, first)  # the same draws again


def test_muon_and_adamw_resume_to_the_same_weights(tmp_path):
    half = training(tmp_path, muon=True, checkpoint_seconds=0.0)

    def stop(run):
        if run.step == 3:
            raise KeyboardInterrupt
        return toy_loss(run)

    with pytest.raises(KeyboardInterrupt):
        half.run(stop, lambda model: {}, lambda: 1, progress=False)
    resumed = training(tmp_path, muon=True)
    assert resumed.step == 3
    resumed.run(toy_loss, lambda model: {}, lambda: 1, progress=False)
    (tmp_path / "straight").mkdir()
    straight = training(tmp_path / "straight", muon=True)
    straight.run(toy_loss, lambda model: {}, lambda: 1, progress=False)
    one, two = resumed.tensors(), straight.tensors()
    assert any(name.startswith("momentum.") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in one)


# ------------------------------------------------------------------ several processes

TOGETHER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from test_training_step import toy_loss, training
from inst_tutorial.pretraining import processes
with processes.joined("cpu"):
    run = training(Path({work!r}), muon=True)
    run.run(toy_loss, lambda model: {{}}, lambda: 1, progress=False)
    weights = torch.cat([p.detach().flatten() for p in run.model.parameters()])
    everyone = processes.gathered(weights)
    assert torch.equal(everyone[0], everyone[1]), "processes differ"
    assert not torch.equal(*processes.gathered(run.generator.get_state())), "draws are the same"
    if processes.rank() == 0:
        print("together", len(everyone), run.step)
"""


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    program = tmp_path / "together.py"
    program.write_text(TOGETHER.format(tests=str(Path(__file__).parent), work=str(tmp_path)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(program)], capture_output=True, text=True, timeout=240, check=False
    )
    assert "together 2 6" in done.stdout, done.stderr[-2000:]


# -------------------------------------------------------------------------- growth


def test_a_grown_autoencoder_begins_as_the_one_it_grows_from():
    small, large = (Autoencoder(channels=(4, 4, 8, 8), latent_channels=n, crop=32) for n in (4, 7))
    vae = autoencoder.build(small, 32, seed=0).eval()
    more = grown(vae, large, 32, seed=1).eval()
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        old, new = vae.encode(pictures).latent_dist, more.encode(pictures).latent_dist
        assert torch.allclose(new.mean[:, :4], old.mean, atol=1e-5)
        assert torch.allclose(new.std[:, :4], old.std, atol=1e-5)
        assert new.mean[:, 4:].std() > 0  # something to learn from
        painted = more.decode(new.mean).sample
        assert torch.allclose(painted, vae.decode(old.mean).sample, atol=1e-5)
    same = grown(vae, small, 32, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), vae.parameters(), strict=True))
    with pytest.raises(ValueError, match="cannot grow"):
        grown(more, small, 32, seed=0)
