"""Transfer: content picture + word -> picture, prompt + word -> picture."""

import pytest
import torch
from tiny import toy_picture

from inst_tutorial.inversion import INVERSIONS
from inst_tutorial.noise_level import timesteps
from inst_tutorial.noise_schedule import ScheduleError
from inst_tutorial.painter import PromptError
from inst_tutorial.pictures import to_pictures, to_tensor
from inst_tutorial.sampling import sample
from inst_tutorial.style_transfer import (
    TransferError,
    TransferSettings,
    adain,
    draw,
    repaint,
    transfer,
)
from inst_tutorial.words import Word

FAST = TransferSettings(steps=4, guidance=2.0)


@pytest.fixture
def word():
    vectors = torch.randn(2, 32, generator=torch.Generator().manual_seed(5))
    return Word(vectors)


@pytest.fixture
def contents():
    return [toy_picture(seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize(
    ("inversion", "strength"),
    [
        (name, s)
        for name in sorted(INVERSIONS)
        for s in (0.3, 1.0)
        if (name, s) != ("official", 1.0)
    ],
)
def test_every_inversion_repaints_at_any_strength(sd1_painter, word, contents, inversion, strength):
    settings = TransferSettings(steps=4, strength=strength, inversion=inversion)
    result = transfer(sd1_painter, contents[0], word, settings)
    assert result.size == contents[0].size and result.mode == "RGB"
    assert result != contents[0]


def test_it_is_inversion_then_sampling(sd1_painter, word, contents):
    context = sd1_painter.embed("*", word.vectors)
    z0 = sd1_painter.encode(to_tensor(contents[0]))
    generator = torch.Generator().manual_seed(FAST.seed)
    inverted = INVERSIONS["stochastic"](
        sd1_painter, z0, context, steps=4, strength=FAST.strength, generator=generator
    )
    latent = sample(
        sd1_painter,
        inverted.latent,
        context,
        timesteps=inverted.timesteps,
        guidance=2.0,
        empty=sd1_painter.embed(""),
    )
    repainted = repaint(sd1_painter, to_tensor(contents[0]), word, FAST)
    torch.testing.assert_close(repainted.latent, latent)
    assert repainted.calls == inverted.calls + len(inverted.timesteps)


@pytest.mark.parametrize("inversion", sorted(INVERSIONS))
def test_all_network_calls_of_a_batch_are_counted(
    sd1_painter, word, contents, inversion, monkeypatch
):
    calls = []
    predict = sd1_painter.predict_noise
    monkeypatch.setattr(
        sd1_painter, "predict_noise", lambda *args: (calls.append(1), predict(*args))[1]
    )
    settings = TransferSettings(steps=4, inversion=inversion)
    assert repaint(sd1_painter, to_tensor(contents), word, settings).calls == len(calls)


@pytest.mark.parametrize("inversion", ["stochastic", "ddim", "noise"])
def test_a_batch_equals_its_pictures_one_by_one(sd1_painter, word, contents, inversion):
    settings = TransferSettings(steps=4, inversion=inversion)
    together = repaint(sd1_painter, to_tensor(contents), word, settings)
    for i, content in enumerate(contents):
        alone = repaint(sd1_painter, to_tensor(content), word, settings)
        torch.testing.assert_close(together.latent[i : i + 1], alone.latent, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.inverted.noise[i : i + 1], alone.inverted.noise)


def test_a_list_gives_a_list_and_a_picture_gives_a_picture(sd1_painter, word, contents):
    results = transfer(sd1_painter, contents, word, FAST)
    assert len(results) == 3 and results[0] != results[1]
    assert transfer(sd1_painter, contents[:1], word, FAST) == [
        transfer(sd1_painter, contents[0], word, FAST)
    ]


def test_the_callback_sees_every_step_and_the_last_is_the_result(sd1_painter, word, contents):
    seen = []
    repainted = repaint(
        sd1_painter,
        to_tensor(contents),
        word,
        FAST,
        callback=lambda i, t, z_t, z0_hat: seen.append((i, t, z_t, z0_hat)),
    )
    assert [i for i, *_ in seen] == list(range(len(repainted.inverted.timesteps)))
    assert tuple(t for _, t, *_ in seen) == repainted.inverted.timesteps
    assert torch.equal(seen[0][2], repainted.inverted.latent)
    assert all(z_t.shape == z0.shape == repainted.latent.shape for *_, z_t, z0 in seen)


def test_the_seed_decides_the_result(sd1_painter, word, contents):
    first, again, other = (
        transfer(sd1_painter, contents[0], word, TransferSettings(steps=4, seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_word_the_prompt_and_the_strength_matter(sd1_painter, word, contents):
    def latent(word=word, **changes):
        settings = TransferSettings(steps=4, **changes)
        return repaint(sd1_painter, to_tensor(contents[0]), word, settings).latent

    start = latent()
    assert not torch.allclose(start, latent(word=Word(-word.vectors)), atol=1e-4)
    assert not torch.allclose(start, latent(prompt="a cat in the style of *"), atol=1e-4)
    z0 = sd1_painter.encode(to_tensor(contents[0]))
    moved = [(latent(strength=s, guidance=1.0) - z0).norm() for s in (0.3, 1.0)]
    assert moved[0] < moved[1]


def test_new_noise_is_not_the_noise_of_the_inversion_again(sd1_painter, word, contents):
    def second_latent(eta):
        settings = TransferSettings(
            steps=4, guidance=1.0, inversion="noise", strength=1.0, eta=eta, seed=5
        )
        seen = []
        repaint(
            sd1_painter, to_tensor(contents[0]), word, settings, callback=lambda *s: seen.append(s)
        )
        return seen[1][2]

    new = (second_latent(1.0) - second_latent(0.0)).flatten()
    first = torch.randn(new.shape, generator=torch.Generator().manual_seed(5))
    assert abs(torch.corrcoef(torch.stack([new, first]))[0, 1]) < 0.3


def test_img2img_is_plain_noise_and_a_prompt_without_word(sd1_painter, contents):
    settings = TransferSettings(steps=4, inversion="noise", prompt="a warm painting")
    assert transfer(sd1_painter, contents[0], None, settings) != transfer(
        sd1_painter, contents[0], None, TransferSettings(steps=4, prompt="a warm painting")
    )


def test_a_prompt_must_fit_the_word(sd1_painter, word, contents):
    with pytest.raises(PromptError, match=r"\*"):
        transfer(sd1_painter, contents[0], word, TransferSettings(prompt="a cat"))
    with pytest.raises(PromptError, match=r"\*"):
        transfer(sd1_painter, contents[0], None, TransferSettings(prompt="a cat by *"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": 0.0}, "strength.*above 0.*got 0.0"),
        ({"strength": 1.01}, "strength.*at most 1.*got 1.01"),
        ({"strength": float("nan")}, "strength.*got nan"),
        ({"steps": 0}, "steps.*at least 1.*got 0"),
        ({"guidance": -1.0}, "guidance.*got -1.0"),
        ({"guidance": float("inf")}, "guidance.*got inf"),
        ({"eta": 1.5}, "eta.*0.*to 1, got 1.5"),
        ({"eta": -0.1}, "eta.*got -0.1"),
        ({"inversion": "magic"}, "stochastic.*got 'magic'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(TransferError, match=message):
        TransferSettings(**settings)


def test_pictures_of_another_size_or_none_are_refused(sd1_painter, word):
    with pytest.raises(TransferError, match=r"32 x 32 pixels, got.*\(48, 48\).*open_picture"):
        transfer(sd1_painter, toy_picture(1, 48), word, FAST)
    with pytest.raises(TransferError, match="got none"):
        transfer(sd1_painter, [], word, FAST)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 5000}, "steps must be from 1 to 999, got 5000"),
        ({"inversion": "official", "strength": 1.0}, "official code cannot use strength 1.0"),
    ],
)
def test_what_the_painters_levels_do_not_allow_is_refused(
    sd1_painter, word, contents, settings, message
):
    with pytest.raises(ScheduleError, match=message):
        transfer(sd1_painter, contents[0], word, TransferSettings(**settings))


def test_adain_gives_each_channel_the_mean_and_spread_of_the_style():
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.randn(2, 4, 8, 8, generator=generator) * k + k for k in (1, 3))
    mixed = adain(content, style)
    torch.testing.assert_close(mixed.mean((2, 3)), style.mean((2, 3)))
    torch.testing.assert_close(mixed.std((2, 3)), style.std((2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(adain(content, content), content)


def test_adain_of_a_flat_channel_is_finite():
    assert adain(torch.ones(1, 4, 8, 8), torch.randn(1, 4, 8, 8)).isfinite().all()


def test_transfer_with_adain_repaints_the_shifted_latent(sd1_painter, word, contents):
    settings = TransferSettings(steps=4, adain=True)
    content_pm1, style_pm1 = to_tensor(contents[0]), to_tensor(contents[1])
    repainted = repaint(sd1_painter, content_pm1, word, settings, contents[1])
    shifted = adain(sd1_painter.encode(content_pm1), sd1_painter.encode(style_pm1))
    inverted = INVERSIONS["stochastic"](
        sd1_painter,
        shifted,
        sd1_painter.embed("*", word.vectors),
        steps=4,
        strength=settings.strength,
        generator=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(repainted.inverted.latent, inverted.latent)


def test_adain_and_the_style_picture_come_together(sd1_painter, word, contents):
    with pytest.raises(TransferError, match="adain=True needs the style picture"):
        transfer(sd1_painter, contents[0], word, TransferSettings(adain=True))
    with pytest.raises(TransferError, match="adain=False"):
        transfer(sd1_painter, contents[0], word, FAST, contents[1])


def test_draw_is_sampling_from_pure_noise(sd1_painter, word):
    noise = torch.randn((1, *sd1_painter.latent_shape), generator=torch.Generator().manual_seed(3))
    latent = sample(
        sd1_painter,
        noise,
        sd1_painter.embed("a cat in the style of *", word.vectors),
        timesteps=timesteps(sd1_painter.schedule, 4),
        guidance=2.0,
        empty=sd1_painter.embed(""),
    )
    drawn = draw(sd1_painter, "a cat in the style of *", word, steps=4, guidance=2.0, seed=3)
    assert drawn == to_pictures(sd1_painter.decode(latent))[0]


def test_draw_refuses_what_transfer_refuses(sd1_painter, word):
    with pytest.raises(PromptError):
        draw(sd1_painter, "a cat", word)
    with pytest.raises(TransferError, match="steps"):
        draw(sd1_painter, "a cat", steps=0)


def test_other_layouts_repaint_too(sd2_painter):
    word = Word(torch.randn(1, 40, generator=torch.Generator().manual_seed(1)))
    assert transfer(sd2_painter, toy_picture(1), word, FAST).size == (32, 32)
