"""The browser's modules give the numbers that the package gives."""

import difflib
import re

import numpy as np
import pytest
import torch
from chromium import needs_chromium

from inst_tutorial.noise_level import start_index, timesteps
from inst_tutorial.noise_schedule import multiscale_noise
from inst_tutorial.painter import PromptError

pytestmark = [needs_chromium, pytest.mark.browser]


@pytest.fixture(scope="module")
def manifest(exported):
    from onnx_export.export import read_manifest

    return read_manifest(exported)


@pytest.fixture
def call(blank):
    """call(module, function body of `m` and `x`, x): what JavaScript answers."""

    def call(module, body, x=None):
        code = f"async (x) => {{ const m = await import('/painter/app/{module}.js'); {body} }}"
        return blank.evaluate(code, x)

    return call


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_random_numbers_are_those_of_torch(call, seed):
    generator = torch.Generator().manual_seed(seed)
    expected = [
        torch.randint(1, (), generator=generator).tolist(),
        torch.randint(2, (4,), generator=generator).tolist(),
        torch.rand(4, generator=generator).tolist(),
        torch.randn(4096, generator=generator).tolist(),
    ]
    body = """const g = new m.Generator(x);
      return [g.randint(1, 1)[0], g.randint(2, 4), [...g.rand(4)], [...g.randn(4096)]];"""
    found = call("random", body, seed)
    assert found[:3] == expected[:3]
    np.testing.assert_allclose(found[3], expected[3], atol=2e-6)


def test_a_seed_that_torch_would_not_take_alike_is_refused(call):
    body = "try { new m.Generator(x); } catch (error) { return error.message; }"
    assert "whole number from 0 to 4294967295, got -1" in call("random", body, -1)
    assert "got 1.5" in call("random", body, 1.5)


def test_multiscale_noise(call, paintbox):
    shape = (4, *paintbox.latent_shape)
    expected = multiscale_noise(shape, 0.4, torch.Generator().manual_seed(3))
    body = """const g = new (await import("/painter/app/random.js")).Generator(3);
      return [...m.multiscaleNoise(x, 0.4, g)];"""
    found = np.array(call("multiscale_noise", body, list(shape))).reshape(shape)
    np.testing.assert_allclose(found, expected.numpy(), atol=5e-6)


@pytest.mark.parametrize(
    ("steps", "strength"), [(20, 0.8), (20, 1.0), (20, 0.01), (5, 0.5), (7, 0.5)]
)
def test_the_grid_of_timesteps(call, paintbox, manifest, steps, strength):
    schedule = paintbox.schedule
    expected = timesteps(schedule, steps)[start_index(schedule, steps, strength) :]
    inputs = [manifest["schedule"], steps, strength]
    assert call("noise_level", "return m.remaining(...x);", inputs) == list(expected)


def test_levels_of_noise(call, paintbox, manifest):
    alphas = call("noise_schedule", "return [-1, 0, 500, 999].map((t) => m.alphaBar(x, t));",
                  manifest["schedule"])  # fmt: skip
    expected = [paintbox.schedule.alpha_bar(t).item() for t in (-1, 0, 500, 999)]
    assert alphas == pytest.approx(expected, rel=1e-12)


PROMPTS = ("", "a red house at night", "A Cat,in the SNOW", " *", "a house in the style of *, *")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts_become_the_same_tokens(call, paintbox, manifest, prompt):
    k = 2 if "*" in prompt else 0
    tokens = paintbox.tokenize([prompt], k)
    body = "const t = m.tokenize(...x); return [[...t.ids], [...t.slots]];"
    ids, slots = call("text", body, [manifest["text"], prompt, k])
    assert ids == tokens.ids[0].tolist()
    expected = torch.stack([(tokens.slots[0] == i).float() for i in range(max(k, 1))], -1)
    assert slots == expected.flatten().tolist()  # (L, k) -> (L * k,)


