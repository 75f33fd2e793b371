"""The painter in a browser paints and learns as the package does."""

import numpy as np
import pytest
import torch
from chromium import needs_chromium
from PIL import Image
from torch.nn import functional as F

from inst_tutorial.learning import LearningSettings, learn
from inst_tutorial.style_transfer import TransferSettings, draw, transfer
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, Scene, paint

pytestmark = [needs_chromium, pytest.mark.browser]
STYLE = paint(Scene("house", "meadow", colour="blue"), HELD_OUT["lagoon"])
CONTENT = paint(Scene("cat", "snow", colour="orange"))
SETUP = """async () => {
  const { PainterClient } = await import("/painter/app/client.js");
  window.client = await PainterClient.open(new URL("/painter/", location.href).href);
  window.reports = [];
  await client.load((report) => reports.push(report));
  return reports;
}"""


@pytest.fixture(scope="module")
def loaded(blank):
    """A page with a loaded painter in `client`, and what was reported while it loaded."""
    return blank, blank.evaluate(SETUP)


@pytest.fixture
def page(loaded):
    return loaded[0]


def rgba(picture):
    """A picture as the numbers of a canvas."""
    return list(picture.convert("RGBA").tobytes())


def shown(numbers):
    side = int((len(numbers) / 4) ** 0.5)
    return np.array(numbers, np.uint8).reshape(side, side, 4)[..., :3].astype(int)


def difference(numbers, picture):
    return np.abs(shown(numbers) - np.asarray(picture, int)).max()


def settings(**changed):
    base = {"prompt": "*", "strength": 0.8, "guidance": 2.0, "steps": 6,
            "inversion": "stochastic", "seed": 0}  # fmt: skip
    return base | changed


@pytest.fixture(scope="module")
def word(paintbox):
    """Not learned, but not in the vocabulary either; two vectors."""
    return Word(1.7 * paintbox.vectors_of("swirling pink").clone())


def as_js(word):
    k = len(word.vectors)
    return {"vectors": word.vectors.flatten().tolist(), "k": k, "info": {}}


REPAINT = """async ([rgba, word, settings]) => {
  word &&= { ...word, vectors: Float32Array.from(word.vectors) };
  const steps = [];
  const done = await client.repaint(Uint8ClampedArray.from(rgba), word, settings,
    (report) => steps.push([report.step, report.steps, report.pixels.length]));
  return { picture: [...done], steps };
}"""


def test_loading_reports_every_byte(loaded, exported):
    from onnx_export.export import read_manifest

    files = read_manifest(exported)["files"]
    needed = [name for name in files if "jspi" not in name and not name.startswith("words/")]
    total = sum(files[name]["bytes"] for name in needed)
    assert loaded[1][-1]["total"] == total == loaded[1][-1]["bytes"]
    assert [r["bytes"] for r in loaded[1]] == sorted(r["bytes"] for r in loaded[1])


@pytest.mark.parametrize("inversion", ["stochastic", "ddim", "noise"])
def test_a_repainted_picture_is_that_of_the_package(page, paintbox, word, inversion):
    found = page.evaluate(REPAINT, [rgba(CONTENT), as_js(word), settings(inversion=inversion)])
    expected = transfer(paintbox, CONTENT, word, TransferSettings(steps=6, inversion=inversion))
    assert difference(found["picture"], expected) <= 1
    walked = 5  # 0.8 of 6 steps
    assert found["steps"] == [[i + 1, walked, 4 * 128 * 128] for i in range(walked)]


def test_a_repainting_without_a_word_and_without_guidance(page, paintbox):
    changed = settings(prompt="a painting in blue", guidance=1, seed=5)
    found = page.evaluate(REPAINT, [rgba(CONTENT), None, changed])
    python = TransferSettings(steps=6, prompt="a painting in blue", guidance=1.0, seed=5)
    assert difference(found["picture"], transfer(paintbox, CONTENT, None, python)) <= 1


def test_a_drawn_picture_is_that_of_the_package(page, paintbox):
    found = page.evaluate(
        "async (settings) => [...(await client.draw(null, settings))]",
        {"prompt": "a red house at night", "guidance": 3, "steps": 6, "seed": 11},
    )
    assert difference(found, draw(paintbox, "a red house at night", steps=6, seed=11)) <= 1


