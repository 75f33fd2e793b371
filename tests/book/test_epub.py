r"""The EPUB: well-formed XML without scripts, formulas in MathML, a menu of all chapters."""

import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image

pytest.importorskip("bs4")
pytest.importorskip("latex2mathml")
pytest.importorskip("myst_parser")
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "book/_ext"), str(ROOT / "tools")]

import nbformat  # noqa: E402
from editions.plain import parser  # noqa: E402
from inst_epub import STILL, well_formed  # noqa: E402
from inst_mathml import mathml  # noqa: E402

from inst_tutorial.widgets import view  # noqa: E402

MATH = "{http://www.w3.org/1998/Math/MathML}"
SETTINGS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
FIRST = """# A book

Start.

```{toctree}
:hidden:
:numbered: 1
book/one
```
"""
PAGE = r"""# Noise

Let $\bar\alpha_t < 1$ and $d \ge 1$.

$$
z = \sqrt{\bar\alpha_t}\, z_0
$$ (eq-noise)

So says {eq}`eq-noise`.
Here are <a href="../slides/a.html">slides</a>.

```python
1 < 2
```
"""


def piece(text, site=""):
    return ElementTree.fromstring(f"<div>{well_formed(text, site)}</div>")


def test_of_a_viewer_a_picture_its_caption_and_a_note_are_left():
    picture = Image.new("RGB", (64, 64), "navy")
    viewer = view(lambda n: picture, n=[1, 2], alt="picture {n} & more", caption="A caption.")
    left = piece(viewer.to_html())
    assert [one.get("alt") for one in left.iter("img")] == ["picture 1 & more"]
    assert "".join(left.itertext()).strip() == f"A caption.{STILL}"
    assert not list(left.iter("script")) and not list(left.iter("style"))


def test_of_two_themes_the_light_one_is_left():
    text = '<picture class="a only-light"><img src="a"></picture><img class="only-dark" src="b">'
    assert [one.get("src") for one in piece(text).iter("img")] == ["a"]


def test_links_to_parts_of_the_site_that_the_epub_lacks_lead_to_the_site():
    text = '<a href="../slides/a.html">a</a> <a href="other.xhtml">b</a>'
    links = [link.get("href") for link in piece(text, "https://site/").iter("a")]
    assert links == ["https://site/slides/a.html", "other.xhtml"]


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"\mathcal N(0, I)", "𝒩(0,I)"),
        (r"\bigl\lVert a \bigr\rVert", "‖a‖"),
        (r"\bigl\| a \bigr\|", "‖a‖"),
        (r"a < b \sim c", "a<b∼c"),
        (r"\arg\min_v L", "argminvL"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "a=bc=d"),
    ],
)
def test_a_formula_shows_the_symbols_of_its_tex(tex, shown):
    assert "".join(ElementTree.fromstring(mathml(tex)).itertext()) == shown


def test_relations_have_the_space_of_operators():
    parts = ElementTree.fromstring(mathml(r"a \sim b \pm c;"))
    assert [part.text for part in parts.iter(f"{MATH}mo")] == ["∼", "±", ";"]


def test_an_unknown_command_is_named():
    with pytest.raises(ValueError, match=r"does not know \\foo in the formula \\foo x:"):
        mathml(r"\foo x")


@pytest.mark.parametrize("tex", [r"\begin{split} a", "a^b^c", r"\left( a", "a_b_c", r"\frac", "{"])
def test_a_formula_that_cannot_be_read_is_named(tex):
    with pytest.raises(ValueError, match=f"read the formula {re.escape(tex)} .*write it differ"):
        mathml(tex)


def formulas(text):
    """The formulas of a text in MyST; those within a directive's content among them."""
    for token in parser().parse(text):
        for part in [token, *(token.children or ())]:
            if part.type.startswith(("math_", "amsmath")):
                yield part.content
            elif part.type in ("fence", "colon_fence") and part.info.startswith("{"):
                yield from formulas(part.content)


