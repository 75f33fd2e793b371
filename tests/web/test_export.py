"""The painter's graphs compute what the painter does, and hold no weights of their own."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.shipped_words import WORDS, shipped_names, shipped_word
from inst_tutorial.world import Scene
from inst_tutorial.world.gallery import STYLE_SCENE

pytestmark = pytest.mark.slow
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
GRAPHS = ("text", "encode", "decode", "unet", "learn")
PROMPT = "a red house at night in the style of *"


@pytest.fixture(scope="module")
def run(exported):
    """run(name, **inputs): the outputs of a graph, as tensors."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {}

    def run(name, **inputs):
        if name not in sessions:
            sessions[name] = ort.InferenceSession(exported / f"{name}.onnx", options)
        feed = {key: value.numpy() for key, value in inputs.items()}
        return [torch.from_numpy(np.asarray(out)) for out in sessions[name].run(None, feed)]

    return run


@pytest.fixture
def random():
    generator = torch.Generator().manual_seed(5)
    return lambda *shape: torch.randn(shape, generator=generator)


def as_inputs(tokens, vectors):
    """The ids and slots that the graphs take."""
    slots = torch.stack([(tokens.slots == i).float() for i in range(vectors)], -1)  # (b, L, k)
    return tokens.ids.int(), slots


@pytest.mark.parametrize("vectors", [1, 3])
def test_the_text_graph_puts_a_word_into_a_prompt(run, paintbox, random, vectors):
    word = random(vectors, paintbox.text_width)
    tokens = paintbox.tokenize([PROMPT, "* at sunset"], vectors)
    expected = paintbox.embed_tokens(tokens, word.expand(2, -1, -1))
    ids, slots = as_inputs(tokens, vectors)
    (context,) = run("text", ids=ids, slots=slots, word=word)
    torch.testing.assert_close(context, expected, atol=2e-5, rtol=1e-4)


