"""The app on a page, as its reader meets it: by mouse, keyboard, file and link."""

import io
import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from chromium import needs_chromium
from PIL import Image

from inst_tutorial.shipped_words import shipped_word
from inst_tutorial.style_transfer import TransferSettings, transfer
from inst_tutorial.words import Word

pytestmark = [needs_chromium, pytest.mark.browser]
LONG = 90_000  # milliseconds, on a busy machine
DECODER = re.compile(r"/decode\.onnx")


@pytest.fixture(scope="module")
def context(browser):
    context = browser.new_context(accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def opened(context, module_server, web_page, guarded):
    """opened(widget, query): a page with that widget, mounted."""
    pages = {}

    def opened(widget="studio", query=""):
        module_server.pages[f"/{widget}"] = web_page(widget)
        page = context.new_page()
        pages[page] = guarded(page)
        page.goto(f"{module_server.address}/{widget}{query}")
        page.locator(".inst-painter[data-ready]").wait_for(timeout=LONG)
        return page

    yield opened
    for page in pages:
        page.close()
    assert [said for complaints in pages.values() for said in complaints] == []


def status(page, text, timeout=LONG):
    page.locator(".ip-status", has_text=text).wait_for(timeout=timeout)


def button(page, name):
    return page.get_by_role("button", name=name)


def few_steps(page):
    page.get_by_label("Steps").fill("5")


# ---------------------------------------------------------------------- without the painter


def test_a_page_says_what_it_would_load_and_loads_nothing(opened):
    page = opened()
    assert re.search(r"Load the painter \(\d\d MB\)", page.locator(".ip-work").inner_text())
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert not [name for name in loaded if name.endswith((".safetensors", ".onnx", ".gz"))]


def test_the_page_leads_in_three_steps_to_one_button(opened):
    page = opened()
    steps = page.locator(".ip-columns legend").all_inner_texts()
    assert steps == ["Content", "Style", "Repaint", "Settings"]
    assert page.locator(".ip-main:visible").all_inner_texts() == ["Repaint the content"]


def test_every_control_has_a_name(opened):
    page = opened()
    unnamed = page.locator("input, select, button, canvas, progress").evaluate_all(
        """(nodes) => nodes.filter((node) => !(node.ariaLabel || node.textContent.trim()
          || node.labels?.[0]?.textContent.trim())).map((node) => node.outerHTML)"""
    )
    assert unnamed == []
    assert page.get_by_role("group", name="Style").count() == 1
    assert page.get_by_role("group", name="Content").get_by_role("radio").count() >= 6


def test_the_gallery_works_by_keyboard(opened):
    page = opened()
    radios = page.get_by_role("group", name="Content").get_by_role("radio")
    radios.first.focus()
    page.keyboard.press("ArrowRight")
    assert radios.nth(1).is_checked()


def test_unknown_words_are_named_with_near_spellings(opened):
    page = opened()
    caption = page.get_by_label("Caption")
    caption.fill("a red howse by day")
    assert "“howse”; near it: house" in page.locator(".ip-settings .ip-error").inner_text()
    assert caption.get_attribute("aria-invalid") == "true"
    caption.fill("a red house by day")
    assert page.locator(".ip-settings .ip-error").inner_text() == ""


def test_words_are_offered(opened):
    page = opened()
    page.get_by_label("Caption").fill("a red")
    page.get_by_text(re.compile("words it knows")).click()
    page.locator(".ip-words button", has_text=re.compile("^lighthouse$")).click()
    assert page.get_by_label("Caption").input_value() == "a red lighthouse"


def test_an_artist_whom_the_painter_knows_is_called_by_name(opened):
    page = opened()
    label = page.locator(".ip-style .ip-choice", has_text=re.compile("^by ")).first
    name = label.inner_text().strip()
    label.click()
    assert page.get_by_label("Caption").input_value() == f"a painting {name}"
    assert "knows this artist by name" in page.locator(".ip-style").inner_text()


def test_a_link_carries_the_settings(opened):
    query = "?style=starry&content=owl&strength=0.4&guidance=3&seed=7&inversion=ddim&steps=10"
    page = opened(query=query)
    assert page.locator(".ip-style input:checked").get_attribute("value") == "starry"
    assert page.get_by_role("group", name="Content").locator("input:checked").input_value() == "owl"
    values = [page.get_by_label(n).input_value() for n in ("Strength", "Guidance", "Seed", "Steps")]
    assert values == ["0.4", "3", "7", "10"]
    assert page.get_by_label("Inversion").input_value() == "ddim"


def test_a_link_with_nonsense_is_harmless(opened):
    page = opened(query="?style=nobody&content=&strength=much&inversion=constructor&seed=1e99")
    assert page.locator(".ip-style input:checked").get_attribute("value") == "lagoon"
    assert page.get_by_label("Strength").input_value() == "0.8"
    assert page.get_by_label("Inversion").input_value() == "stochastic"


# ------------------------------------------------------------------------ the reader's files


def picture_file(colour=(200, 30, 60)):
    """Wider than high, of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(data, "png")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": data.getvalue()}


def content_file(page, file):
    page.get_by_role("group", name="Content").locator("input[type=file]").set_input_files(file)


def own(page, group="Content"):
    return page.get_by_role("group", name=group).locator(".ip-choice:has(input[value=own])")


def style_without_a_word(page):
    """Choose a style picture that the painter has never seen."""
    style = page.get_by_role("group", name="Style")
    style.locator("input[type=file]").set_input_files(picture_file())
    own(page, "Style").wait_for()
    page.get_by_text("has never seen this style").wait_for()


def test_a_picture_of_the_readers_own_is_cropped_and_shrunk(opened):
    page = opened()
    page.get_by_role("group", name="Content").locator("input[type=file]").set_input_files(
        picture_file()
    )
    own(page).wait_for()
    assert own(page).locator("input").is_checked()
    pixels = (
        own(page)
        .locator("canvas")
        .evaluate(
            "(c) => [c.width, c.height, ...c.getContext('2d').getImageData(64, 64, 1, 1).data]"
        )
    )
    assert pixels == [128, 128, 200, 30, 60, 255]


def test_a_picture_is_turned_as_its_camera_says(opened):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    halves = Image.new("RGB", (128, 128), "white")
    halves.paste("black", (0, 0, 128, 64))
    data = io.BytesIO()
    halves.save(data, "jpeg", exif=exif, quality=95)
    page = opened()
    content_file(page, {"name": "phone.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()})
    top = (
        own(page)
        .locator("canvas")
        .evaluate("(c) => c.getContext('2d').getImageData(64, 10, 1, 1).data[0]")
    )
    assert top > 240


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\nbroken"])
def test_a_broken_picture_is_refused_kindly(opened, data):
    page = opened()
    content_file(page, {"name": "broken.png", "mimeType": "image/png", "buffer": data})
    error = page.get_by_role("group", name="Content").locator(".ip-error", has_text="no picture")
    error.wait_for()
    assert own(page).count() == 0


DROP = """(node, bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], "dropped.png", { type: "image/png" }));
  const kind = { bubbles: true, cancelable: true };
  node.dispatchEvent(new DragEvent("drop", { ...kind, dataTransfer: data }));
}"""
PASTE = DROP.replace('DragEvent("drop", { ...kind, dataTransfer: data }',
                     'ClipboardEvent("paste", { ...kind, clipboardData: data }')  # fmt: skip


@pytest.mark.parametrize("gesture", [DROP, PASTE], ids=["drop", "paste"])
def test_a_picture_can_be_dropped_or_pasted(opened, gesture):
    page = opened()
    group = page.get_by_role("group", name="Content")
    group.evaluate(gesture, list(picture_file()["buffer"]))
    own(page).wait_for()


def test_a_file_that_is_no_word_is_refused_kindly(opened):
    page = opened()
    page.get_by_label("A word that was saved").set_input_files(
        {"name": "word.safetensors", "mimeType": "", "buffer": b"not a word"}
    )
    status(page, "This is no word")


def test_another_picture_of_the_readers_own_has_no_word_yet(opened, paintbox, tmp_path):
    page = opened()
    group = page.get_by_role("group", name="Style")
    style = group.locator("input[type=file]")
    style.set_input_files(picture_file())
    group.locator("input[value=own]:checked").wait_for(state="attached")
    word = Word(torch.zeros(1, paintbox.text_width)).save(tmp_path / "mine.safetensors")
    page.get_by_label("A word that was saved").set_input_files(word)
    status(page, "mine.safetensors")
    assert button(page, "Save the word").is_visible()
    assert page.get_by_label("Caption").input_value() == "*"
    style.set_input_files(picture_file("blue"))
    page.get_by_text("has never seen this style").wait_for()
    assert not button(page, "Save the word").is_visible()


# --------------------------------------------------------------------------- with the painter


def canvas(page, place):
    return np.array(
        page.locator(place).evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        ),
        np.uint8,
    ).reshape(128, 128, 4)[..., :3]


def test_a_word_goes_from_python_into_a_picture_and_back(opened, paintbox, tmp_path):
    """Open a word, repaint with it beside the truth, save picture and word, copy the link."""
    vectors = 1.5 * paintbox.vectors_of("swirling").clone()
    path = Word(vectors, {"steps": 7}).save(tmp_path / "swirl.safetensors")
    page = opened()
    page.get_by_label("A word that was saved").set_input_files(path)
    status(page, "swirl.safetensors")
    few_steps(page)
    button(page, "Repaint the content").click()
    status(page, "The picture is repainted")
    assert page.locator(".ip-truth canvas").get_attribute("aria-label") == "The truth"
    with page.expect_download() as download:
        button(page, "Save the picture").click()
    saved = np.asarray(Image.open(download.value.path()).convert("RGB"))
    np.testing.assert_array_equal(saved, canvas(page, ".ip-pair canvas >> nth=0"))
    with page.expect_download() as download:
        button(page, "Save the word").click()
    assert download.value.suggested_filename == "lagoon.safetensors"
    again = Word.load(download.value.path())
    assert torch.equal(again.vectors, vectors)
    assert again.info == {"steps": 7}
    assert "the word from swirl.safetensors (7 steps)" in page.locator(".ip-style").inner_text()
    button(page, "Copy a link").click()
    status(page, "The link is copied")
    assert "content=cat" in page.url and "steps=5" in page.url
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_learning_shows_a_curve_and_stop_keeps_the_word(opened):
    page = opened("learn")
    button(page, "Learn its word").click()
    page.locator(".ip-strip figcaption", has_text="step 10").wait_for(timeout=LONG)
    button(page, "Stop").click()
    status(page, "Stopped: the best word so far is kept")
    assert "after 10 steps" in page.locator(".ip-curve svg").get_attribute("aria-label")
    assert "the word learned here (10 steps)" in page.locator(".ip-style").inner_text()
    other = opened("studio")  # another page of the book remembers the word
    style = other.locator(".ip-style")
    assert "the word learned here (10 steps)" in style.inner_text()
    other.get_by_label("Caption").fill("a red house by *")
    other.get_by_label("Word in use").select_option("made by the package (200 steps)")
    assert "the word made by the package (200 steps)" in style.inner_text()
    assert other.get_by_label("Caption").input_value() == "a red house by *"
    other.evaluate("localStorage.clear()")


def test_by_keyboard_alone(opened):
    """Enter begins, Escape ends, and the button that was pressed has the focus again."""
    page = opened()
    page.locator(".ip-style .ip-choice", has_text=re.compile("^by ")).first.click()
    repaint = button(page, "Repaint the content")
    repaint.focus()
    page.keyboard.press("Enter")
    status(page, "Painting")
    page.keyboard.press("Escape")
    status(page, "Stopped.")
    assert repaint.evaluate("(node) => node === document.activeElement")


def test_three_inversions_side_by_side(opened):
    page = opened("inversion")
    page.get_by_label("Strength").fill("0.2")
    button(page, "Repaint in three ways").click()
    status(page, "Painted in three ways at strength 0.2")
    pictures = [canvas(page, f".ip-large canvas >> nth={i}").astype(int) for i in range(3)]
    assert all(np.abs(a - b).mean() > 0.5 for a, b in pairwise(pictures))


@pytest.mark.parametrize(
    ("widget", "pressed"),
    [
        ("studio", "Repaint the content"),
        ("studio", "Draw the caption"),
        ("inversion", "Repaint in three ways"),
    ],
)
def test_every_button_checks_the_word_before_it_loads_the_painter(opened, widget, pressed):
    page = opened(widget)
    style_without_a_word(page)
    button(page, pressed).click()
    status(page, "This style has no word yet")
    assert button(page, pressed).is_enabled()
    assert button(page, "Load the painter").is_visible()  # nothing was loaded for that


@pytest.mark.parametrize("pressed", ["Repaint the content", "Draw the caption"])
@pytest.mark.parametrize(
    ("field", "written", "said"),
    [
        ("Caption", "a red howse by *", "“howse” (near it: house"),
        ("Seed", "1.5", "The seed must be a whole number from 0 to 4294967295, got 1.5"),
    ],
)
def test_every_button_checks_the_inputs_before_it_loads_the_painter(
    opened, pressed, field, written, said
):
    page = opened()
    page.get_by_label(field).fill(written)
    button(page, pressed).click()
    status(page, said)
    assert button(page, "Load the painter").is_visible()


# --------------------------------------------------------------------- words that are shipped


def test_a_shipped_word_repaints_at_once(opened, paintbox, exported):
    """One press on a page that was just opened: the picture is that of the package."""
    page = opened()
    assert "made by the package (200 steps)" in page.locator(".ip-style").inner_text()
    assert not page.get_by_label("Word in use").is_visible()  # there is no other
    few_steps(page)
    button(page, "Repaint the content").click()
    status(page, "The picture is repainted")
    content = Image.open(exported / "gallery/cat.webp").convert("RGB")
    expected = transfer(paintbox, content, shipped_word("lagoon"), TransferSettings(steps=5))
    painted = canvas(page, ".ip-pair canvas >> nth=0").astype(int)
    assert np.abs(painted - np.asarray(expected, int)).max() <= 1
    with page.expect_download() as download:
        button(page, "Save the word").click()
    saved = Word.load(download.value.path())
    assert torch.equal(saved.vectors, shipped_word("lagoon").vectors)
    assert saved.info == shipped_word("lagoon").info


def test_a_page_for_learning_offers_no_word_that_is_learned(opened):
    page = opened("learn")
    assert "has never seen this style" in page.locator(".ip-style").inner_text()


def test_a_shipped_word_of_another_painter_is_refused(browser, server, web_page, exported):
    manifest = json.loads((exported / "paintbox.json").read_text(encoding="utf-8"))
    other = manifest | {"fingerprint": "of other weights"}
    refused(browser, server, web_page, "**/paintbox.json", json.dumps(other),
            "This word belongs to another painter")  # fmt: skip


def test_a_shipped_word_that_arrives_damaged_is_named(browser, server, web_page):
    refused(browser, server, web_page, re.compile(r"/words/lagoon\.safetensors"), "something else",
            "words/lagoon.safetensors arrived damaged")  # fmt: skip


def refused(browser, server, web_page, address, body, said):
    """With another file at an address, the page says what is wrong and loads no painter."""
    server.pages["/studio"] = web_page("studio")
    context = browser.new_context()
    page = context.new_page()
    page.route(address, lambda route: route.fulfill(body=body))
    page.goto(f"{server.address}/studio")
    button(page, "Repaint the content").click()
    status(page, said)
    assert button(page, "Load the painter").is_visible()
    context.close()


# ----------------------------------------------------------------------- cache and fallbacks


def test_the_second_visit_needs_no_server(browser, server, web_page):
    """The files come from the cache; a damaged one would have been refused."""
    server.pages["/learn"] = web_page("learn")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.address}/learn")
    button(page, "Load the painter").click()
    status(page, "The painter is ready")
    page.reload()
    page.locator(".inst-painter[data-ready]").wait_for(timeout=LONG)
    page.wait_for_load_state("networkidle")
    server.shutdown()
    server.server_close()
    button(page, "Load the painter").click()
    status(page, "The painter is ready")
    context.close()


def test_a_file_that_arrives_damaged_is_named(browser, server, web_page):
    server.pages["/learn"] = web_page("learn")
    context = browser.new_context()
    page = context.new_page()
    page.route(DECODER, lambda route: route.fulfill(body=b"something else"))
    page.goto(f"{server.address}/learn")
    button(page, "Load the painter").click()
    status(page, "decode.onnx arrived damaged")
    page.unroute(DECODER)
    button(page, "Load the painter").click()
    status(page, "The painter is ready")
    context.close()


def test_loading_can_fail_and_be_stopped_and_be_tried_again(browser, server, web_page):
    server.pages["/learn"] = web_page("learn")
    context = browser.new_context()
    page = context.new_page()
    page.route("**/worker.js", lambda route: route.abort())
    page.goto(f"{server.address}/learn")
    load = button(page, "Load the painter")
    load.click()
    status(page, "The painter's program could not be loaded. Check the connection")
    page.unroute("**/worker.js")
    held = []
    page.route(DECODER, lambda route: held.append(route))
    load.click()
    while not held:
        page.wait_for_timeout(100)
    button(page, "Stop").click()
    status(page, "Stopping")
    held.pop().continue_()
    status(page, "Stopped.")
    page.unroute(DECODER)
    load.click()
    status(page, "The painter is ready")
    context.close()


@pytest.mark.parametrize("missing", ["WebAssembly.validate = () => false", "delete self.Worker"])
def test_an_old_browser_keeps_the_still_picture(browser, server, web_page, missing):
    server.pages["/studio"] = web_page("studio")
    context = browser.new_context()
    context.add_init_script(missing)
    page = context.new_page()
    page.goto(f"{server.address}/studio")
    page.get_by_text("This browser has no").wait_for()
    assert page.locator(".inst-painter img").is_visible()
    assert page.get_by_text("inst transfer").is_visible()
    context.close()


def test_without_javascript_and_in_print_the_still_picture_stands(browser, server, web_page):
    server.pages["/studio"] = web_page("studio")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.address}/studio")
    assert page.locator(".inst-painter img").is_visible()
    context.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.address}/studio")
    page.locator(".inst-painter[data-ready]").wait_for(timeout=LONG)
    assert not page.get_by_text("inst transfer").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_text("inst transfer").is_visible()
    assert not button(page, "Load the painter").is_visible()
    context.close()


def test_a_phone_needs_no_sideways_scrolling(browser, server, web_page):
    server.pages["/studio"] = web_page("studio")
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True)
    page = context.new_page()
    page.goto(f"{server.address}/studio")
    page.locator(".inst-painter[data-ready]").wait_for(timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [face.bounding_box() for face in page.locator(".ip-gallery img").all()]
    assert min(box["width"] for box in boxes) >= 90
    assert len({box["y"] for box in boxes[:3]}) == 1
    context.close()


def test_the_benchmark_page_prints_times(opened, module_server):
    page = opened("learn")
    page.goto(f"{module_server.address}/painter/app/benchmark.html")
    button(page, "Measure").click()
    page.get_by_text("The best of").wait_for(timeout=2 * LONG)
    assert page.locator("#times tr").count() == 4
    print(page.locator("#times").inner_text())
