"""The frame viewer: what it stores, what it tells the page, and what a kernel answers."""

import base64
import io
import json
import re
from datetime import UTC, datetime

import ipywidgets
import pytest
from matplotlib.figure import Figure
from PIL import Image

from inst_tutorial.widgets import ViewError, playground, view
from inst_tutorial.widgets.own_files import OWN
from inst_tutorial.widgets.viewer import frame_index
from inst_tutorial.words import Word

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


def flat(colour, strength=1.0):
    return Image.new("RGB", (8, 8), tuple(int(part * strength) for part in COLOURS[colour]))


def two_controls(**more):
    return view(
        flat, strength=[0.25, 0.5, 1.0], colour=list(COLOURS), alt="{colour} at {strength}", **more
    )


def decoded(uri):
    head, data = uri.split(",", 1)
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def close(picture, colour):
    return all(abs(a - b) < 12 for a, b in zip(picture.getpixel((4, 4)), colour, strict=True))


def stored_spec(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


# ------------------------------------------------------------------------------- what is stored


def test_each_combination_has_its_own_frame_and_text():
    spec = two_controls().spec
    assert len(spec["frames"]) == len(spec["alts"]) == 9
    for strength in (0.25, 0.5, 1.0):
        for colour in COLOURS:
            index = frame_index(spec, {"strength": strength, "colour": colour})
            assert close(decoded(spec["frames"][index]), flat(colour, strength).getpixel((0, 0)))
            assert spec["alts"][index] == f"{colour} at {strength:g}"


def test_numbers_texts_and_pictures_give_a_slider_a_menu_and_a_gallery():
    thumbs = {name: Image.new("RGB", (200, 100), name) for name in COLOURS}
    shown = view(
        lambda number, text, picture: flat(picture),
        number=range(3),
        text=["a", "b"],
        picture=thumbs,
        alt="{picture}",
    )
    number, text, picture = shown.spec["controls"]
    assert [number["kind"], text["kind"], picture["kind"]] == ["slider", "menu", "gallery"]
    assert number["numbers"] == (0, 1, 2)
    assert decoded(picture["thumbs"][0]).size == (64, 32)


def test_the_frame_gets_the_very_values_that_were_given():
    given = [0.1 + 0.2, 1.0, 2]
    seen = []
    view(lambda x: seen.append(x) or flat("red"), x=given, alt="{x}")
    assert seen == given


def test_numbers_in_texts_have_few_digits():
    spec = view(lambda x: flat("red"), x=[0.1 + 0.2, 2.0], alt="{x}, {x:.2f}").spec
    assert spec["alts"] == ["0.3, 0.30", "2, 2.00"]
    assert spec["controls"][0]["labels"] == ("0.3", "2")


def test_it_starts_where_it_is_told():
    spec = two_controls(start={"strength": 0.5, "colour": "blue"}).spec
    assert spec["alts"][frame_index(spec)] == "blue at 0.5"


def test_a_figure_is_a_frame():
    def draw(x):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, x])
        return figure

    spec = view(draw, x=[1, 2], alt="a line to {x}").spec
    assert decoded(spec["frames"][0]).width > decoded(spec["frames"][0]).height


def test_small_pictures_are_shown_enlarged_and_big_ones_as_they_are():
    def width(pixels):
        return view(lambda x: Image.new("RGB", (pixels, pixels)), x=[1], alt="").spec["width"]

    assert (width(64), width(128), width(384)) == (256, 256, 384)


# ---------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({}, "at least one control"),
        ({"x": []}, "x: different choices"),
        ({"x": [1, 1]}, "x: different choices"),
        ({"x": [1, "a"]}, "x: all numbers or all texts"),
        ({"x": [1, float("nan")]}, "x: finite"),
        ({"x": range(500)}, "500 frames are too many"),
        ({"x": [1], "start": {"y": 1}}, "which are not controls"),
        ({"x": [1], "start": {"x": 7}}, "x has no 7"),
        ({"x": [1], "alt": "{z}"}, "may only name x"),
        ({"x": [1], "live_ranges": {"y": (0, 1, 0.1)}}, r"live_ranges names \['y'\], not controls"),
        ({"x": ["a"], "live_ranges": {"x": (0, 1, 0.1)}}, "live_ranges is for sliders only"),
    ],
)
def test_what_makes_no_sense_is_refused(choices, reason):
    with pytest.raises(ViewError, match=reason):
        view(lambda x: flat("red"), **{"alt": "", **choices})


def test_too_many_bytes_are_refused():
    noise = Image.effect_noise((1200, 1200), 200)
    with pytest.raises(ViewError, match="make them smaller"):
        view(lambda x: noise, x=[1, 2], alt="noise")


# -------------------------------------------------------------------------------- what is shown


