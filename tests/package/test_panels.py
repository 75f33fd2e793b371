"""The panels for a notebook with a kernel, driven by their widgets: the package's own results."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from inst_tutorial.learning import learn
from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_word
from inst_tutorial.style_transfer import TransferSettings, draw, transfer
from inst_tutorial.widgets import InversionPanel, LearnPanel, Studio, settings_panel
from inst_tutorial.widgets.inversion_panel import COLUMNS
from inst_tutorial.widgets.own_files import OWN
from inst_tutorial.widgets.settings_panel import known_words
from inst_tutorial.widgets.shown import Compare, figure_html
from inst_tutorial.widgets.style_panel import LEARNING, NO_WORD
from inst_tutorial.widgets.style_words import LEARNED, SHIPPED, StyleWords
from inst_tutorial.widgets.work import Work
from inst_tutorial.words import Word
from inst_tutorial.world import HELD_OUT, artists, paint
from inst_tutorial.world.gallery import CONTENT_SCENES, STYLE_SCENE

SHORT = replace(LEARNING, steps=4, evaluate_every=2, pairs=2, batch=2)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """What is saved goes to a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def paintbox():
    return Painter.load(device="cpu")


def learned(panel, during=None):
    """The word in use after the button has been pressed. `during`: {step: what happens there}."""

    def progress(step, steps):
        Work.progress(panel.work, step, steps)
        if during and step in during:
            during[step]()

    panel.style_panel.settings, panel.work.progress = SHORT, progress
    press(panel, panel.style_panel.learn)
    return panel.style_panel.word


def press(panel, button):
    button.click()
    panel.work.wait()


def upload(widget, content, name):
    file = {"name": name, "type": "", "size": len(content), "content": content}
    widget.value = [{**file, "last_modified": datetime.now(UTC)}]


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(file, "PNG")
    return file.getvalue()


def content_of(painter, name="cat"):
    return paint(CONTENT_SCENES[name], size=painter.picture_size)


def same(picture, other):
    return np.array_equal(np.asarray(picture), np.asarray(other))


# ----------------------------------------------------------------------------------- learning


def test_a_panel_learns_the_word_that_learn_learns(sd1_painter):
    panel = LearnPanel(sd1_painter)
    panel.style_panel.gallery.menu.value = "starry"
    word = learned(panel)
    picture = paint(STYLE_SCENE, HELD_OUT["starry"], size=sd1_painter.picture_size)
    expected = learn(sd1_painter, picture, SHORT, progress=False)
    assert torch.equal(word.vectors, expected.vectors)
    assert word.info == expected.info
    assert panel.work.status.value == "The word is learned."
    losses = [point["loss"] for point in word.info["curve"]]
    curve = panel.style_panel.curve.value
    assert f"{losses[0]:.4f} at first, {losses[-1]:.4f} after 4 steps" in curve
    steps = re.findall(r"<figcaption>step (\d)", panel.style_panel.stages.value)
    assert steps == ["0", "2", "4"]


def test_the_pictures_on_the_way_are_those_of_transfer(sd1_painter):
    panel = LearnPanel(sd1_painter)
    learned(panel)
    untrained = Word(sd1_painter.vectors_of("painting").cpu())
    first = transfer(sd1_painter, content_of(sd1_painter), untrained, TransferSettings(steps=10))
    assert panel.style_panel.stages.value.count("<img") == 3
    assert figure_html(first, "step 0") in panel.style_panel.stages.value


def test_stop_keeps_the_best_word_so_far(sd1_painter):
    panel = LearnPanel(sd1_painter)
    word = learned(panel, {2: panel.work.stop.click})
    assert (word.info["steps"], word.info["stopped"]) == (2, "callback")
    assert panel.work.status.value == "Stopped: the best word so far is kept."
    assert panel.work.stop.disabled and not panel.style_panel.learn.disabled


