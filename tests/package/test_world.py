"""The world: the same seed paints the same picture, and held-out styles stay unseen."""

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from inst_tutorial.painter import Painter
from inst_tutorial.world import (
    GAP,
    HELD_OUT,
    LIGHTS,
    SETTINGS,
    STYLES,
    SUBJECTS,
    Scene,
    Shares,
    Style,
    artists,
    blend,
    content_words,
    distance,
    full_caption,
    named_caption,
    paint,
    sample_broad_style,
    sample_caption,
    sample_captions,
    sample_example,
    sample_named_caption,
    sample_pair,
    sample_style,
    seeds,
    style_words,
)
from inst_tutorial.world.technique import directions

EVERY_STYLE = {**STYLES, **HELD_OUT}


def pixels(picture):
    return np.asarray(picture, dtype=np.float64) / 255


def test_the_world_is_as_large_as_promised():
    assert len(SUBJECTS) >= 10 and len(SETTINGS) == 6
    assert len(STYLES) >= 20 and len(HELD_OUT) >= 12
    assert not set(STYLES) & set(HELD_OUT)


def test_a_seed_decides_the_scene_on_every_machine():
    assert Scene.sample(7) == Scene(
        subject="rocket",
        setting="snow",
        light="night",
        colour="blue",
        trim="pink",
        x=0.445,
        size=0.688,
        flip=False,
        seed=1875941739,
    )
    assert Scene.sample(7) != Scene.sample(8)
    assert Scene.sample(7, subject="cat").subject == "cat"


def test_the_same_call_paints_the_same_bytes_and_another_hand_other_strokes():
    scene = Scene.sample(3)
    digest = [
        hashlib.sha256(paint(scene, STYLES["oil"], stroke_seed=stroke_seed).tobytes()).hexdigest()
        for stroke_seed in (0, 0, 1)
    ]
    assert digest[0] == digest[1] != digest[2]


def test_the_size_is_the_one_asked_for():
    scene, style = Scene("cat", "meadow", seed=5), STYLES["oil"]
    whole = paint(scene, style)
    assert paint(scene, style, size=128).tobytes() == whole.tobytes()
    small = paint(scene, style, size=48)
    assert small.tobytes() == whole.resize((48, 48), Image.Resampling.LANCZOS).tobytes()
    with pytest.raises(ValueError, match="size must be 1 pixel or more, got 0"):
        paint(scene, size=0)


@pytest.mark.parametrize("name", EVERY_STYLE)
def test_every_style_paints_a_picture_unlike_the_photograph(name):
    scene = Scene("cat", "meadow", seed=5)
    picture = paint(scene, EVERY_STYLE[name])
    assert picture.size == (128, 128) and picture.mode == "RGB"
    assert np.abs(pixels(picture) - pixels(paint(scene))).mean() > 0.03


def border_ratio(scene, style):
    """How much more a picture, seen from afar, changes along the subject's border."""
    afar = ndimage.gaussian_filter(pixels(paint(scene, style)), (2.5, 2.5, 0))
    change = np.linalg.norm(np.gradient(afar, axis=(0, 1)), axis=(0, 3))
    mask = scene.draw().subject
    inside, around = (
        morph(mask, iterations=2) for morph in (ndimage.binary_erosion, ndimage.binary_dilation)
    )
    border = around & ~inside
    return change[border].mean() / change[~border].mean()


@pytest.mark.parametrize("name", EVERY_STYLE)
def test_the_subject_stands_out_in_every_style(name):
    ratios = []
    for seed, subject in enumerate(("cat", "house", "mushroom", "balloon")):
        scene = Scene(subject, "meadow", colour="red", seed=seed)
        ratios.append(border_ratio(scene, EVERY_STYLE[name]))
    assert np.mean(ratios) > 1.02, ratios


def test_subjects_cover_a_quarter_of_the_picture():
    for subject, seed in itertools.product(SUBJECTS, range(3)):
        rows, columns = np.nonzero(Scene.sample(seed, subject=subject).draw().subject)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) / 128**2
        assert box >= 0.2, (subject, seed, box)


def test_settings_and_lights_look_different():
    photos = {
        (setting, light): pixels(paint(Scene("cat", setting, light=light, seed=1)))
        for setting, light in itertools.product(SETTINGS, LIGHTS)
    }
    for a, b in itertools.combinations(photos, 2):
        assert np.abs(photos[a] - photos[b]).mean() > 0.02, (a, b)