def test_one_output_is_a_widget_and_a_page():
    data, _ = two_controls()._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == "FrameViewer(strength, colour: 9 frames)"


def test_the_page_holds_every_frame_once_and_asks_for_nothing():
    shown = two_controls(start={"colour": "green"}, caption="1 < 2 & </script>")
    html = shown.to_html()
    spec = stored_spec(html)
    still = re.search(r'<img src="([^"]+)"', html)[1]
    assert [frame or still for frame in spec["frames"]] == shown.spec["frames"]
    assert spec["frames"].count("") == 1
    assert 'alt="green at 0.25"' in html
    assert spec["caption"] == "1 < 2 & </script>"
    assert "<figcaption>1 &lt; 2 &amp; &lt;/script&gt;</figcaption>" in html
    assert not re.search(r"https?://|@import|url\(", html)


def test_the_same_viewer_gives_the_same_page():
    assert two_controls().to_html() == two_controls().to_html()


# ------------------------------------------------------------------------------------ a kernel


class Browser:
    """The other end of a widget's messages."""

    def __init__(self, viewer, monkeypatch):
        self.viewer, self.got = viewer, []
        monkeypatch.setattr(viewer, "send", lambda content, buffers=None: self.got.append(content))

    def choose(self, **choice):
        self.viewer._handle_custom_msg({"choice": choice}, [])
        return self.got[-1]


def test_a_kernel_computes_what_is_not_stored(monkeypatch):
    viewer = two_controls(live=flat, live_ranges={"strength": (0.1, 1, 0.05)})
    answer = Browser(viewer, monkeypatch).choose(strength=0.75, colour="blue")
    assert close(decoded(answer["frame"]), (0, 0, 150))
    assert answer["alt"] == "blue at 0.75"
    assert viewer.spec["controls"][0]["range"] == (0.1, 1, 0.05)


def test_a_page_has_no_kernel_to_ask():
    assert stored_spec(two_controls(live=flat).to_html())["live"] is False


def test_an_error_reaches_the_reader(monkeypatch):
    browser = Browser(two_controls(live=flat), monkeypatch)
    assert browser.choose(strength=0.5, colour="mauve") == {"error": "KeyError: 'mauve'"}


def test_without_live_a_kernel_answers_nothing(monkeypatch):
    browser = Browser(two_controls(), monkeypatch)
    browser.viewer._handle_custom_msg({"choice": {"strength": 0.5, "colour": "red"}}, [])
    assert browser.got == []


# ------------------------------------------------------------------------------ the playground


@pytest.fixture
def play(sd1_painter):
    painter = sd1_painter
    size = (painter.picture_size, painter.picture_size)
    contents = {name: Image.new("RGB", size, name) for name in ("red", "blue")}
    words = {"one": Word(painter.vectors_of("house").cpu())}
    return playground(
        painter, words, contents=contents, strengths=[0.5, 1.0], guidances=[2], steps=2
    )


def uploaded(play, content, name="mine.png"):
    file = {"name": name, "type": "image/png", "size": len(content), "content": content}
    play.upload.button.value = [{**file, "last_modified": datetime.now(UTC)}]


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(file, "PNG")
    return file.getvalue()


def test_a_playground_is_a_widget_with_an_upload_and_a_page(play):
    assert isinstance(play, ipywidgets.VBox)
    data = play._repr_mimebundle_()
    assert data["text/html"] == play.viewer.to_html()
    assert data["text/plain"] == "Playground(content, style, strength, guidance: 4 frames)"


def test_stored_and_live_results_are_the_same(play, monkeypatch):
    choice = dict(content="blue", style="one", strength=0.5, guidance=2)
    answer = Browser(play.viewer, monkeypatch).choose(**choice)
    assert answer["frame"] == play.viewer.spec["frames"][frame_index(play.viewer.spec, choice)]


def test_an_uploaded_picture_is_offered_and_repainted(play, sd1_painter, monkeypatch):
    browser = Browser(play.viewer, monkeypatch)
    uploaded(play, png("lime"))
    assert browser.got[-1]["extend"] == "content"
    assert browser.got[-1]["label"] == OWN
    answer = browser.choose(content=OWN, style="one", strength=0.75, guidance=1.5)
    both = decoded(answer["frame"])
    size = sd1_painter.picture_size
    assert both.width == 2 * size + 4
    left = both.getpixel((size // 2, size // 2))
    assert left[1] > 200 > max(left[0], left[2])


def test_a_file_that_is_no_picture_is_refused_with_a_reason(play, monkeypatch):
    browser = Browser(play.viewer, monkeypatch)
    uploaded(play, b"no picture", "notes.txt")
    assert "notes.txt" in play.upload.message.value
    assert browser.got == []
    uploaded(play, png("lime"))
    assert play.upload.message.value == ""