def test_encode_and_decode(run, paintbox, random):
    side = paintbox.picture_size
    picture, z = random(1, 3, side, side).clamp(-1, 1), random(1, *paintbox.latent_shape)
    for found, expected in zip(
        run("encode", picture=picture), paintbox.moments(picture), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    (decoded,) = run("decode", z=z)
    torch.testing.assert_close(decoded, paintbox.decode(z), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_the_noise_that_the_unet_sees(run, paintbox, random, batch):
    z = random(batch, *paintbox.latent_shape)
    context = random(batch, paintbox.text_length, paintbox.text_width)
    t = torch.linspace(0, 999, batch).round()
    with torch.no_grad():
        expected = paintbox.predict_noise(z, t, context)
    (eps,) = run("unet", z=z, t=t, context=context)
    torch.testing.assert_close(eps, expected, atol=1e-4, rtol=1e-4)


def test_the_gradient_of_the_word_is_that_of_autograd(run, paintbox, random, exported):
    batch = json.loads((exported / "paintbox.json").read_text(encoding="utf-8"))["batch"]
    z, noise = (random(batch, *paintbox.latent_shape) for _ in range(2))
    t, tokens = torch.linspace(20, 980, batch).round(), paintbox.tokenize([PROMPT], 1)
    word = paintbox.vectors_of("painting").clone().requires_grad_()
    context = paintbox.embed_tokens(tokens, word[None])
    expected = F.mse_loss(paintbox.predict_noise(z, t, context), noise)
    expected.backward()
    ids, slots = as_inputs(tokens, 1)
    inputs = {"word": word.detach(), "ids": ids, "slots": slots}
    loss, gradient = run("learn", **inputs, z=z, t=t, noise=noise)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    largest = word.grad.abs().max()
    assert (gradient - word.grad).abs().max() < 1e-4 * largest


# ------------------------------------------------------------------------- graphs and weights


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_holds_no_weights(exported, name):
    model = onnx.load(exported / f"{name}.onnx", load_external_data=False)
    inside = [i for i in model.graph.initializer if not i.external_data]
    assert (exported / f"{name}.onnx").stat().st_size < 1e6
    assert max(int(np.prod(i.dims)) for i in inside) < 20_000
    assert not any(node.metadata_props for node in model.graph.node)


def test_graphs_and_weights_are_those_of_the_painter(exported):
    from onnx_export.graphs import check
    from onnx_export.weights import marks, sha256

    check([exported / f"{name}.onnx" for name in GRAPHS], PAINTBOX)
    manifest = json.loads((exported / "paintbox.json").read_text(encoding="utf-8"))
    for name, facts in manifest["files"].items():
        assert facts["sha256"] == sha256(exported / name), name
        assert facts["bytes"] == (exported / name).stat().st_size, name
    for entry in manifest["graphs"].values():
        noted = marks(exported / entry["graph"])
        for file in entry["weights"]:
            assert noted[file] == manifest["files"][file]["sha256"]


def test_the_words_of_the_painter_are_there_as_they_are(exported):
    manifest = json.loads((exported / "paintbox.json").read_text(encoding="utf-8"))
    words = {style["name"]: style["word"] for style in manifest["gallery"]["styles"]}
    offered = {name: word for name, word in words.items() if word}
    assert tuple(sorted(offered)) == shipped_names()
    for name, word in offered.items():
        assert (exported / word["file"]).read_bytes() == (
            WORDS / f"{name}.safetensors"
        ).read_bytes()
        assert word["file"] in manifest["files"]
        assert word["steps"] == shipped_word(name).info["steps"]
        assert shipped_word(name).info["fingerprint"] == manifest["fingerprint"]


@pytest.mark.parametrize("changed", ["noise_schedule", "painter", "shipped_words", "words"])
def test_what_the_page_is_told_of_is_exported_anew(monkeypatch, changed):
    from onnx_export import export

    import inst_tutorial

    before, sha256 = export.fingerprints(PAINTBOX), export.weights.sha256
    assert before == export.fingerprints(PAINTBOX)
    monkeypatch.setattr(
        export.weights, "sha256", lambda path: sha256(path) + (path.stem == changed) * "0"
    )
    other = export.fingerprints(PAINTBOX)
    assert other["rest"] != before["rest"] and other["graphs"] == before["graphs"]
    monkeypatch.undo()
    monkeypatch.setattr(inst_tutorial, "__version__", "9.9")
    newer = export.fingerprints(PAINTBOX)
    assert newer["rest"] != before["rest"] and newer["graphs"] == before["graphs"]


def test_the_picture_of_a_style_is_that_which_its_word_was_learned_from():
    for name in shipped_names():
        assert Scene(**shipped_word(name).info["style_picture"]) == STYLE_SCENE


def test_weights_of_another_painter_are_noticed(exported, tmp_path):
    from onnx_export.graphs import check
    from onnx_export.weights import ExportError

    shutil.copytree(exported / "vae", tmp_path / "vae")
    (weights,) = (tmp_path / "vae").iterdir()
    check([exported / "decode.onnx"], tmp_path)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ExportError, match="made for another vae/"):
        check([exported / "decode.onnx"], tmp_path)


def test_an_export_that_is_up_to_date_is_left_alone(exported):
    from onnx_export.export import export_all

    before = (exported / "paintbox.json").stat().st_mtime_ns
    assert export_all(exported) is False
    assert (exported / "paintbox.json").stat().st_mtime_ns == before


def test_numbers_that_lie_in_no_file_are_refused():
    from onnx import helper, numpy_helper
    from onnx_export.weights import ExportError, Store, point_to_files

    numbers = np.random.default_rng(0).random((200, 200), np.float32)
    graph = helper.make_graph([], "foreign", [], [], [numpy_helper.from_array(numbers, "table")])
    with pytest.raises(ExportError, match=r"table .*in none of the painter's files"):
        point_to_files(helper.make_model(graph), Store(PAINTBOX, []))
