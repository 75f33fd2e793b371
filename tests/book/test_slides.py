"""The slides: nothing from outside, nothing cut off, and the numbers that the guide names."""

import re
import sys
from pathlib import Path

import pytest
from chromium import needs_chromium

pytest.importorskip("jupyter_book")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from editions.decks import (  # noqa: E402
    chapter_cells,
    read_decks,
    with_code,
    with_diagram,
    with_figure,
    write_slides,
)

GUIDE = (ROOT / "book/c_teaching.md").read_text(encoding="utf-8")
DECKS = list(read_decks())
OVER = """() => [...Reveal.getCurrentSlide().querySelectorAll("img, pre, p, li, blockquote, table")]
  .map((one) => one.getBoundingClientRect())
  .filter((box) => box.width && (box.bottom > 721 || box.right > 1281)).length"""


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides") / "slides"
    write_slides(folder)
    return folder


def test_what_a_deck_asks_for_must_be_there_once():
    cells = chapter_cells()
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


def test_the_guide_names_each_slide_of_the_class_once():
    rows = re.findall(r"^\| \d+-\d+ \|.*\| (\d+)(?:-(\d+))? \|$", GUIDE, flags=re.MULTILINE)
    named = [n for first, last in rows for n in range(int(first), int(last or first) + 1)]
    assert named == list(range(1, 2 + len(read_decks()["class"].slides)))


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
    assert complaints == []
    page.close()
