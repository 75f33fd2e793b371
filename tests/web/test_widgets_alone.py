"""The widgets without the painter: the test says what the painter answers, and when."""

import io
import re

import pytest
from chromium import needs_chromium
from PIL import Image

pytestmark = [needs_chromium, pytest.mark.browser]
SETUP = """async ([module, widget, loaded]) => {
  const made = await import(`/painter/app/ui/${module}.js`);
  const root = new URL("/painter/", location.href).href;
  const manifest = await (await fetch(`${root}paintbox.json`)).json();
  window.asked = [];
  const ask = (task) => () => new Promise((answer) => asked.push({ task, answer }));
  const client = { root, manifest, loaded, bytes: 1, busy: false, graphics: false, why: null,
    stop: () => asked.push({ task: "stop" }) };
  for (const task of ["load", "learn", "draw", "repaint"]) client[task] = ask(task);
  document.querySelector("main").replaceChildren((window.widget = new made[widget](client)).node);
}"""
WORD = """([steps, stopped]) => asked.at(-1).answer(
  { vectors: new Float32Array(widget.settings ? 192 : 1), k: 1, info: { steps, stopped } })"""
SHIPPED = "made by the package (200 steps)"
TAKE = """async ([gallery, bytes, name]) => {
  const of = { style: widget.style.gallery, content: widget.content }[gallery];
  await of.take(new File([Uint8Array.from(bytes)], name, { type: "image/png" }));
}"""


@pytest.fixture
def page(blank):
    """An empty page, in which no word is remembered."""
    blank.evaluate("localStorage.clear()")
    return blank


@pytest.fixture
def studio(page):
    page.evaluate(SETUP, ["studio", "Studio", True])
    return page


def asked(page):
    return page.evaluate("asked.map(({ task }) => task)")


def status(page, text):
    page.locator(".ip-status", has_text=text).wait_for()


def press(page, name):
    page.get_by_role("button", name=name).click()


def until_asked(page, task):
    page.wait_for_function("(task) => asked.at(-1)?.task === task", arg=task)


def take(page, colour, gallery="style"):
    """Bring a picture of the reader's own."""
    data = io.BytesIO()
    Image.new("RGB", (128, 128), colour).save(data, "png")
    page.evaluate(TAKE, [gallery, list(data.getvalue()), f"{colour}.png"])


def choose(page, style):
    page.locator(f".ip-style input[value={style}]").check(force=True)


def begin_to_learn(page):
    press(page, "Learn its word")
    until_asked(page, "learn")


def learned(page, steps=60, stopped="steps"):
    page.evaluate(WORD, [steps, stopped])


def state(page):
    return page.locator(".ip-style > .ip-hint").inner_text()


# --------------------------------------------------------------------------------- stopping

RUN = """() => {
  const inputs = new Promise((go) => (window.prepared = go));
  widget.run(() => inputs, async () => asked.push({ task: "task" }));
}"""


@pytest.fixture
def work(page):
    page.evaluate(SETUP, ["work", "Work", False])
    page.evaluate(RUN)
    return page


def test_work_loads_the_painter_between_its_two_parts(work):
    work.evaluate("prepared()")
    until_asked(work, "load")
    work.evaluate("asked.at(-1).answer()")
    until_asked(work, "task")


def test_work_that_is_stopped_while_it_is_prepared_loads_nothing(work):
    press(work, "Stop")
    status(work, "Stopping")
    work.evaluate("prepared()")
    status(work, "Stopped.")
    assert asked(work) == ["stop"]


def test_work_that_is_stopped_while_the_painter_loads_does_not_begin(work):
    work.evaluate("prepared()")
    until_asked(work, "load")
    work.keyboard.press("Escape")
    work.evaluate("asked[0].answer()")  # the stop came too late for the loading
    status(work, "Stopped.")
    assert asked(work) == ["load", "stop"]
    work.evaluate(RUN)  # other work is not stopped by that
    work.evaluate("prepared()")
    until_asked(work, "load")


def test_stop_ends_all_three_inversions(page):
    page.evaluate(SETUP, ["inversion_widget", "InversionWidget", True])
    press(page, "Repaint in three ways")
    until_asked(page, "repaint")
    press(page, "Stop")
    page.evaluate("asked[0].answer(new Uint8ClampedArray(4 * 128 * 128))")
    status(page, "Stopped.")
    assert asked(page) == ["repaint", "stop"]