def test_the_gradient_is_that_of_autograd(page, paintbox):
    generator = torch.Generator().manual_seed(2)
    z, noise = (torch.randn(4, *paintbox.latent_shape, generator=generator) for _ in range(2))
    t, word = torch.tensor([50, 300, 600, 900]), paintbox.vectors_of("painting").clone()
    word.requires_grad_()
    loss = F.mse_loss(paintbox.predict_noise(z, t, paintbox.embed("*", word)), noise)
    loss.backward()
    inputs = {"word": word.detach().flatten().tolist(), "z": z.flatten().tolist(),
              "ts": t.tolist(), "noise": noise.flatten().tolist(), "prompt": "*"}  # fmt: skip
    found = page.evaluate(
        """async (x) => {
          for (const name of ["word", "z", "noise"]) x[name] = Float32Array.from(x[name]);
          const { loss, gradient } = await client.gradient(x);
          return { loss, gradient: [...gradient] };
        }""",
        inputs,
    )
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-4)
    largest = word.grad.abs().max().item()
    np.testing.assert_allclose(found["gradient"], word.grad[0].numpy(), atol=1e-3 * largest)


LEARN = """async ([rgba, settings, end]) => {
  const reports = [];
  const word = await client.learn(Uint8ClampedArray.from(rgba), settings, (report) => {
    reports.push(report);
    if (report.step === end) client.stop();
  });
  const bytes = (await import("/painter/app/safetensors.js")).writeWord(word);
  return { reports, stopped: word.info.stopped, bytes: [...bytes] };
}"""


def test_five_steps_of_learning_are_those_of_the_package(page, paintbox, tmp_path):
    """The same seed, the same losses, the same word; and the package reads the browser's file."""
    js = {"steps": 5, "learningRate": 0.2, "evaluateEvery": 5, "pairs": 16, "seed": 0}
    found = page.evaluate(LEARN, [rgba(STYLE), js, None])
    python = LearningSettings(
        kind="free", steps=5, batch=4, learning_rate=0.2, evaluate_every=5, pairs=16
    )
    expected = learn(paintbox, STYLE, python, progress=False)
    losses = [report["loss"] for report in found["reports"] if "loss" in report]
    assert losses == pytest.approx([p["loss"] for p in expected.info["curve"]], rel=1e-3)
    assert losses[-1] < losses[0]
    (tmp_path / "word.safetensors").write_bytes(bytes(found["bytes"]))
    word = Word.load(tmp_path / "word.safetensors")
    torch.testing.assert_close(word.vectors, expected.vectors, atol=0.02, rtol=0.02)
    assert word.info["settings"]["learning_rate"] == 0.2
    assert word.info["curve"][-1]["step"] == 5
    assert word.info["stopped"] == expected.info["stopped"] == "steps"


def test_learning_that_is_stopped_keeps_its_word(page):
    js = {"steps": 40, "learningRate": 0.2, "evaluateEvery": 2, "pairs": 4, "seed": 0}
    found = page.evaluate(LEARN, [rgba(STYLE), js, 2])
    assert found["stopped"] == "callback"
    assert found["reports"][-1]["step"] <= 4
    assert len(found["bytes"]) > 700


def test_a_repainting_stops_at_its_next_step(page):
    found = page.evaluate(
        """async ([rgba, settings]) => {
          let seen = 0;
          const hear = () => { seen++; client.stop(); };
          const work = client.repaint(Uint8ClampedArray.from(rgba), null, settings, hear);
          const error = await work.then(() => null, (error) => error.name);
          return { seen, error, busy: client.busy };
        }""",
        [rgba(CONTENT), settings(prompt="a painting", steps=20)],
    )
    assert found["error"] == "Stopped"
    assert found["seen"] <= 2
    assert not found["busy"]


def test_what_went_wrong_is_said_and_the_painter_goes_on(page):
    ask = (
        """async (settings) => client.draw(null, settings).then(() => "drawn", (e) => e.message)"""
    )
    drawing = {"prompt": "a red howse", "guidance": 3, "steps": 1, "seed": 0}
    assert "“howse” (near it: house" in page.evaluate(ask, drawing)
    assert "learned word" in page.evaluate(ask, drawing | {"prompt": "*"})
    assert "steps must be" in page.evaluate(ask, drawing | {"prompt": "a cat", "steps": 0})
    assert page.evaluate(ask, drawing | {"prompt": "a cat"}) == "drawn"


def test_a_gallery_picture_is_decoded_alike_by_both(page, exported):
    code = """async () => {
      const answer = await fetch("/painter/gallery/cat.webp");
      const bitmap = await createImageBitmap(await answer.blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      return [...canvas.getContext("2d").getImageData(0, 0, bitmap.width, bitmap.height).data];
    }"""
    assert difference(page.evaluate(code), Image.open(exported / "gallery/cat.webp")) == 0