def test_learning_that_is_stopped_early_does_not_replace_a_word_of_more_steps(sd1_painter):
    panel = LearnPanel(sd1_painter)
    assert learned(panel, {0: panel.work.stop.click}) is None
    assert panel.work.status.value == "Stopped before there was a word to keep."
    word = learned(panel)
    assert learned(panel, {2: panel.work.stop.click}) is word
    assert panel.work.status.value == "Stopped: the word learned here (4 steps) is kept."


def test_a_word_belongs_to_the_picture_that_it_was_learned_from(sd1_painter):
    panel = LearnPanel(sd1_painter)
    menu = panel.style_panel.gallery.menu
    assert learned(panel, {2: lambda: setattr(menu, "value", "starry")}) is None
    said = "The word is learned. Choose its picture again to use it."
    assert panel.work.status.value == said and menu.value == "starry"
    menu.value = "lagoon"
    assert panel.style_panel.word.info["steps"] == 4


def test_a_word_is_saved_for_the_command_line_and_opened_again(sd1_painter):
    panel = LearnPanel(sd1_painter)
    assert panel.style_panel.save.disabled
    word = learned(panel)
    panel.style_panel.save.click()
    panel.style_panel.save.click()
    assert sorted(path.name for path in Path().iterdir()) == [
        "lagoon-2.safetensors",
        "lagoon.safetensors",
    ]
    assert str(Path("lagoon-2.safetensors").resolve()) in panel.work.status.value
    other = LearnPanel(sd1_painter)
    upload(other.style_panel.opener, Path("lagoon.safetensors").read_bytes(), "lagoon.safetensors")
    assert torch.equal(other.style_panel.word.vectors, word.vectors)
    assert other.style_panel.word.info["curve"] == word.info["curve"]
    assert "lagoon.safetensors" in other.work.status.value


def test_a_file_that_is_no_word_is_refused_with_its_name(sd1_painter):
    panel = LearnPanel(sd1_painter)
    upload(panel.style_panel.opener, b"no word", "notes.safetensors")
    assert panel.style_panel.word is None
    assert panel.work.status.value.startswith("notes.safetensors is not a word")


def test_a_picture_of_the_readers_own_is_learned_and_another_forgets_its_word(sd1_painter):
    panel = LearnPanel(sd1_painter)
    gallery = panel.style_panel.gallery
    upload(gallery.upload.button, b"no picture", "notes.txt")
    assert "notes.txt" in gallery.upload.message.value and gallery.name == "lagoon"
    upload(gallery.upload.button, png("lime"), "mine.png")
    assert gallery.name == OWN and gallery.upload.message.value == ""
    word = learned(panel)
    expected = learn(sd1_painter, gallery.picture, SHORT, progress=False)
    assert torch.equal(word.vectors, expected.vectors)
    panel.style_panel.save.click()
    assert Path("your-own.safetensors").is_file()
    upload(gallery.upload.button, png("red"), "other.png")
    assert gallery.picture.getpixel((9, 9))[0] > 200 and panel.style_panel.word is None


# ---------------------------------------------------------------------------- three inversions


def test_three_inversions_beside_each_other(sd1_painter):
    panel = InversionPanel(sd1_painter)
    word = learned(panel)
    panel.content.menu.value = "owl"
    press(panel, panel.start)
    panel.strength.value = 0.4
    panel.work.wait()
    for inversion, label in COLUMNS.items():
        settings = TransferSettings(strength=0.4, inversion=inversion)
        painted = transfer(sd1_painter, content_of(sd1_painter, "owl"), word, settings)
        assert figure_html(painted, label, alt=f"{label}, strength 0.4") in panel.shown.value
    assert panel.work.status.value == "Painted in three ways at strength 0.4."


def test_without_a_word_the_reader_is_told_what_to_do(sd1_painter):
    panel = InversionPanel(sd1_painter)
    press(panel, panel.start)
    assert panel.work.status.value == NO_WORD
    assert not panel.shown.value
    panel.strength.value = 0.4  # paints nothing, as nothing was painted before
    assert not panel.work.busy and panel.work.status.value == NO_WORD


