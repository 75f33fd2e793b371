"""The frame viewer without a kernel, in a browser: by keyboard, mouse and finger, and as heard."""

import pytest
from chromium import needs_chromium
from PIL import Image

from inst_tutorial.widgets import view

pytestmark = [needs_chromium, pytest.mark.browser]
COLOURS = ("red", "green", "blue")
SIDE = 300


def flat(grey, colour):
    return Image.new("RGB", (SIDE, SIDE), (grey, grey, 255 if colour == "blue" else 0))


@pytest.fixture
def page(tab):
    """A page that holds nothing but a viewer: a slider of five values, three buttons."""
    shown = view(
        flat,
        grey=[0, 50, 100, 150, 200],
        colour=list(COLOURS),
        alt="{colour} at {grey}",
        caption="Grey and colour.",
    )
    tab.set_content(f"<!doctype html>{shown.to_html()}")
    tab.locator("figure.inst-view[data-inst-view=ready]").wait_for()
    yield tab
    assert tab.complaints == []


def shown(page):
    picture = page.locator(".inst-view-picture")
    return picture.get_attribute("alt"), picture.get_attribute("src")


def at(page, across, down=0.5):
    """A point of the picture, in the page's pixels."""
    box = page.locator(".inst-view-picture").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


class Finger:
    """One finger on the screen, as the browser's own protocol moves it."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)

    def __call__(self, kind, *point):
        points = [{"x": point[0], "y": point[1]}] if point else []
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def finger(page):
    return Finger(page)


def test_the_keyboard_moves_the_slider_and_the_buttons(page):
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert shown(page)[0] == "red at 50"
    page.keyboard.press("End")
    assert shown(page)[0] == "red at 200"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert shown(page)[0] == "green at 200"


def test_the_mouse_drags_over_the_picture_and_clicks_a_button(page):
    before = shown(page)
    page.mouse.move(*at(page, 0.02))
    page.mouse.down()
    page.mouse.move(*at(page, 0.5))
    assert shown(page)[0] == "red at 100"
    page.mouse.move(*at(page, 0.98))
    page.mouse.up()
    assert shown(page)[0] == "red at 200"
    page.mouse.move(*at(page, 0.02))  # let go: nothing follows any more
    assert shown(page)[0] == "red at 200"
    page.get_by_text("blue", exact=True).click()
    assert shown(page)[0] == "blue at 200"
    assert shown(page)[1] != before[1]


def test_a_finger_drags_over_the_picture(page, finger):
    finger("touchStart", *at(page, 0.02))
    for across in (0.25, 0.5, 0.75, 0.98):
        finger("touchMove", *at(page, across))
    finger("touchEnd")
    assert shown(page)[0] == "red at 200"
    assert page.locator("input[type=range]").input_value() == "4"


def test_a_tap_chooses_a_button_and_a_place_of_the_slider(page, finger):
    for place in (page.get_by_text("green", exact=True), page.locator("input[type=range]")):
        box = place.bounding_box()
        finger("touchStart", box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        finger("touchEnd")
    page.locator('.inst-view-picture[alt="green at 100"]').wait_for(timeout=5000)


def test_a_finger_that_moves_down_scrolls_the_page(page, finger):
    """A viewer as wide as a phone must not hold its reader fast."""
    page.set_viewport_size({"width": 320, "height": 400})
    page.evaluate("document.body.style.minHeight = '3000px'")
    finger("touchStart", *at(page, 0.5, 0.9))
    for down in (0.7, 0.5, 0.3, 0.1):
        finger("touchMove", *at(page, 0.5, down))
    finger("touchEnd")
    page.wait_for_function("window.scrollY > 50", timeout=5000)


def test_a_screen_reader_hears_names_values_and_changes(page):
    slider = page.get_by_role("slider", name="grey")
    assert slider.get_attribute("aria-valuetext") == "0"
    assert page.get_by_role("group", name="Grey and colour.").count() == 1
    assert page.get_by_role("group", name="colour", exact=True).get_by_role("radio").count() == 3
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "50"
    spoken = page.locator(".inst-view-spoken")
    assert (spoken.get_attribute("aria-live"), spoken.inner_text()) == ("polite", "red at 50")
