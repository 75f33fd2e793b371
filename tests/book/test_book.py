"""The built pages: no warning, no dead link, nothing from outside, and controls that work."""

import functools
import http.server
import io
import json
import re
import socketserver
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import nbformat
import pytest
import yaml
from chromium import needs_chromium
from markdown_it import MarkdownIt
from PIL import Image, ImageStat

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book/_ext"))

from inst_dark import picture_cells  # noqa: E402

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
PLAYED = [page for page in PAGES if "02" <= Path(page).name[:2] <= "11"]
KOREAN = yaml.safe_load((ROOT / "locale/ko/pages.yml").read_text(encoding="utf-8"))
each_page = pytest.mark.parametrize("page", PAGES)
each_korean_page = pytest.mark.parametrize("page", KOREAN)
each_built_page = pytest.mark.parametrize("page", [*PAGES, *(f"ko/{page}" for page in KOREAN)])
PHONE = 390


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages, with those in Korean."""
    folder = tmp_path_factory.mktemp("book")
    program = Path(sys.executable).with_name("jupyter-book")
    english = [program, "build", ROOT, "--path-output", folder, "-W", "-n", "--keep-going"]
    korean = [sys.executable, ROOT / "tools/make_korean_book.py", folder]
    for command in (english, korean):
        built = subprocess.run(command, capture_output=True, text=True, timeout=600)
        lines = (built.stdout + built.stderr).splitlines()
        warnings = [line for line in lines if re.search("WARNING|ERROR|Error", line)]
        assert not warnings and built.returncode == 0, "\n".join(warnings or lines[-30:])
    return folder / "_build" / "html"


# --------------------------------------------------------------------------- without a browser


class Links(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.places.update(filter(None, (named.get("id"), named.get("name"))))
        self.links += filter(None, (named.get("href"), named.get("src")))


def test_every_chapter_is_built(site):
    assert [page for page in PAGES if not (site / f"{page}.html").is_file()] == []


def test_links_within_the_book_lead_somewhere(site):
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in paths}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            where, place = urldefrag(link)
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target = Path(unquote(urlsplit(urljoin(path.as_uri(), where)).path)) if where else path
            places = pages[target].places if target in pages else {place}
            if not target.exists() or unquote(place) not in places:
                broken.append((path.name, link))
    assert broken == []


def test_tables_that_a_cell_prints_are_tables(site):
    text = (site / "book/11_experiments.html").read_text(encoding="utf-8")
    cells = nbformat.read(ROOT / "book/11_experiments.ipynb", 4).cells
    printed = [
        out.get("data", {}).get("text/markdown", "") for c in cells for out in c.get("outputs", ())
    ]
    tables = [one for one in printed if "|---" in one.replace(" ", "")]
    assert text.count("<table") >= len(tables) > 0
    assert "<p>| " not in text  # a table as plain text


def test_pages_have_a_card_for_links_to_them(site):
    text = (site / "book/welcome.html").read_text(encoding="utf-8")
    (title,) = re.findall(r"<meta[^>]*og:title[^>]*>", text)
    assert 'content="Welcome"' in title
    assert (site / "_static/card.jpg").is_file()


def test_the_painter_is_part_of_the_pages(site):
    pytest.importorskip("onnxscript")
    folder = site / "_static/painter"
    manifest = json.loads((folder / "paintbox.json").read_text(encoding="utf-8"))
    for name, facts in manifest["files"].items():
        assert (folder / name).stat().st_size == facts["bytes"], name
    text = (site / "book/painter_in_browser.html").read_text(encoding="utf-8")
    assert 'data-root="../_static/painter/"' in text
    assert "_static/painter/app/page.js" in text
    assert "_static/painter/app/page.js" not in (site / "book/welcome.html").read_text("utf-8")


def test_pages_can_be_edited(site):
    text = (site / "book/first_steps.html").read_text(encoding="utf-8")
    for place in ("/issues/new", "/edit/main/book/"):
        assert place in text, place


@each_page
def test_a_page_that_is_a_notebook_says_where_to_run_it(page, site):
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    if not (ROOT / f"{page}.ipynb").exists():
        assert "inst-launch" not in text
        return
    file = f"{Path(page).name}.ipynb"
    source = f"inst-tutorial/inst-tutorial/blob/notebooks/{file}"
    links = Links(text).links
    assert f"https://colab.research.google.com/github/{source}" in links
    assert f"https://kaggle.com/kernels/welcome?src=https://github.com/{source}" in links
    assert any(link.startswith("https://mybinder.org/v2/gh/") and file in link for link in links)
    assert f"../notebooks/{file}" in links and (site / "notebooks" / file).is_file()


def test_links_of_the_plain_notebooks_lead_to_places_in_the_book(site):
    pages, broken, count = {}, [], 0
    for path in (site / "notebooks").glob("*.ipynb"):
        for link in links_into_the_book(path):
            count += 1
            where, place = urldefrag(link)
            target = site / where.removeprefix(CONFIG["html"]["baseurl"])
            if target.is_file() and target not in pages:
                pages[target] = Links(target.read_text(encoding="utf-8")).places
            if place not in pages.get(target, ()):
                broken.append((path.name, link))
    assert broken == [] and count > 300


def links_into_the_book(path):
    parser = MarkdownIt()
    cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"]
    tokens = [child for c in cells for t in parser.parse(c.source) for child in t.children or ()]
    links = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
    assert all(link.startswith("https://") for link in links)
    return [link for link in links if link.startswith(CONFIG["html"]["baseurl"])]


def test_chapters_are_called_by_number(site):
    text = (site / "book/04_noise_and_text.html").read_text(encoding="utf-8")
    assert re.search(r'<a [^>]*title="Chapter 8\. [^"]+"[^>]*>.*?Chapter 8<', text)
    assert re.search(r"<h1><span class=.section-number.>4\. ?</span>", text)
    welcome = (site / "book/welcome.html").read_text(encoding="utf-8")
    assert ">5. " in welcome  # in a table of links the titles are written out


# --------------------------------------------------------------------------------- in Korean


class Article(HTMLParser):
    """The paragraphs, pictures and code of a page's article."""

    # In these, words are not those of the text.
    CODE = ("pre", "code", "script", "style", "p.inst-view-hint", "nav.inst-launch", "span.math")
    CODE += (
        "div.cell_output",
        "div.math",
        "section.inst-painter",
        "button",
        "a.reference.external",
    )
    BLOCKS = ("p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "summary", "figcaption")
    VOID = ("img", "br", "hr", "input", "link", "meta", "source", "wbr", "col")

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.pictures, self.code = [], [""], [], ""
        article = text.split("<article", 1)[1].split("</article>")[0]
        self.feed(f"<article{article}</article>")

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "img":
            self.pictures.append(Path(named["src"]).name if "data:" not in named["src"] else "data")
        if tag in self.BLOCKS:
            self.words.append("")
        if tag not in self.VOID:
            self.open.append(".".join([tag, *(named.get("class") or "").split()]))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            self.open.pop()

    def handle_data(self, data):
        tags = [set(tag.split(".")) for tag in self.open]
        if any(tag.startswith("pre") for tag in self.open):
            self.code += data
        elif not any(set(kind.split(".")) <= tag for kind in self.CODE for tag in tags):
            self.words[-1] += data


@pytest.fixture(scope="module")
def articles(site):
    """Each translated page as (Korean, English)."""
    folders = (site / "ko", site)
    return {
        page: [Article((folder / f"{page}.html").read_text("utf-8")) for folder in folders]
        for page in KOREAN
    }


@each_korean_page
def test_a_korean_page_has_the_pictures_and_the_code_of_the_english_one(page, articles):
    korean, english = articles[page]
    assert korean.pictures == english.pictures
    assert korean.code == english.code != ""


@each_korean_page
def test_no_paragraph_of_a_korean_page_is_in_english(page, articles):
    """Names may stand alone; four words of English without one in Korean are a sentence."""
    texts = [" ".join(words.split()) for words in articles[page][0].words]
    english = [text for text in texts if len(re.findall("[A-Za-z]{2,}", text)) > 3]
    assert [text for text in english if not re.search("[가-힣]", text)] == []
    assert [text for text in texts if "**" in text or "{" in text] == []  # marks that were not read


def test_each_page_links_to_its_twin_in_the_other_language(site):
    for page in PAGES:
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        twin = page if page in KOREAN else "book/welcome"
        assert re.search('<html[^>]* lang="en"', text) and switch(text) == f"../ko/{twin}.html"
    for page in KOREAN:
        text = (site / f"ko/{page}.html").read_text(encoding="utf-8")
        assert re.search('<html[^>]* lang="ko"', text) and switch(text) == f"../../{page}.html"
    built = {path.relative_to(site / "ko").as_posix() for path in (site / "ko/book").glob("*.html")}
    assert built == {f"{page}.html" for page in KOREAN}


def switch(text):
    (link,) = re.findall(r'<a class="btn btn-sm inst-language" href="([^"]*)"', text)
    return link


def test_the_korean_contents_lead_to_english_pages_and_say_so(site):
    text = (site / "ko/book/welcome.html").read_text(encoding="utf-8")
    (contents,) = re.findall('<nav[^>]* class="bd-links.*?</nav>', text, re.S)
    entries = re.findall(r'<a class="[^"]*" href="([^"]*)">\s*(.*?)\s*</a>', contents, re.S)
    assert len(entries) == len(PAGES)
    for link, title in entries:
        assert link.startswith("../../") == title.endswith("(영어)"), (link, title)
    captions = re.findall('<span class="caption-text">(.*?)</span>', contents)
    assert len(captions) >= 6 and all(re.search("[가-힣]", caption) for caption in captions)


@needs_chromium
def test_korean_words_are_found_whatever_follows_them(address, tab):
    """No page has "등대" without a particle."""
    tab.goto(f"{address}/ko/search.html?q=등대")
    tab.locator("#search-results li a[href*=first_steps]").wait_for()


# ------------------------------------------------------------------------------ with a browser


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    handler = functools.partial(QuietHandler, directory=site)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


# Loads every picture, however far down; then: does it have more than one colour?
BLANK = """async () => {
  const blank = [];
  for (const image of document.querySelectorAll("article img")) {
    image.loading = "eager";
    await image.decode().catch(() => null);
    const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
    const context = canvas.getContext("2d");
    if (image.naturalWidth) context.drawImage(image, 0, 0, 32, 32);
    const pixels = new Uint32Array(context.getImageData(0, 0, 32, 32).data.buffer);
    if (new Set(pixels).size < 2) blank.push(image.alt || image.src.slice(0, 80));
  }
  return blank;
}"""


@needs_chromium
@each_built_page
def test_a_page_is_whole(page, site, address, tab):
    """No error, nothing from outside, no blank picture, and it fits a phone."""
    tab.goto(f"{address}/{page}.html")
    assert tab.evaluate(BLANK) == []
    tab.set_viewport_size({"width": PHONE, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE
    assert tab.evaluate(CUT_OFF) == []
    shown = [(site / urlsplit(source).path[1:], scale) for source, scale in tab.evaluate(GRIDS)]
    assert [path.name for path, scale in shown if scale * smallest_picture(path) < 90] == []
    assert tab.evaluate(HALF_A_CHART) == []
    assert tab.complaints == []


# Each grid of pictures that is shown: its file, and how many pixels of the page one of its has.
GRIDS = """() => [...document.querySelectorAll("img.inst-pictures")]
  .filter((image) => image.checkVisibility())
  .map((image) => [image.src, image.getBoundingClientRect().width / image.naturalWidth])"""

# Each chart of which a phone shows a part only.
HALF_A_CHART = """() => [...document.querySelectorAll("img.inst-chart")]
  .filter(({ parentElement: box }) => box.scrollWidth > box.clientWidth + 1)
  .map((image) => image.alt)"""

# What is wider than a phone and cannot be scrolled to.
CUT_OFF = """() => [...document.querySelectorAll("article *")].filter((one) => {
  if (one.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let box = one; box.tagName !== "ARTICLE"; box = box.parentElement)
    if (getComputedStyle(box).overflowX !== "visible") return false;
  return one.checkVisibility();
}).map((one) => one.outerHTML.slice(0, 80))"""


def smallest_picture(path):
    """The width of the smallest picture in a grid, in pixels of its file."""
    with Image.open(path) as figure:
        return min(column.stop - column.start for _, column in picture_cells(figure))


def brightness(element):
    shot = Image.open(io.BytesIO(element.screenshot())).convert("L")
    return ImageStat.Stat(shot).mean[0]


# How far a box fades at its left and right edge, in pixels.
FADES = """(box) => ["before", "behind"].map((side) =>
  parseFloat(getComputedStyle(box).getPropertyValue(`--inst-${side}`)))"""


@needs_chromium
def test_a_grid_fades_at_the_edge_behind_which_there_is_more(address, tab):
    tab.set_viewport_size({"width": PHONE, "height": 800})
    tab.goto(f"{address}/book/10_style_transfer.html")
    boxes = tab.locator("a:has(> img.inst-pictures):visible")
    wide = [box for box in boxes.all() if box.evaluate("(b) => b.scrollWidth > b.clientWidth")]
    seen = []
    for place in ("0", "(b.scrollWidth - b.clientWidth) / 2", "b.scrollWidth"):
        wide[0].evaluate(f"(b) => {{ b.scrollLeft = {place}; }}")
        tab.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
        seen.append([width > 0 for width in wide[0].evaluate(FADES)])
    assert seen == [[False, True], [True, True], [True, False]]
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
    assert wide[0].evaluate(FADES) == [0, 0]


@needs_chromium
@pytest.mark.parametrize("width", [360, PHONE])
def test_three_pictures_to_choose_from_stand_in_a_row_of_a_phone(width, address, tab):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto(f"{address}/book/10_style_transfer.html")
    for gallery in tab.locator(".inst-view-gallery:visible").all():
        boxes = [picture.bounding_box() for picture in gallery.locator("img").all()]
        assert min(box["width"] for box in boxes) >= 90
        assert len({box["y"] for box in boxes[:3]}) == 1


@needs_chromium
def test_charts_on_a_dark_page_are_dark(address, tab):
    tab.emulate_media(color_scheme="dark")
    tab.goto(f"{address}/book/11_experiments.html")
    assert brightness(tab.locator("img.inst-chart").first) < 80
    tab.goto(f"{address}/book/02_diffusion.html")
    assert brightness(tab.locator("figure.inst-view img").first) < 80


@needs_chromium
def test_of_each_grid_of_pictures_the_light_or_the_dark_one_is_shown(address, tab):
    for scheme, paper in (("light", range(250, 256)), ("dark", range(40))):
        tab.emulate_media(color_scheme=scheme)
        tab.goto(f"{address}/book/04_noise_and_text.html")
        twins = tab.locator("img.inst-on-light, img.inst-on-dark")
        seen = [one for one in twins.all() if one.is_visible()]
        assert len(seen) == twins.count() / 2 >= 1
        shot = Image.open(io.BytesIO(seen[0].screenshot())).convert("L")
        assert shot.getpixel((shot.width - 3, shot.height - 3)) in paper


# The files of the diagrams that are seen with their captions, once they are loaded.
DIAGRAMS = """async () => {
  const captions = [...document.querySelectorAll("figure:has(.inst-diagram) figcaption")];
  if (captions.some((caption) => !caption.offsetHeight)) return "a caption is hidden";
  const seen = [...document.querySelectorAll(".inst-diagram img")].filter((i) => i.offsetWidth);
  await Promise.all(seen.map((image) => image.decode()));
  return seen.map((image) => image.currentSrc.split("/").pop());
}"""


@needs_chromium
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_diagram_fits_the_theme_and_the_phone(theme, address, tab):
    tab.emulate_media(color_scheme=theme)
    dark = "-dark" if theme == "dark" else ""
    names = ["method_learning", "embedder_published", "embedder_patches"]
    for width, narrow in ((1280, ""), (PHONE, "-narrow")):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto(f"{address}/book/06_attention_embedder.html")
        assert tab.evaluate(DIAGRAMS) == [f"{name}{narrow}{dark}.svg" for name in names]


@needs_chromium
@pytest.mark.parametrize("page", PLAYED)
def test_the_controls_of_a_chapter_change_its_picture(page, address, tab):
    tab.goto(f"{address}/{page}.html")
    viewers = tab.locator("figure.inst-view[data-inst-view=ready]")
    assert viewers.count() >= 1
    for i in range(viewers.count()):
        assert changes(viewers.nth(i)), f"viewer {i + 1}"
    assert tab.complaints == []


@needs_chromium
def test_the_painter_opens_in_its_page(address, tab):
    """It takes the place of the still picture, which stays on paper."""
    pytest.importorskip("onnxscript")
    tab.goto(f"{address}/book/painter_in_browser.html")
    tab.locator(".inst-painter[data-ready]").wait_for(timeout=30_000)
    assert tab.get_by_role("button", name="Load the painter").is_visible()
    assert not tab.locator(".ip-paper img").is_visible()
    tab.emulate_media(media="print")
    assert tab.locator(".ip-paper img").is_visible()
    assert tab.complaints == []


def changes(viewer):
    """Use each control by keyboard: does the picture change, and what is said of it?"""
    controls = viewer.locator("input[type=range], input[type=radio]:checked, select")
    seen = set()
    for i in range(controls.count()):
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
            seen.add(shown(viewer))
            controls.nth(i).press(key)
    seen.add(shown(viewer))
    pictures, texts = zip(*seen, strict=True)
    return len(set(pictures)) > 1 and len(set(texts)) > 1


def shown(viewer):
    picture = viewer.locator(".inst-view-picture")
    return picture.get_attribute("src"), picture.get_attribute("alt")