def test_paintbox_is_the_painter_and_its_artists_are_called_by_name(paintbox):
    panel = InversionPanel()
    name = panel.style_panel.gallery.name.removeprefix("by ")
    assert name in artists() and panel.style_panel.prompt == f"a painting by {name}"
    panel.strength.value = 0.2
    press(panel, panel.start)
    settings = TransferSettings(strength=0.2, prompt=f"a painting by {name}")
    painted = transfer(paintbox, content_of(paintbox), None, settings)
    assert figure_html(
        painted, "stochastic inversion", alt="stochastic inversion, strength 0.2"
    ) in (panel.shown.value)


# --------------------------------------------------------------------------------- the studio


def test_the_studio_repaints_as_transfer_does(sd1_painter):
    studio = Studio(sd1_painter)
    upload(studio.content.upload.button, png("blue"), "photo.png")
    word = learned(studio)
    form = studio.settings
    form.prompt.value, form.strength.value, form.guidance.value = "a house in style *", 0.5, 3
    form.steps.value, form.inversion.value, form.seed.value = 10, "ddim", 7
    press(studio, studio.repaint)
    settings = TransferSettings(
        strength=0.5,
        guidance=3.0,
        steps=10,
        inversion="ddim",
        prompt="a house in style *",
        seed=7,
    )
    assert same(studio.painted, transfer(sd1_painter, studio.content.picture, word, settings))
    assert studio.compare.shown.value and studio.shown.value == ""  # no truth of an own picture
    studio.save.click()
    assert same(Image.open("painted.png"), studio.painted)


def test_the_truth_stands_beside_a_repainted_scene(sd1_painter):
    studio = Studio(sd1_painter)
    learned(studio)
    studio.settings.steps.value = 5
    press(studio, studio.repaint)
    truth = paint(CONTENT_SCENES["cat"], HELD_OUT["lagoon"], size=sd1_painter.picture_size)
    assert studio.shown.value == figure_html(truth, "the truth: the world's own rendering")


def test_the_studio_draws_a_caption_without_a_word(sd1_painter):
    studio = Studio(sd1_painter)
    studio.settings.prompt.value, studio.settings.steps.value = "a red house", 5
    press(studio, studio.draw)
    assert same(studio.painted, draw(sd1_painter, "a red house", steps=5))


def test_stop_ends_a_painting_at_its_next_step(sd1_painter):
    studio = Studio(sd1_painter)
    learned(studio)
    studio.shown.observe(lambda _: studio.work.stop.click(), names="value")
    press(studio, studio.repaint)
    assert studio.work.status.value == "Stopped."
    assert studio.painted is None and studio.save.disabled


def test_unknown_words_are_named_while_the_caption_is_written(paintbox):
    studio = Studio(paintbox)
    assert "lighthouse" in known_words(paintbox)
    studio.settings.prompt.value = "a red howse"
    assert "howse" in studio.settings.message.value and "house" in studio.settings.message.value
    studio.settings.prompt.value = "a red house by *"
    assert studio.settings.message.value == ""


def test_more_words_than_a_reader_can_look_through_are_no_list(sd1_painter, monkeypatch):
    monkeypatch.setattr(settings_panel, "MOST_WORDS", 3)
    assert known_words(sd1_painter) == ""


def test_the_caption_follows_the_style(paintbox):
    studio = Studio(paintbox)
    artist = next(name for name in studio.style_panel.gallery.pictures if name.startswith("by "))
    studio.style_panel.gallery.menu.value = artist
    assert studio.settings.prompt.value == f"a painting {artist}"
    studio.style_panel.gallery.menu.value = "lagoon"
    assert studio.settings.prompt.value == "*"


@pytest.mark.parametrize("written", ["", "a red house by *"])
def test_the_caption_follows_a_new_word_unless_the_reader_has_written_one(paintbox, written):
    studio = Studio(paintbox)
    menu, caption = studio.style_panel.gallery.menu, studio.settings.prompt
    menu.value = next(name for name in menu.options if name.startswith("by "))
    assert caption.value == f"a painting {menu.value}"
    learned(studio, {2: lambda: setattr(caption, "value", written or caption.value)})
    assert caption.value == (written or "*")


# -------------------------------------------------------------------- words that are shipped