def pages():
    for path in sorted((ROOT / "book").glob("*.md")):
        yield path.read_text("utf-8")
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = nbformat.read(path, 4).cells
        yield from (cell.source for cell in cells if cell.cell_type == "markdown")


def test_every_formula_of_the_book_is_translated():
    found = {tex for page in pages() for tex in formulas(page)}
    assert len(found) > 200
    for tex in found:
        ElementTree.fromstring(mathml(tex))


@pytest.fixture(scope="module")
def epub(tmp_path_factory):
    """The file of a small book with the settings of ours."""
    app = pytest.importorskip("sphinx.application")
    folder = tmp_path_factory.mktemp("epub")
    (folder / "book").mkdir()
    (folder / "index.md").write_text(FIRST, "utf-8")
    (folder / "book/one.md").write_text(PAGE, "utf-8")
    own = ("version", "language", "html_math_renderer")
    settings = {k: v for k, v in SETTINGS.items() if k in own or k.startswith("epub_")}
    extra = {
        "extensions": ["myst_parser", "inst_epub", "inst_mathml"],
        "source_suffix": {".md": "markdown"},  # not what the book's parser left in this process
        "myst_enable_extensions": ["dollarmath"],
        "html_static_path": [str(ROOT / "book/_static")],
        "html_baseurl": "https://site/",
        "numfig": True,
    }
    out = folder / "out"
    book = app.Sphinx(
        folder,
        None,
        out,
        folder / "doctrees",
        "epub",
        {**settings, **extra},
        status=None,
        warningiserror=True,
    )
    book.build()
    assert book.statuscode == 0
    with zipfile.ZipFile(out / "inst-tutorial.epub") as file:
        yield {name: file.read(name) for name in file.namelist()}


def test_a_page_has_mathml_and_no_tex(epub):
    text = epub["book/one.xhtml"].decode()
    page = ElementTree.fromstring(text)
    assert len(list(page.iter(f"{MATH}math"))) == 3
    assert "\\" not in text and "<script" not in text


def test_formulas_keep_their_numbers_and_the_links_to_them(epub):
    page = ElementTree.fromstring(epub["book/one.xhtml"])
    (block,) = (part for part in page.iter() if part.get("class") == "math")
    number = "".join(block[0].itertext())
    links = ["".join(a.itertext()) for a in page.iter() if a.get("href") == f"#{block.get('id')}"]
    assert number == "(1.1)" and links == ["(1.1)"]


@pytest.mark.parametrize("menu", ["nav.xhtml", "toc.ncx"])
def test_the_menu_has_every_chapter_with_its_number(epub, menu):
    root = ElementTree.fromstring(epub[menu])
    entries = [part.text.strip() for part in root.iter() if part.text and part.text.strip()]
    assert entries[-2:] == ["A book", "1. Noise"]


def test_the_file_says_what_it_is(epub):
    text = epub["content.opf"].decode()
    assert "unknown" not in text + epub["toc.ncx"].decode()
    assert SETTINGS["epub_identifier"] == SETTINGS["epub_uid"]
    package = ElementTree.fromstring(text)
    pages = {
        item.get("href"): item.get("properties") for item in package.iter() if item.get("href")
    }
    assert pages["book/one.xhtml"] == "mathml" and pages["index.xhtml"] is None


def test_nothing_is_packed_that_only_web_pages_need(epub):
    assert not [n for n in epub if "mathjax" in n or n.endswith("-dark.svg") or "card.jpg" in n]


def test_every_style_is_packed_and_code_wraps(epub):
    page = ElementTree.fromstring(epub["book/one.xhtml"])
    styles = [part.get("href") for part in page.iter() if part.get("rel") == "stylesheet"]
    assert "../_static/ereader.css" in styles
    assert all(style.removeprefix("../") in epub for style in styles)
    assert "white-space: pre-wrap" in epub["_static/ereader.css"].decode()