def test_held_out_styles_differ_in_kind_from_each_other():
    for a, b in itertools.combinations(HELD_OUT.values(), 2):
        assert distance(a, b) > 0.8, (a.name, b.name, distance(a, b))


def test_nothing_near_a_held_out_style_is_in_training():
    rng = np.random.default_rng(0)
    training = [*STYLES.values(), *(sample_style(rng) for _ in range(300))]
    for style, unseen in itertools.product(training, HELD_OUT.values()):
        assert distance(style, unseen) >= GAP


def test_the_training_stream_never_shows_a_held_out_style():
    for seed in range(300):
        style = sample_example(seed)[1]
        assert style is None or all(distance(style, s) >= GAP for s in HELD_OUT.values())


BROAD = Shares(photographs=0.1, artists=0.2, broad=0.5, name_alone=0.25)


def test_the_default_examples_and_the_artists_stay_what_they_were():
    examples, names = hashlib.sha256(), hashlib.sha256()
    for seed in range(300):
        scene, style, caption = sample_example(seed)
        palette = style.palette if style else None
        examples.update(f"{scene} {palette} {caption} {sample_named_caption(seed)}".encode())
    for name, style in artists().items():
        names.update(f"{name} {style.palette} {style_words(style)}".encode())
    assert (examples.hexdigest()[:12], names.hexdigest()[:12]) == ("88c28530f838", "ee7ba15bc8f4")


def test_the_stream_has_the_shares_that_are_asked_for():
    known = {replace(style, name="") for style in artists().values()}
    styles = [sample_example(seed, BROAD)[1] for seed in range(400)]
    painted = [style for style in styles if style is not None]
    by_artists = sum(style in known for style in painted)
    assert 20 < len(styles) - len(painted) < 65 and 50 < by_artists < 115
    named = [sample_captions(seed, BROAD)[2][1] for seed in range(400)]
    alone = sum(caption == "*" for caption in named) / sum("*" in caption for caption in named)
    assert alone == pytest.approx(0.25, abs=0.08)
    islands = [replace(s, palette=STYLES["oil"].palette) for s in STYLES.values()]
    nearest = [min(distance(s, island) for island in islands) for s in painted if s not in known]
    assert np.mean([d > 0.8 for d in nearest]) > 0.3  # broad styles are far from every named one


@pytest.mark.parametrize("wrong", [{"broad": 0.5}, {"artists": -0.1}, {"name_alone": 2}])
def test_shares_that_are_impossible_are_refused(wrong):
    with pytest.raises(ValueError, match="each share is"):
        Shares(**wrong)


def test_broad_styles_keep_the_gap_and_use_every_technique():
    rng = np.random.default_rng(0)
    styles = [sample_broad_style(rng) for _ in range(400)]
    for style, unseen in itertools.product(styles, HELD_OUT.values()):
        assert distance(style, unseen) >= GAP
    for habit in ("strokes", "wash", "cells", "dots", "flatten", "hatch", "outline", "bare"):
        assert sum(getattr(style, habit) > 0 for style in styles) > 20, habit
    assert sum(style.wash > 0 and style.strokes > 0 and style.outline > 0 for style in styles) > 3


def test_captions_of_broad_styles_use_known_words_and_are_short():
    words = Painter.load("paintbox").tokenizer
    rng = np.random.default_rng(1)
    for seed in range(300):
        ids = words(full_caption(Scene.sample(seed), sample_broad_style(rng))).input_ids
        assert words.unk_token_id not in ids and len(ids) <= 34


def test_the_subject_stands_out_in_broad_styles():
    """Single pictures may fail, as in the continuum; a picture of one colour must not occur."""
    rng = np.random.default_rng(2)
    ratios = [border_ratio(Scene.sample(seed), sample_broad_style(rng)) for seed in range(60)]
    assert np.mean(ratios) > 1.4 and np.mean(np.array(ratios) > 1) > 0.9


def test_every_artist_has_a_name_and_a_training_style_of_their_own():
    assert len(artists()) == 400
    assert [replace(style, name="") for style in artists().values()][: len(STYLES)] == [
        replace(style, name="") for style in STYLES.values()
    ]
    for name, style in artists().items():
        assert style.name == name and name.isalpha() and name.islower()
        assert all(distance(style, unseen) >= GAP for unseen in HELD_OUT.values())
    words = {word for seed in range(300) for word in sample_caption(seed).split()}
    assert not words & set(artists())  # descriptions never name, names are not words