def test_a_shipped_word_repaints_at_once(paintbox):
    studio = Studio(paintbox)
    studio.style_panel.gallery.menu.value, studio.settings.steps.value = "starry", 5
    assert "the word made by the package (200 steps)" in studio.style_panel.state.value
    assert studio.style_panel.origin.layout.display == "none"  # there is no other word
    press(studio, studio.repaint)
    word, settings = shipped_word("starry"), TransferSettings(steps=5)
    assert same(studio.painted, transfer(paintbox, content_of(paintbox), word, settings))
    studio.style_panel.save.click()
    assert torch.equal(Word.load("starry.safetensors").vectors, word.vectors)


def test_a_word_learned_here_stands_beside_the_shipped_one(paintbox):
    studio = Studio(paintbox)
    style = studio.style_panel
    assert style.learn.description == "Learn its word anew"
    word = learned(studio)
    assert "the word learned here (4 steps)" in style.state.value
    assert [origin for _, origin in style.origin.options] == [LEARNED, SHIPPED]
    studio.settings.prompt.value = "a red house by *"
    style.origin.value = SHIPPED
    assert torch.equal(style.word.vectors, shipped_word("lagoon").vectors)
    assert studio.settings.prompt.value == "a red house by *"
    style.gallery.menu.value = "starry"
    assert [origin for _, origin in style.origin.options] == [SHIPPED]
    style.gallery.menu.value = "lagoon"
    assert style.word is word


def test_a_panel_for_learning_offers_no_word_that_is_learned(paintbox):
    assert LearnPanel(paintbox).style_panel.word is None


@pytest.mark.parametrize(
    ("shape", "info", "said"),
    [((1, 768), {}, "768 numbers"), ((1, 192), {"fingerprint": "other"}, "another painter")],
)
def test_words_of_another_painter_are_refused(paintbox, tmp_path, shape, info, said):
    path = Word(torch.ones(shape), info).save(tmp_path / "word.safetensors")
    panel = LearnPanel(paintbox)
    upload(panel.style_panel.opener, path.read_bytes(), path.name)
    assert said in panel.work.status.value and panel.style_panel.word is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_shipped_words_are_offered_in_every_number_format(dtype):
    """bfloat16 rounds the weights, so that their fingerprint is another one."""
    style = paint(STYLE_SCENE, HELD_OUT["lagoon"])
    words = StyleWords(Painter.load(device="cpu", dtype=dtype), {"lagoon": style})
    assert [*words.of(style)] == [SHIPPED]


def test_shipped_words_are_not_offered_to_other_weights(paintbox, monkeypatch):
    monkeypatch.setattr(paintbox, "fingerprint", lambda: "other")
    assert Studio(paintbox).style_panel.word is None


# ------------------------------------------------------------------------------------ the parts


def test_one_piece_of_work_at_a_time_and_errors_are_said():
    work, done = Work(), []

    def first():
        work.run(lambda: done.append("second"))
        done.append("first")
        raise ValueError("1 < 2")

    button = work.starter("Go", first)
    button.click()
    work.wait()
    assert done == ["first"]
    assert work.status.value == "1 &lt; 2" and not button.disabled


def test_the_slider_uncovers_the_picture_behind():
    compare, size = Compare(), (100, 100)
    compare.set(Image.new("RGB", size, "red"), Image.new("RGB", size, "blue"))
    compare.share.value = 30
    shown = compare.shown.value
    compare.share.value = 100
    assert "left 30 % the content" in shown and compare.shown.value != shown
    red = figure_html(Image.new("RGB", size, "red"), "left 100 % the content, the rest repainted",
                      width=256)  # fmt: skip
    assert compare.shown.value == red


@pytest.mark.parametrize("panel", [LearnPanel, InversionPanel, Studio])
def test_a_panel_is_a_widget_with_a_short_name(panel, sd1_painter):
    shown = panel(sd1_painter)._repr_mimebundle_()
    assert isinstance(panel(sd1_painter), ipywidgets.VBox)
    assert shown["text/plain"] == f"{panel.__name__}()"
