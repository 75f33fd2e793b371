"""Memory savers keep the results and do save; overflow and want of memory come with advice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import toy_picture
from typer.testing import CliRunner

from inst_tutorial import cli, learning
from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.many import folder as many
from inst_tutorial.memory import ADVICE, SAVERS, is_out_of_memory, save_memory
from inst_tutorial.metrics import encoder_features, gram_distance
from inst_tutorial.painter import Painter, PrecisionError
from inst_tutorial.pictures import to_tensor

pytestmark = pytest.mark.slow

SHORT = LearningSettings(kind="free", steps=4, batch=2, evaluate_every=2, pairs=2, patience=99)


@pytest.fixture
def painter(sd1_folder: Path) -> Painter:
    return Painter.load(sd1_folder, device="cpu")


def kept_for_backward(painter: Painter) -> int:
    """Bytes that one prediction keeps until its gradient is computed."""
    word = torch.zeros(1, painter.text_width, requires_grad=True)
    kept: dict[int, int] = {}

    networks = (painter.unet, painter.text_encoder)
    weights = {p.data_ptr() for network in networks for p in network.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    z = torch.randn(2, *painter.latent_shape, generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        noise = painter.predict_noise(z, 500, painter.embed("*", word))
    noise.sum().backward()
    assert word.grad is not None and word.grad.abs().sum() > 0
    return sum(kept.values())


@pytest.mark.parametrize("saver", [*SAVERS, tuple(SAVERS)])
def test_results_stay_the_same(painter, sd1_folder, saver) -> None:
    saving = save_memory(
        Painter.load(sd1_folder, device="cpu"), [saver] if isinstance(saver, str) else saver
    )
    expected = learn(painter, toy_picture(1), SHORT, progress=False)
    word = learn(saving, toy_picture(1), SHORT, progress=False)
    torch.testing.assert_close(word.vectors, expected.vectors, atol=1e-4, rtol=1e-3)
    z = painter.encode(to_tensor([toy_picture(1), toy_picture(2)]))
    torch.testing.assert_close(saving.decode(z), painter.decode(z), atol=1e-5, rtol=1e-5)


def test_checkpointing_keeps_less(painter) -> None:
    before = kept_for_backward(painter)
    after = kept_for_backward(save_memory(painter, ["checkpointing"]))
    assert after < 0.5 * before


def test_offload_lets_the_idle_rest(painter) -> None:
    places: list[str] = []

    def moved(part) -> Callable[..., object]:
        to = part.to
        return lambda place: places.append(f"{type(part).__name__} {place}") or to(place)

    save_memory(painter, ["offload"])
    for part in (painter.vae, painter.image_encoder):
        part.to = moved(part)
    z = painter.encode(to_tensor(toy_picture(1)))
    painter.predict_noise(z, 500, painter.embed("a house"))
    assert places == ["AutoencoderKL cpu"] * 2  # there and back
    painter.image_features(to_tensor(toy_picture(1)))
    assert places[2:] == ["CLIPVisionModelWithProjection cpu"] * 2


def test_what_is_offloaded_rests_wherever_the_painter_goes(sd1_folder) -> None:
    """On the device "meta", which every machine has."""
    painter = Painter.load(sd1_folder, device="cpu")
    painter.image_encoder  # noqa: B018 (it is loaded now)
    painter.offload("cpu").to("meta")
    parts = (painter.unet, painter.text_encoder, painter.vae, painter.image_encoder)
    assert [part.device.type for part in parts] == ["meta", "meta", "cpu", "cpu"]


def test_gram_distances_stay_the_same(painter, sd1_folder) -> None:
    saving = save_memory(Painter.load(sd1_folder, device="cpu"), ["slicing"])
    pair = toy_picture(1), toy_picture(2)
    assert [len(block) for block in encoder_features(saving, *pair)] == [2, 2, 2]
    distance = gram_distance(painter, *pair)
    assert gram_distance(saving, *pair) == pytest.approx(distance, abs=1e-5) and distance > 0


def test_an_unknown_saver(painter) -> None:
    with pytest.raises(ValueError, match="unknown memory saver 'magic': choose from offload"):
        save_memory(painter, ["magic"])


# --------------------------------------------------------------------------- out of memory


OUT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")


def test_what_is_out_of_memory() -> None:
    assert is_out_of_memory(OUT) and is_out_of_memory(MemoryError())
    allocator = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
    assert is_out_of_memory(RuntimeError(allocator))
    for text in (
        "CUDA error: out of memory",
        "MPS backend out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED",
    ):
        assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("shapes differ")) and not is_out_of_memory(
        ValueError()
    )


def test_the_command_gives_advice(monkeypatch, tmp_path, sd1_folder) -> None:
    def full(*args, **options):
        raise OUT

    monkeypatch.setattr(learning, "learn_many", full)
    toy_picture(1).save(tmp_path / "style.png")
    arguments = ["learn", str(tmp_path / "style.png"), "--painter", str(sd1_folder)]
    result = CliRunner().invoke(cli.app, [*arguments, "--device", "cpu"])
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("inst: ")]
    assert "out of memory" in line and "--save-memory" in line and "2.00 GiB" not in line


def test_many_words_try_less_at_once(monkeypatch, tmp_path, sd1_folder) -> None:
    learn_many = many.learn_many

    def full(painter, groups, *rest, **options):
        if len(groups) > 1 or groups[0][0].tobytes() == toy_picture(1).tobytes():
            raise OUT
        return learn_many(painter, groups, *rest, **options)

    monkeypatch.setattr(many, "learn_many", full)
    (tmp_path / "styles").mkdir()
    for seed in (1, 2):
        toy_picture(seed).save(tmp_path / f"styles/{seed}.png")
    arguments = (tmp_path / "styles", tmp_path / "words", str(sd1_folder), SHORT)
    record = many.learn_folder(*arguments, processes=1, device="cpu")["pictures"]
    assert record["2.png"]["state"] == "done"
    assert record["1.png"]["state"] == "failed" and record["1.png"]["error"] == ADVICE


# --------------------------------------------------------------------------------- precision


def test_an_overflow_in_the_picture_is_an_error(painter, sd1_folder) -> None:
    z = painter.encode(to_tensor(toy_picture(1)))
    z[0, 0, 0, 0] = float("inf")
    with pytest.raises(PrecisionError, match=r"float32 does not overflow, .* damaged$"):
        painter.decode(z)
    with pytest.raises(PrecisionError, match=r"float16 overflows .* bfloat16 or float32$"):
        Painter.load(sd1_folder, dtype=torch.float16, device="cpu").decode(z)


def test_a_worker_without_memory_for_its_painter_gives_advice(
    monkeypatch, tmp_path, capsys
) -> None:
    def fails(error):
        def load(*args):
            raise error

        monkeypatch.setattr(many, "_work_here", load)
        many.main(str(tmp_path), str(tmp_path))

    fails(OUT)
    assert capsys.readouterr().err == f"inst: {ADVICE} (CUDA out of memory)\n"
    with pytest.raises(RuntimeError, match="shapes differ"):
        fails(RuntimeError("shapes differ"))


@pytest.mark.parametrize(("dtype", "near"), [(torch.bfloat16, 0.25), (torch.float16, 0.05)])
def test_half_precision_learns_the_same_word(painter, sd1_folder, dtype, near) -> None:
    """How far the words part, as a share of the way that the float32 word went."""
    settings = LearningSettings(
        kind="free", steps=20, batch=4, evaluate_every=20, pairs=4, start="red"
    )
    half = Painter.load(sd1_folder, device="cpu", dtype=dtype)
    ends: list[torch.Tensor] = []
    for model in (painter, half):
        keep = lambda seen: ends.append(seen.vectors)  # noqa: E731
        learn(model, toy_picture(1), settings, progress=False, callback=keep)
    start, expected, _, word = ends  # before and after, twice
    assert (expected - start).norm() > 0
    assert (word - expected).norm() < near * (expected - start).norm()


def test_float16s_gradients_come_back_to_size(painter, sd1_folder, tmp_path) -> None:
    """The loss is scaled up for the backward pass; what Adam remembers is not."""
    half = Painter.load(sd1_folder, device="cpu", dtype=torch.float16)
    moments = []
    for number, model in enumerate((painter, half)):
        state = tmp_path / f"{number}.safetensors"
        learn(model, toy_picture(1), SHORT, resume=state, progress=False)
        moments.append(load_file(state)["0.adam.0.exp_avg"])
    assert (moments[1] - moments[0]).norm() < 0.2 * moments[0].norm()