def test_a_caption_may_name_the_painter():
    named = []
    for seed in range(300):
        style, caption = sample_example(seed)[1], sample_named_caption(seed)
        if style is None:
            assert caption == sample_caption(seed)
        else:
            assert caption == "*" or caption.endswith((" by *", " in the style of *"))
            named.append(caption)
    assert 0.25 < named.count("*") / len(named) < 0.55
    assert 0.2 < sum(caption.endswith(" by *") for caption in named) / len(named) < 0.4
    style = artists()["kelenko"]
    caption = named_caption(Scene("cat", "sea"), style, np.random.default_rng(0))
    assert caption.endswith("kelenko")


def test_distance_ignores_habits_that_cannot_be_seen():
    bare = Style()
    assert distance(bare, Style(length=40, width=9, swirl=1)) == 0
    assert distance(bare, Style(strokes=1)) > 0
    assert distance(Style(strokes=1, length=8), Style(strokes=1, length=40)) > 0.3


def test_blending_runs_from_one_style_to_the_other():
    one, two = STYLES["oil"], STYLES["vortex"]
    assert blend(one, two, 0.0) == one and blend(one, two, 1.0) == two
    assert blend(one, two, 0.5).length == (one.length + two.length) / 2


def test_strokes_run_in_the_fixed_direction():
    style = Style(strokes=1, angle=60)
    flat = np.full((128, 128, 3), 0.5, dtype=np.float32)
    nowhere = np.zeros((128, 128), dtype=bool)
    field = directions(flat, nowhere, style, np.random.default_rng(0))
    assert np.allclose(np.rad2deg(field), -60, atol=0.5)  # y points down


@pytest.mark.parametrize("relief", [0.0, 0.5])
def test_a_style_with_few_strokes_may_have_none_on_the_subject(relief):
    style = replace(HELD_OUT["starry"], strokes=0.0005, relief=relief, name="")
    scene = Scene.sample(np.random.default_rng(0))
    assert np.asarray(paint(scene, style)).shape == (128, 128, 3)


def test_captions_say_what_a_person_would_say():
    scene = Scene("owl", "snow", light="night", colour="orange")
    assert content_words(scene) == "an orange owl in the snow at night"
    starry = "oil painting with long swirling strokes in navy, blue and yellow"
    assert style_words(HELD_OUT["starry"]) == starry
    assert full_caption(scene, HELD_OUT["starry"]).endswith(f"in the style of an {starry}")
    assert style_words(None) == "photo"


def test_captions_never_state_a_parameter():
    for seed in range(200):
        caption = sample_caption(seed)
        assert not any(letter.isdigit() or letter in "#=*_" for letter in caption), caption
        assert len(caption.replace(",", " ,").split()) <= 34


def test_ranges_of_seeds_do_not_overlap():
    ranges = [value for value in vars(seeds).values() if isinstance(value, range)]
    ranges.sort(key=lambda one: one.start)
    assert len(ranges) > 8 and all(ranges)
    assert all(one.stop <= after.start for one, after in itertools.pairwise(ranges))


def test_seeds_that_recorded_numbers_rest_on_stay():
    recorded = {
        seeds.EVALUATION[0]: 1_001_000_000,
        seeds.EVALUATION_STYLE_PICTURES[0]: 1_002_000_000,
        seeds.BOOK[0]: 1_500_000_000,
        seeds.SWEEP_STYLE_PICTURES[-1]: 1_999_999_999,
        seeds.SWEEP[0]: 2_000_000_000,
        seeds.ARTISTS[0]: 3_000_000_000,
    }
    assert all(seed == value for seed, value in recorded.items())


def test_a_pair_is_its_seed():
    picture, caption = sample_pair(11)
    again, same = sample_pair(11)
    assert picture.tobytes() == again.tobytes() and caption == same == sample_caption(11)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Scene("dragon", "sea"), "unknown subject 'dragon': choose one of house"),
        (lambda: Scene("cat", "moon"), "unknown setting 'moon'"),
        (lambda: Scene("cat", "sea", size=3), "size=3"),
        (lambda: Style(width=50), "width=50 is outside 3..10"),
        (lambda: Style(palette=("mauve-ish", "red", "blue")), "unknown colour 'mauve-ish'"),
    ],
)
def test_wrong_values_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
