"""Learning on tiny random painters: what moves, what does not, and that it can be repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import toy_picture

from inst_tutorial.learning import (
    Evaluation,
    EvaluationPairs,
    LearningError,
    LearningSettings,
    evaluate_loss,
    learn,
    learn_many,
    plateau,
    stratified_timesteps,
)
from inst_tutorial.painter import Painter
from inst_tutorial.pictures import to_tensor
from inst_tutorial.words import Word

SHORT = LearningSettings(kind="free", steps=5, batch=2, evaluate_every=2, pairs=2, patience=99)
PARTS = ("vae", "text_encoder", "unet", "image_encoder")


def quickly(painter: Painter, *pictures, settings: LearningSettings = SHORT, **options) -> Word:
    return learn(painter, pictures, settings, progress=False, **options)


def losses(word: Word) -> list[float]:
    return [point["loss"] for point in word.info["curve"]]


# ----------------------------------------------------------------------------- what it learns


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["free", "pooled", "patches"])
def test_the_loss_falls(sd1_painter: Painter, style_picture, kind: str) -> None:
    settings = replace(SHORT, kind=kind, vectors=2, steps=20, evaluate_every=20, pairs=4)
    word = quickly(sd1_painter, style_picture, settings=settings)
    assert word.vectors.shape == (2, 32) and word.vectors.dtype == torch.float32
    assert losses(word)[-1] < losses(word)[0]


def test_velocity_painters_learn_too(sd2_painter: Painter, style_picture) -> None:
    settings = replace(SHORT, steps=20, evaluate_every=20, pairs=4)
    word = quickly(sd2_painter, style_picture, settings=settings)
    assert word.vectors.shape == (1, 40)
    assert losses(word)[-1] < losses(word)[0]


def test_the_painter_stays_as_it_was(sd1_painter: Painter, style_picture) -> None:
    before = {
        (part, name): value.clone()
        for part in PARTS
        for name, value in getattr(sd1_painter, part).state_dict().items()
    }
    quickly(sd1_painter, style_picture, settings=replace(SHORT, kind="patches"))
    for part in PARTS:
        module = getattr(sd1_painter, part)
        assert all(p.grad is None for p in module.parameters())
        for name, value in module.state_dict().items():
            assert torch.equal(value, before[part, name])


def test_the_best_word_is_kept(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inst_tutorial import learning

    scripted, seen = iter([3.0, 1.0, 2.0]), []
    monkeypatch.setattr(learning, "evaluate_loss", lambda *args: next(scripted))
    settings = replace(SHORT, steps=2, evaluate_every=1)
    word = quickly(sd1_painter, style_picture, settings=settings, callback=seen.append)
    first, best, last = (evaluation.vectors for evaluation in seen)
    assert torch.equal(word.vectors, best)
    assert not torch.equal(best, first) and not torch.equal(best, last)
    assert not word.vectors.requires_grad


def test_the_recorded_loss_is_that_of_the_word(sd1_painter: Painter, style_picture) -> None:
    seen: list[Evaluation] = []
    quickly(sd1_painter, style_picture, callback=seen.append)
    generator = torch.Generator().manual_seed(SHORT.seed)
    pairs = EvaluationPairs.draw(sd1_painter, [style_picture], SHORT.pairs, generator)
    loss = evaluate_loss(sd1_painter, pairs, sd1_painter.embed("*", seen[-1].vectors))
    assert loss == pytest.approx(seen[-1].loss, rel=1e-6)


def test_evaluation_is_the_plain_formula(sd1_painter: Painter, style_picture) -> None:
    pairs = EvaluationPairs.draw(sd1_painter, [style_picture], 20, torch.Generator())
    context = sd1_painter.embed("a house")
    errors = []
    for z0, t, noise in zip(pairs.z0, pairs.t, pairs.noise, strict=True):
        abar = sd1_painter.schedule.alphas_cumprod[t].float()
        z_t = abar.sqrt() * z0 + (1 - abar).sqrt() * noise
        with torch.no_grad():
            eps = sd1_painter.predict_noise(z_t[None], int(t), context)
        errors.append((eps[0] - noise).square().mean())
    plain = torch.stack(errors).mean().item()
    assert evaluate_loss(sd1_painter, pairs, context) == pytest.approx(plain, rel=1e-5)


def test_word_tells_how_it_came_about(sd1_painter: Painter, style_picture, tmp_path: Path) -> None:
    word = quickly(sd1_painter, style_picture, settings=replace(SHORT, seed=5))
    assert [point["step"] for point in word.info["curve"]] == [0, 2, 4, 5]
    assert word.info["settings"]["seed"] == 5
    assert word.info["painter"] == sd1_painter.source
    assert (word.info["steps"], word.info["stopped"]) == (5, "steps")
    again = Word.load(word.save(tmp_path / "word.safetensors"))
    assert again.info["curve"] == word.info["curve"]


def test_a_callback_ends_the_learning_of_its_style(sd1_painter: Painter, style_picture) -> None:
    def after_two_steps(seen):
        return seen.style == 0 and seen.step == 2

    whole = learn_many(sd1_painter, [[style_picture]] * 2, SHORT, progress=False)
    words = learn_many(
        sd1_painter, [[style_picture]] * 2, SHORT, progress=False, callback=after_two_steps
    )
    assert [(w.info["steps"], w.info["stopped"]) for w in words] == [(2, "callback"), (5, "steps")]
    assert words[0].info["curve"] == whole[0].info["curve"][:2]
    torch.testing.assert_close(words[1].vectors, whole[1].vectors)


# ------------------------------------------------------------------------------- its own data


def test_timesteps_are_stratified() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        t = stratified_timesteps(8, 1000, generator)
        assert (t // 125).tolist() == list(range(8))
    assert len(stratified_timesteps(1, 1000, generator)) == 1
    every = torch.cat([stratified_timesteps(8, 10, generator) for _ in range(100)])
    assert set(every.tolist()) == set(range(10))


def test_every_step_has_one_timestep_a_stratum(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    predict = sd1_painter.predict_noise

    def watch(z_t, t, context):
        if torch.is_grad_enabled():  # a step, not an evaluation
            seen.append(t)
        return predict(z_t, t, context)

    monkeypatch.setattr(sd1_painter, "predict_noise", watch)
    quickly(sd1_painter, style_picture, settings=replace(SHORT, batch=5, steps=4))
    assert len(seen) == 4
    assert all((t // 200).tolist() == [0, 1, 2, 3, 4] for t in seen)


def counting(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[int]:
    """Count the calls of owner.name, in a list of one number."""
    calls, original = [0], getattr(owner, name)

    def count(*args, **kwargs):
        calls[0] += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, count)
    return calls


@pytest.mark.parametrize("steps", [1, 9])
def test_nothing_is_encoded_or_tokenised_in_the_loop(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    encoder = counting(monkeypatch, sd1_painter.vae, "encode")
    decoder = counting(monkeypatch, sd1_painter.vae, "decode")
    tokenizer = counting(monkeypatch, type(sd1_painter.tokenizer), "__call__")
    text = counting(monkeypatch, sd1_painter.text_encoder, "forward")
    settings = replace(SHORT, kind="pooled", steps=steps, evaluate_every=100, prompts=("*", "a *"))
    quickly(sd1_painter, style_picture, settings=settings)
    assert (encoder[0], decoder[0]) == (2, 0)  # to learn from and to evaluate on, once each
    assert tokenizer[0] == 4  # the texts around the placeholder, two a prompt
    assert text[0] == steps + 2  # once a step; evaluated at the start and at the end


def test_mirror_images_are_learned_from(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inst_tutorial import learning

    monkeypatch.setattr(learning, "learning_step", lambda *args: None)
    encoded: list[torch.Tensor] = []
    moments = sd1_painter.moments
    monkeypatch.setattr(sd1_painter, "moments", lambda p: (encoded.append(p), moments(p))[1])
    quickly(sd1_painter, style_picture)
    quickly(sd1_painter, style_picture, settings=replace(SHORT, flip=False))
    picture = to_tensor(style_picture)
    mirrored = torch.cat([picture, picture.flip(-1)])
    assert torch.equal(encoded[0], mirrored)
    assert all(torch.equal(other, picture) for other in encoded[1:])


@pytest.mark.parametrize("std", [0.0, 50.0])
def test_latents_are_drawn_from_the_posterior(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch, std: float
) -> None:
    seen: list[torch.Tensor] = []
    moments, predict = sd1_painter.moments, sd1_painter.predict_noise

    def watch(z_t, t, context):
        if torch.is_grad_enabled():
            seen.append(z_t[0].detach())  # the lowest timestep: nearly a clean latent
        return predict(z_t, t, context)

    def wide(picture):
        mean, _ = moments(picture)
        return torch.zeros_like(mean), torch.full_like(mean, std)

    monkeypatch.setattr(sd1_painter, "moments", wide)
    monkeypatch.setattr(sd1_painter, "predict_noise", watch)
    quickly(sd1_painter, style_picture, settings=replace(SHORT, steps=1, batch=16))
    assert seen[0].std() == pytest.approx(std, abs=1, rel=0.15)


@pytest.mark.slow
def test_noise_has_the_coarse_level_of_the_painters_training(
    sd1_painter: Painter, style_picture, monkeypatch
) -> None:
    def learned(own: float | None, painters: float) -> torch.Tensor:
        schedule = replace(sd1_painter.schedule, coarse_level=painters)
        monkeypatch.setattr(sd1_painter, "schedule", schedule)
        settings = replace(SHORT, coarse_level=own)
        return quickly(sd1_painter, style_picture, settings=settings).vectors

    white, coarse = learned(0.0, 0.0), learned(0.4, 0.0)
    assert not torch.equal(white, coarse)
    assert torch.equal(learned(None, 0.0), white)
    assert torch.equal(learned(None, 0.4), coarse)
    assert torch.equal(learned(0.0, 0.4), white)


def test_learning_goes_on_from_a_word(sd1_painter: Painter, style_picture, tmp_path: Path) -> None:
    first = quickly(sd1_painter, style_picture)
    settings = replace(SHORT, start=first, learning_rate=1e-9)
    again = quickly(sd1_painter, style_picture, settings=settings)
    torch.testing.assert_close(again.vectors, first.vectors)
    assert losses(again)[0] == pytest.approx(losses(first)[-1])
    again.save(tmp_path / "word.safetensors")
    stored = Word.load(tmp_path / "word.safetensors").info["settings"]["start"]
    assert stored == first.fingerprint == Word(first.vectors.clone()).fingerprint
    assert stored != Word(first.vectors + 1).fingerprint


def test_a_word_to_start_from_must_fit(sd1_painter: Painter, style_picture) -> None:
    word = Word(torch.zeros(1, 32))
    with pytest.raises(ValueError, match=r"only kind 'free' can .* got kind 'pooled'"):
        LearningSettings(start=word)
    with pytest.raises(ValueError, match="has 1 vector, and vectors is 2"):
        LearningSettings(kind="free", start=word, vectors=2)
    wide = replace(SHORT, start=Word(torch.zeros(1, 40)))
    with pytest.raises(ValueError, match=r"width 40, and .* reads 32"):
        quickly(sd1_painter, style_picture, settings=wide)


def test_several_pictures_teach_one_word(sd1_painter: Painter, style_picture) -> None:
    other = toy_picture(8)
    one, two = quickly(sd1_painter, style_picture), quickly(sd1_painter, style_picture, other)
    assert one.vectors.shape == two.vectors.shape == (1, 32)
    assert not torch.equal(one.vectors, two.vectors)
    generator = torch.Generator().manual_seed(0)
    pairs = EvaluationPairs.draw(sd1_painter, [style_picture, other], 4, generator)
    latents = sd1_painter.encode(to_tensor([style_picture, other]))
    assert torch.equal(pairs.z0, torch.cat([latents, latents]))


def test_other_content_is_measured_and_not_learned(sd1_painter: Painter, style_picture) -> None:
    alone = quickly(sd1_painter, style_picture)
    others = [toy_picture(8), toy_picture(9)]
    measured = quickly(sd1_painter, style_picture, others=others)
    assert all(point["others"] is None for point in alone.info["curve"])
    assert all(point["others"] > 0 for point in measured.info["curve"])
    assert torch.equal(alone.vectors, measured.vectors)


# ---------------------------------------------------------------------------- again and again


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["free", "patches"])
def test_the_same_seed_the_same_word(sd1_painter: Painter, style_picture, kind: str) -> None:
    settings = replace(SHORT, kind=kind)
    state = torch.get_rng_state()
    first = quickly(sd1_painter, style_picture, settings=settings)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(
        quickly(sd1_painter, style_picture, settings=settings).vectors, first.vectors
    )
    other = quickly(sd1_painter, style_picture, settings=replace(settings, seed=1))
    assert not torch.equal(other.vectors, first.vectors)


@pytest.mark.parametrize("kind", ["free", "patches"])
def test_resumed_learning_ends_with_the_same_word(
    sd1_painter: Painter, style_picture, tmp_path: Path, kind: str
) -> None:
    settings = replace(SHORT, kind=kind, prompts=("*", "a house in *"))
    whole = quickly(sd1_painter, style_picture, settings=settings)
    path, steps = tmp_path / "state.safetensors", []

    def interrupt(evaluation: Evaluation) -> None:
        if evaluation.step == 4:  # the state of step 2 is on disk
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quickly(sd1_painter, style_picture, settings=settings, resume=path, callback=interrupt)
    word = quickly(
        sd1_painter,
        style_picture,
        settings=settings,
        resume=path,
        callback=lambda evaluation: steps.append(evaluation.step),
    )
    assert steps == [4, 5]
    assert torch.equal(word.vectors, whole.vectors)
    assert word.info == whole.info
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_run_is_not_run_again_but_can_go_on(
    sd1_painter: Painter, style_picture, tmp_path: Path
) -> None:
    path, steps = tmp_path / "state.safetensors", []
    settings = replace(SHORT, steps=4)
    options = {"resume": path, "callback": lambda evaluation: steps.append(evaluation.step)}
    first = quickly(sd1_painter, style_picture, settings=settings, **options)
    again = quickly(sd1_painter, style_picture, settings=settings, **options)
    assert steps == [0, 2, 4]
    assert torch.equal(first.vectors, again.vectors)
    more = quickly(sd1_painter, style_picture, settings=replace(SHORT, steps=6), **options)
    straight = quickly(sd1_painter, style_picture, settings=replace(SHORT, steps=6))
    assert steps == [0, 2, 4, 6]
    assert torch.equal(more.vectors, straight.vectors)


def test_a_state_of_another_run_is_refused(
    sd1_painter: Painter, style_picture, tmp_path: Path
) -> None:
    path = tmp_path / "state.safetensors"
    quickly(sd1_painter, style_picture, resume=path)
    with pytest.raises(LearningError, match="state of another run"):
        quickly(sd1_painter, toy_picture(8), resume=path)
    with pytest.raises(LearningError, match="state of another run"):
        quickly(sd1_painter, style_picture, settings=replace(SHORT, seed=1), resume=path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(LearningError, match="no state of learning"):
        quickly(sd1_painter, style_picture, resume=path)


@pytest.mark.parametrize("others", [[[]], [[], [], []]])
def test_other_content_is_given_for_each_style(sd1_painter: Painter, others: list) -> None:
    groups = [[toy_picture(0)], [toy_picture(1)]]
    with pytest.raises(ValueError, match=f"others has pictures of {len(others)} style.* are 2:"):
        learn_many(sd1_painter, groups, SHORT, others=others)


@pytest.mark.parametrize("kind", ["free", "patches"])
def test_many_styles_at_once_are_each_learned_as_alone(sd1_painter: Painter, kind: str) -> None:
    groups = [[toy_picture(1)], [toy_picture(2), toy_picture(3)]]
    settings = replace(SHORT, kind=kind, prompts=("*", "a house in *"))
    words = learn_many(sd1_painter, groups, settings, progress=False)
    for word, group in zip(words, groups, strict=True):
        alone = quickly(sd1_painter, *group, settings=settings)
        torch.testing.assert_close(word.vectors, alone.vectors, atol=2e-6, rtol=0)
        torch.testing.assert_close(losses(word), losses(alone), atol=1e-6, rtol=1e-6)
    assert (words[0].vectors - words[1].vectors).abs().max() > 1e-4


def test_a_style_that_is_done_leaves_the_batch(
    sd1_painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inst_tutorial import learning

    ends: dict[float, int] = {}

    def stop(curve, patience):  # one style ends at the second evaluation, one at the fourth
        return len(curve) >= ends.setdefault(curve[0], 2 + 2 * len(ends)) if curve else False

    monkeypatch.setattr(learning, "plateau", stop)
    words = learn_many(
        sd1_painter,
        [[toy_picture(1)], [toy_picture(2)]],
        replace(SHORT, steps=30),
        progress=False,
    )
    assert [word.info["steps"] for word in words] == [2, 6]
    assert [word.info["stopped"] for word in words] == ["plateau", "plateau"]


# ------------------------------------------------------------------------------- when it ends


@pytest.mark.parametrize(
    ("curve", "over"),
    [
        ([3, 2, 1], False),  # still falling
        ([1, 1, 1], True),
        ([1, 2, 2], True),
        ([2, 1, 2], False),  # the best is among the last two
        ([1, 1], False),  # too short to say
        ([1, 1 - 5e-5, 1 - 5e-5], True),  # less than a ten-thousandth
        ([1, 1, 1 - 2e-4], False),
    ],
)
def test_a_plateau(curve: list[float], over: bool) -> None:
    assert plateau(curve, 2) == over


def test_learning_stops_on_a_plateau(sd1_painter: Painter, style_picture) -> None:
    settings = replace(SHORT, learning_rate=1e-12, steps=100, evaluate_every=1, patience=3)
    word = quickly(sd1_painter, style_picture, settings=settings)
    assert (word.info["steps"], word.info["stopped"]) == (3, "plateau")


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        (torch.float32, "float32 does not overflow, .* weights must be damaged$"),
        (torch.float16, "float16 overflows .* load the painter with dtype bfloat16 or float32$"),
    ],
)
def test_nan_from_the_start_stops_with_advice(
    sd1_folder: Path,
    style_picture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    advice: str,
) -> None:
    painter, path = Painter.load(sd1_folder, dtype=dtype), tmp_path / "state.safetensors"
    monkeypatch.setattr(
        painter, "predict_noise", lambda z_t, t, context: z_t * torch.nan + context.sum()
    )
    with pytest.raises(LearningError, match=f"loss is nan after 0 steps: {advice}"):
        quickly(painter, style_picture, resume=path)
    assert not path.exists()


def test_a_gradient_that_explodes_stops_with_advice(
    sd1_painter: Painter, style_picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = sd1_painter.predict_noise

    def explode(z_t, t, context):
        return predict(z_t, t, context) * (torch.nan if torch.is_grad_enabled() else 1)

    monkeypatch.setattr(sd1_painter, "predict_noise", explode)
    with pytest.raises(
        LearningError, match=r"nan after 2 steps: .* take a learning_rate below 0\.\d+$"
    ):
        quickly(sd1_painter, style_picture)


def test_progress_is_shown_or_silent(sd1_painter: Painter, style_picture, capfd) -> None:
    settings = replace(SHORT, steps=2)
    learn(sd1_painter, style_picture, settings, progress=False)
    assert capfd.readouterr() == ("", "")
    learn(sd1_painter, style_picture, settings)
    shown = capfd.readouterr().err
    assert "2/2" in shown and "loss=" in shown


def test_what_cannot_be_learned(sd1_painter: Painter, style_picture) -> None:
    with pytest.raises(ValueError, match=r"\(40, 40\) pixels, this painter's are 32 square"):
        quickly(sd1_painter, toy_picture(1, size=40))
    with pytest.raises(ValueError, match=r"\(40, 40\)"):
        quickly(sd1_painter, style_picture, others=[toy_picture(1, size=40)])
    with pytest.raises(ValueError, match="one picture or more"):
        quickly(sd1_painter)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"patience": -1}, "patience must be 1 or more, got -1"),
        ({"kind": "best"}, "kind must be one of pooled, free, patches, got 'best'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"coarse_level": -0.1}, "coarse_level must be 0 or more, got -0.1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"prompts": "*"}, r"prompts must be a tuple of prompts, got '\*'"),
    ],
)
def test_settings_that_make_no_sense(options: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LearningSettings(**options)


def test_a_path_in_place_of_a_picture_says_how_to_open_it(sd1_painter: Painter) -> None:
    with pytest.raises((TypeError, ValueError), match="open_picture"):
        learn(sd1_painter, "a.png", SHORT)  # type: ignore[arg-type]