@pytest.mark.parametrize(
    "prompt", ["a red howse", "a cat2", "a pink-red cat", "ein Haus", "naïve cat"]
)
def test_unknown_words_are_named_by_both(call, paintbox, manifest, prompt):
    with pytest.raises(PromptError) as error:
        paintbox.tokenize([prompt])
    expected = [
        (piece.lower(), [] if similar == "no word" else similar.split(", "))
        for piece, similar in re.findall(r"'(\S+)' \(similar: (.*?)\)", str(error.value))
    ]
    body = "return m.unknownWords(...x).map(({ piece, near }) => [piece, near]);"
    found = call("text", body, [manifest["text"], prompt])
    assert expected and [tuple(one) for one in found] == expected


def test_near_spellings_are_those_of_difflib(call, manifest):
    known = list(manifest["text"]["vocabulary"])
    for word in ("howse", "watercolor", "lighthous", "qqqq", "snowy"):
        found = call("close_matches", "return m.closeMatches(...x);", [word, known])
        assert found == difflib.get_close_matches(word, known), word


def painter_of(painter):
    """What a word is compared with."""
    return {"text": {"width": painter.text_width}, "fingerprint": painter.fingerprint()}


def test_a_word_goes_from_python_to_the_browser_and_back(call, paintbox, tmp_path):
    from inst_tutorial.words import Word

    word = Word(torch.randn(2, paintbox.text_width), {"painter": "paintbox", "steps": 3})
    there = word.save(tmp_path / "there.safetensors").read_bytes()
    body = """const word = m.readWord(Uint8Array.from(x[0]), x[1]);
      return [word.k, word.info.steps, [...m.writeWord(word)]];"""
    k, steps, back = call("safetensors", body, [list(there), painter_of(paintbox)])
    assert (k, steps) == (2, 3)
    (tmp_path / "back.safetensors").write_bytes(bytes(back))
    again = Word.load(tmp_path / "back.safetensors")
    assert torch.equal(again.vectors, word.vectors)
    assert again.info == word.info


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "no word"),
        (lambda data: b"\x89PNG" + data, "no word"),
        (lambda data: data[:-4], "cut off"),
        (lambda data: data[:-4] + b"\x00\x00\xc0\x7f", "damaged"),
        (lambda data: data.replace(b'"F32"', b'"I32"'), "type I32"),
    ],
)
def test_a_damaged_word_is_refused(call, paintbox, tmp_path, damage, reason):
    from inst_tutorial.words import Word

    path = Word(torch.ones(1, paintbox.text_width)).save(tmp_path / "word.safetensors")
    body = "try { m.readWord(Uint8Array.from(x[0]), x[1]); } catch (e) { return e.message; }"
    said = call("safetensors", body, [list(damage(path.read_bytes())), painter_of(paintbox)])
    assert reason in said


def test_a_word_of_another_painter_is_refused(call, tmp_path):
    from inst_tutorial.words import Word

    path = Word(torch.ones(1, 768)).save(tmp_path / "word.safetensors")
    body = """const painter = { text: { width: 192 } };
      try { m.readWord(Uint8Array.from(x), painter); } catch (e) { return e.message; }"""
    said = call("safetensors", body, list(path.read_bytes()))
    assert "768 numbers" in said and "another painter" in said


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"fingerprint": "here"}, "read"),
        ({}, "read"),
        ({"fingerprint": "there"}, "another painter"),
    ],
)
def test_a_word_of_other_weights_is_refused(call, tmp_path, info, said):
    from inst_tutorial.words import Word

    path = Word(torch.ones(1, 4), info).save(tmp_path / "word.safetensors")
    body = """const painter = { text: { width: 4 }, fingerprint: "here" };
      try { m.readWord(Uint8Array.from(x), painter); } catch (e) { return e.message; }
      return "read";"""
    assert said in call("safetensors", body, list(path.read_bytes()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_words_of_every_precision_are_read(call, tmp_path, dtype):
    from safetensors.torch import save_file

    numbers = torch.tensor([1.5, -0.25, 65280.0, 6e-8, 0.0, -2.0], dtype=dtype)
    save_file({"emb_params": numbers}, tmp_path / "word.safetensors")
    body = "return [...m.readWord(Uint8Array.from(x), { text: { width: 6 } }).vectors];"
    found = call("safetensors", body, list((tmp_path / "word.safetensors").read_bytes()))
    assert found == numbers.float().tolist()
