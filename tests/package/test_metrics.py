"""The metrics: optimum, symmetry, growth with the perturbation, and sense in the world."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from tiny import toy_picture

from inst_tutorial import metrics
from inst_tutorial.metrics import (
    baselines,
    clip_distance,
    distances,
    edge_distance,
    encoder_features,
    gram_distance,
    palette_distance,
    structure_distance,
    texture_distance,
    truth_distance,
    truth_parts,
)
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.world import HELD_OUT, Scene, colours_only, paint

SCENE, OTHER = Scene("cat", "meadow", seed=1), Scene("castle", "sea", light="night", seed=2)
OF_TWO = [edge_distance, structure_distance, palette_distance, texture_distance, truth_distance]
STYLES = ["starry", "byzantine", "banknote", "neon", "ice-glass"]


@pytest.fixture(scope="module")
def photo():
    return paint(SCENE)


@pytest.fixture(scope="module")
def painted():
    """Both scenes in every held-out style."""
    return [(paint(SCENE, style), paint(OTHER, style)) for style in HELD_OUT.values()]


def noisy(picture, amount):
    noise = np.random.default_rng(0).normal(0, amount, (*picture.size, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("distance", OF_TWO)
def test_identical_pictures_have_distance_zero_and_order_does_not_matter(distance, photo):
    other = paint(OTHER)
    assert distance(photo, photo) == pytest.approx(0, abs=1e-9)
    assert distance(photo, other) == pytest.approx(distance(other, photo))
    assert distance(photo, other) > 0.1


@pytest.mark.parametrize("distance", [clip_distance, gram_distance])
def test_network_metrics_are_zero_for_identical_pictures_symmetric_and_bounded(
    distance, sd1_painter
):
    a, b = toy_picture(1), toy_picture(2)
    assert distance(sd1_painter, a, a) == pytest.approx(0, abs=1e-6)
    assert distance(sd1_painter, a, b) == pytest.approx(distance(sd1_painter, b, a), abs=1e-6)
    assert 1e-5 < distance(sd1_painter, a, b) < (2 if distance is clip_distance else 1)


@pytest.mark.parametrize("distance", OF_TWO)
def test_more_noise_is_further_away(distance, photo):
    far = [distance(photo, noisy(photo, amount)) for amount in (8, 24, 64)]
    assert far[0] < far[1] < far[2]


@pytest.mark.parametrize("distance", [edge_distance, structure_distance, truth_distance])
def test_moving_the_content_further_is_further_away(distance, photo):
    moved = [distance(photo, Image.fromarray(np.roll(photo, k, 1))) for k in (2, 8, 24)]
    assert moved[0] < moved[1] < moved[2]


@pytest.mark.parametrize("distance", [clip_distance, gram_distance])
def test_a_stronger_mixture_is_further_away_for_the_network(distance, sd1_painter):
    a, b = toy_picture(1), toy_picture(2)
    far = [distance(sd1_painter, a, Image.blend(a, b, share)) for share in (0.05, 0.15, 0.4)]
    assert far[0] < far[1] < far[2]


def test_edges_stay_where_colours_change_and_go_where_shapes_change(photo):
    negative = Image.fromarray(255 - np.asarray(photo))
    assert edge_distance(photo, negative) < 0.3 < edge_distance(photo, paint(OTHER))


def test_edge_distance_of_flat_pictures():
    grey, white = Image.new("RGB", (32, 32), "grey"), Image.new("RGB", (32, 32), "white")
    assert edge_distance(grey, white) == 0
    assert edge_distance(grey, toy_picture(1)) == 1


def test_structure_does_not_see_a_new_palette(photo):
    lab = metrics.to_lab(photo)
    duller = metrics.structure_distance(photo, _from_lab(lab * [0.5, 0.5, 0.5] + [30, 0, 0]))
    assert duller < 0.02 < structure_distance(photo, paint(OTHER))


def _from_lab(lab):
    from skimage.color import lab2rgb

    return Image.fromarray((lab2rgb(lab) * 255).round().astype(np.uint8))


def test_a_flat_picture_has_a_structure():
    flat = Image.new("RGB", (32, 32), "red")
    assert structure_distance(flat, flat) == 0
    assert 0 < structure_distance(flat, toy_picture(1)) <= 2


def test_palette_counts_a_uniform_shift_in_its_own_units_and_ignores_places():
    dark, light = (_from_lab(np.full((16, 16, 3), [value, 0.0, 0.0])) for value in (40, 60))
    assert palette_distance(dark, light) == pytest.approx(20, rel=0.03)
    picture = toy_picture(3)
    assert palette_distance(picture, picture.transpose(Image.Transpose.ROTATE_90)) < 1e-9


def test_texture_sees_direction_and_size_but_not_place():
    y, x = np.mgrid[:64, :64]

    def waves(cycles, across, phase=0.0):
        wave = 128 + 100 * np.sin(2 * np.pi * cycles * (x if across else y) / 64 + phase)
        return Image.fromarray(np.repeat(wave[..., None], 3, 2).astype(np.uint8))

    assert texture_distance(waves(8, True), waves(8, True, phase=2.0)) < 1
    assert texture_distance(waves(8, True), waves(8, False)) > 8
    assert texture_distance(waves(8, True), waves(16, True)) > 8


def test_local_detail_answers_an_edge_with_its_contrast_in_its_direction():
    lab = np.zeros((128, 128, 3))
    lab[:, 64:, 0] = 50.0
    peaks = [contrast.max() for contrast in metrics._contrasts(lab, 2.0)]
    assert peaks[0] == pytest.approx(50, rel=0.05)
    assert peaks[2] == pytest.approx(0, abs=1e-9)


def test_a_recoloured_photo_has_the_colours_of_the_truth_and_not_its_strokes(photo):
    style = HELD_OUT["ember"]
    truth, recoloured = paint(SCENE, style), paint(SCENE, colours_only(style))
    again = paint(SCENE, style, stroke_seed=1)
    colour, detail = truth_parts(recoloured, truth)
    assert truth_distance(recoloured, truth) == colour + detail
    assert colour < 0.5 * truth_parts(photo, truth)[0]
    assert detail > 2 * truth_parts(again, truth)[1]


def test_a_blurred_painting_is_not_the_truth():
    truth = paint(SCENE, HELD_OUT["ember"])
    again = paint(SCENE, HELD_OUT["ember"], stroke_seed=1)
    assert truth_distance(truth.filter(ImageFilter.GaussianBlur(3)), truth) > truth_distance(
        again, truth
    )


@pytest.mark.parametrize("name", STYLES)
def test_another_hand_is_far_nearer_to_the_truth_than_anything_else(name, photo):
    """All 14 held-out styles on 4 scenes: at most 6.6 for other strokes, 7.8 or more for others."""
    style = HELD_OUT[name]
    truth = paint(SCENE, style)
    floor = truth_distance(paint(SCENE, style, stroke_seed=1), truth)
    other_styles = [paint(SCENE, HELD_OUT[other]) for other in STYLES if other != name]
    for picture in [photo, paint(OTHER, style), *other_styles]:
        assert 1.5 * floor < truth_distance(picture, truth)


@pytest.mark.slow
def test_style_metrics_know_a_style_on_another_scene(photo, painted):
    """Not always: a night in pale colours may well look like a photo of the night."""
    wins = []
    for same, reference in painted:
        for distance in (palette_distance, texture_distance):
            wins.append(distance(same, reference) < distance(photo, reference))
    assert np.mean(wins) > 0.8


@pytest.mark.parametrize("distance", [edge_distance, structure_distance])
def test_content_metrics_know_a_scene_in_any_style(distance, photo, painted):
    wins = [distance(same, photo) < distance(other, photo) for same, other in painted]
    assert np.mean(wins) > 0.9


@pytest.mark.parametrize("distance", OF_TWO)
def test_pictures_of_two_sizes_are_refused(distance):
    with pytest.raises(ValueError, match=r"\(32, 32\) and \(16, 16\).*open_picture"):
        distance(toy_picture(1, 32), toy_picture(1, 16))


def test_encoder_features_go_from_fine_to_coarse_and_leave_no_hook(sd1_painter):
    features = encoder_features(sd1_painter, toy_picture(1), toy_picture(2))
    assert [len(feature) for feature in features] == [2] * len(features)
    sides = [feature.shape[-1] for feature in features]
    assert sides[0] == 32 and sides[-1] < 32 and sides == sorted(sides, reverse=True)
    assert not any(module._forward_hooks for module in sd1_painter.vae.modules())


def test_a_row_of_the_table_has_every_metric_and_copies_show_their_zero(sd1_painter):
    content, style, truth = toy_picture(1), toy_picture(2), toy_picture(3)
    row = distances(sd1_painter, content, content=content, style=style, truth=truth)
    assert [*row] == ["edges", "structure", "CLIP", "Gram", "palette", "texture", "truth"]
    assert row["edges"] == pytest.approx(0, abs=1e-9) and row["palette"] > 1 and row["truth"] > 1
    row = distances(sd1_painter, style, content=content, style=style)
    assert row["palette"] == row["texture"] == 0 and row["edges"] > 0.1 and "truth" not in row


def test_baselines_are_the_copies_the_caption_and_img2img(sd1_painter):
    content, style = toy_picture(1), toy_picture(2)
    settings = TransferSettings(steps=2, guidance=1.0)
    found = baselines(sd1_painter, content, style, "a warm painting", settings)
    assert found["copy of the content"] is content
    assert found["copy of the style picture"] is style
    plain = TransferSettings(steps=2, guidance=1.0, inversion="noise", prompt="a warm painting")
    assert found["img2img"] == transfer(sd1_painter, content, None, plain)
    assert found["best caption"] != found["img2img"]
