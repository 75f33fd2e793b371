"""The slides: nothing from outside, nothing cut off, and the numbers that the guide names."""

import re
import sys
from pathlib import Path

import pytest
from chromium import needs_chromium
from nbformat.v4 import new_code_cell

pytest.importorskip("jupyter_book")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from editions.decks import (  # noqa: E402
    chapter_cells,
    described,
    message,
    read_decks,
    shown_code,
    with_code,
    with_diagram,
    with_figure,
    write_slides,
)

CELLS = chapter_cells()
ROW = re.compile(r"^\| (\d+)-(\d+) \|.*\| (\d+)(?:-(\d+))? \|$", flags=re.MULTILINE)
GUIDE = (ROOT / "book/c_teaching.md").read_text(encoding="utf-8")
DECKS = list(read_decks())
OVER = """() => [...Reveal.getCurrentSlide().querySelectorAll("img, pre, p, li, blockquote, table")]
  .map((one) => one.getBoundingClientRect())
  .filter((box) => box.width && (box.bottom > 721 || box.right > 1281)).length"""
SMALL = """() => [...Reveal.getCurrentSlide().querySelectorAll("img")]
  .filter((one) => one.getBoundingClientRect().height < 250).length"""


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides") / "slides"
    write_slides(folder)
    return folder


def test_what_a_deck_asks_for_must_be_there_once():
    cells = CELLS
    with pytest.raises(ValueError, match="no figure 'none'"):
        with_figure("none", cells)
    with pytest.raises(ValueError, match="0 cells have a line"):
        with_code("no such line", cells)
    with pytest.raises(ValueError, match="cells have a line"):
        with_code("import", cells)
    with pytest.raises(ValueError, match="no diagram 'none'"):
        with_diagram("none")


@pytest.mark.parametrize("name", DECKS)
def test_a_deck_has_its_slides_and_loads_nothing_from_outside(name, slides):
    text = (slides / f"{name}.html").read_text(encoding="utf-8")
    slides_and_parts = 2 * (1 + len(read_decks()[name].slides))  # each stands in a column
    assert text.count("<section") == slides_and_parts
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', text)
    assert loaded and [one for one in loaded if re.match("https?:|//", one)] == []
    near = [one for one in loaded if not one.startswith("data:")]
    assert [one for one in near if not (slides / one).is_file()] == []


def test_a_figure_of_a_deck_has_its_caption_and_its_alternative_text():
    figure = {"name": "fig-x", "caption": "At 0.5 the cat stays. More is said of it."}
    about = {"mystnb": {"figure": figure, "image": {"alt": "A cat"}}}
    drawn = {"output_type": "display_data", "data": {"image/png": ""}, "metadata": {}}
    cells = {"one/cell-1": new_code_cell("", metadata=about, outputs=[drawn])}
    assert with_figure("fig-x", cells) is with_figure("one/cell-1", cells)
    assert message(cells["one/cell-1"]) == "At 0.5 the cat stays"
    (shown,) = described(cells["one/cell-1"])
    assert shown["metadata"]["image/png"]["alt"] == "A cat"


def test_code_of_a_slide_is_without_what_only_a_notebook_needs():
    source = 'import os\nfrom a import b\n\n\n\ndef f(x):\n    """Text."""\n    return x\n'
    assert shown_code(source) == "def f(x):\n    return x"


@pytest.mark.parametrize("name", DECKS)
def test_each_slide_has_minutes_and_a_note(name):
    assert [s.title for s in read_decks()[name].slides if not (s.minutes and s.note)] == []


def test_the_guide_names_each_slide_of_the_class_once_and_its_minutes_add_up():
    slides = read_decks()["class"].slides
    rows = [[int(number) for number in found if number] for found in ROW.findall(GUIDE)]
    shown = [range(row[2], row[-1] + 1) for row in rows]
    assert [n for some in shown for n in some] == list(range(1, 2 + len(slides)))
    spent = [sum(slides[n - 2].minutes for n in some if n > 1) for some in shown]
    assert spent == [row[1] - row[0] for row in rows]
    assert [row[0] for row in rows] == [0, *(row[1] for row in rows[:-1])] and rows[-1][1] == 90


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_session_has_25_minutes_of_lecture_and_50_in_pairs(number):
    *lecture, pairs = read_decks()[f"module-{number}"].slides
    assert sum(slide.minutes for slide in lecture) == 25 and pairs.minutes == 50


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_guide_names_the_slides_of_the_module(number):
    last = 1 + len(read_decks()[f"module-{number}"].slides)
    assert f"| `module-{number}.html`, 2-{last - 1} | {last} |" in GUIDE


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("name", DECKS)
def test_nothing_on_a_slide_is_cut_off(name, slides, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto((slides / f"{name}.html").as_uri())
    page.wait_for_function("Reveal.isReady() && !!MathJax.startup")
    page.evaluate("MathJax.startup.promise.then(() => null)")
    for i in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(f"Reveal.slide({i})")
        assert page.evaluate(OVER) == 0, f"slide {i + 1}"
        assert page.evaluate(SMALL) == 0, f"slide {i + 1}"
    assert complaints == []
    page.close()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("name", DECKS)
def test_a_printed_deck_has_a_page_for_each_slide_and_all_its_pictures(name, slides, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto((slides / f"{name}.html").as_uri() + "?print-pdf")
    page.wait_for_selector(".pdf-page img", state="attached")
    assert page.locator(".pdf-page").count() == 1 + len(read_decks()[name].slides)
    heights = page.evaluate(
        "[...document.querySelectorAll('.pdf-page img')].map((one) => one.clientHeight)"
    )
    assert min(heights) > 250
    page.close()