# ------------------------------------------------------------------------------------ words


def test_a_word_belongs_to_the_own_picture_that_it_was_learned_from(studio):
    take(studio, "red")
    begin_to_learn(studio)
    take(studio, "blue")
    learned(studio)
    status(studio, "The word is learned. Choose its picture again to use it.")
    assert "has never seen this style" in state(studio)
    take(studio, "red")
    assert "the word learned here (60 steps)" in state(studio)


def test_a_word_is_kept_for_its_style_while_another_is_chosen(studio):
    choose(studio, "starry")
    begin_to_learn(studio)
    learned(studio, 40)
    choose(studio, "lagoon")
    begin_to_learn(studio)
    choose(studio, "starry")
    studio.get_by_label("Word in use").select_option(SHIPPED)
    learned(studio)
    status(studio, "The word is learned. Choose its picture again to use it.")
    assert f"the word {SHIPPED}" in state(studio)  # what the reader has chosen stays
    choose(studio, "lagoon")
    assert "the word learned here (60 steps)" in state(studio)


def test_learning_that_is_stopped_early_does_not_replace_a_word_of_more_steps(studio):
    begin_to_learn(studio)
    learned(studio, 0, "callback")
    status(studio, "Stopped before there was a word to keep.")
    assert f"the word {SHIPPED}" in state(studio)
    for steps, stopped, said, kept in (
        (10, "callback", "Stopped: the best word so far is kept.", 10),
        (60, "steps", "The word is learned.", 60),
        (20, "callback", "Stopped: the word learned here (60 steps) is kept.", 60),
    ):
        begin_to_learn(studio)
        learned(studio, steps, stopped)
        status(studio, said)
        assert f"the word learned here ({kept} steps)" in state(studio)
    studio.evaluate(SETUP, ["studio", "Studio", True])  # and so it is remembered
    assert "the word learned here (60 steps)" in state(studio)


@pytest.mark.parametrize("written", ["", "a red house by *"])
def test_the_caption_follows_a_new_word_unless_the_reader_has_written_one(studio, written):
    artists = studio.locator(".ip-style .ip-choice", has_text=re.compile("^by "))
    artists.first.click()
    caption = studio.get_by_label("Caption")
    assert caption.input_value().startswith("a painting by ")
    begin_to_learn(studio)
    if written:
        caption.fill(written)
    learned(studio)
    status(studio, "The word is learned.")
    assert caption.input_value() == (written or "*")
    artists.nth(1).click()
    assert caption.input_value().startswith("a painting by ")  # another style is chosen


def test_the_word_the_content_and_the_truth_are_those_of_the_press(studio):
    """The reader may choose on while the inputs are read."""
    studio.evaluate(
        """() => {
          document.querySelector(".ip-paint .ip-main").click();
          const others = document.querySelectorAll("[value=starry], [value=owl]");
          for (const other of others) other.click();
        }"""
    )
    until_asked(studio, "repaint")
    with studio.expect_request("**/gallery/**") as request:
        studio.evaluate("asked.at(-1).answer(new Uint8ClampedArray(4 * 128 * 128))")
    assert "lagoon" in request.value.url and "cat" in request.value.url


# --------------------------------------------------------------------------------- pictures


def test_an_own_picture_replaces_the_last_in_a_browser_that_does_not_know_has(studio):
    studio.evaluate(
        """() => {
          const found = Element.prototype.querySelector;
          Element.prototype.querySelector = function (selector) {
            if (selector.includes(":has(")) throw new DOMException("not a valid selector");
            return found.call(this, selector);
          };
        }"""
    )
    for colour in ("red", "blue"):
        take(studio, colour, "content")
    group = studio.get_by_role("group", name="Content")
    assert group.locator("input[value=own]").count() == 1
    assert group.locator(".ip-error").inner_text() == ""


def test_a_picture_that_is_not_there_is_named(page):
    said = page.evaluate(
        """async () => (await import("/painter/app/ui/picture_file.js"))
          .fetchPicture(`${location.origin}/painter/gallery/none.webp`, 128)
          .catch((error) => error.message)"""
    )
    assert said.startswith("Could not load http://") and "none.webp (404" in said
