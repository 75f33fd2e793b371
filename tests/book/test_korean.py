"""The Korean edition's catalogues: whole, up to date, with the marks and numbers of the text."""

import json
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("jupyter_book")
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "book/_ext")]

from docutils import nodes  # noqa: E402
from inst_languages import beginnings  # noqa: E402
from inst_messages import with_captions  # noqa: E402
from korean import catalogues  # noqa: E402
from korean.catalogues import entries, messages, translated_pages, updated  # noqa: E402
from korean.markup import marks, numbers, words  # noqa: E402
from make_korean_book import merged, settings  # noqa: E402

PAGES = translated_pages()
HANGUL = re.compile("[가-힣]")
each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def english():
    """What the translated pages say in English."""
    return messages(PAGES)


def translations(page):
    return {str(entry.id): str(entry.string) for entry in entries(catalogues.read(page))}


@each_page
def test_a_catalogue_has_what_its_page_says(page, english):
    """After a page was changed: `make korean`, translate, delete the marks "fuzzy"."""
    assert [*translations(page)] == english[page]


@each_page
def test_nothing_is_untranslated_or_fuzzy(page):
    left = [e.id for e in entries(catalogues.read(page)) if e.fuzzy or not e.string]
    assert left == []


@each_page
def test_translations_are_korean(page):
    """Names and prompts may stay; a paragraph may not."""
    english = [text for text in translations(page).values() if not HANGUL.search(text)]
    assert [text for text in english if len(words(text).split()) > 3] == []


@each_page
def test_translations_have_the_marks_of_the_text(page):
    """Roles with their targets, glued values, links, citations, formulas, code, emphasis."""
    differ = {
        text: (marks(text) - marks(korean), marks(korean) - marks(text))
        for text, korean in translations(page).items()
        if marks(text) != marks(korean)
    }
    assert differ == {}


@each_page
def test_translations_have_the_numbers_of_the_text(page):
    missing = {
        text: numbers(text) - numbers(korean)
        for text, korean in translations(page).items()
        if numbers(text) - numbers(korean)
    }
    assert missing == {}


def test_every_page_of_the_edition_is_a_page_of_the_book():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [page for page in [*PAGES, *catalogues.begun_pages()] if page not in toc] == []
    assert not set(PAGES) & set(catalogues.begun_pages())


# ------------------------------------------------------------------------ how they are kept


OLD = "A word is learned from one picture. It takes fifty steps."
NEW = "A word is learned from one picture. It takes a hundred steps."


def test_translations_survive_an_update(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogues, "LOCALE", tmp_path)
    first = updated(catalogues.read("book/x"), ["Welcome", OLD, "{doc}`a`, {doc}`b`"])
    for entry in entries(first)[:2]:
        entry.string = f"번역: {entry.id}"
    catalogues.write("book/x", first)
    update("book/x", ["Welcome", OLD, "{doc}`a`, {doc}`b`"], changes=False)
    update("book/x", ["An entirely different sentence.", NEW, "Welcome"], changes=True)
    update("book/x", ["An entirely different sentence.", NEW, "Welcome"], changes=False)
    new, changed, kept = entries(catalogues.read("book/x"))
    assert not new.string
    assert changed.fuzzy and changed.string == f"번역: {OLD}"
    assert changed.user_comments == [f"Translated from: {OLD}"]
    assert not kept.fuzzy and kept.string == "번역: Welcome"


def update(page, texts, changes):
    """Update a page's catalogue; does that change its file?"""
    before = catalogues.path_of(page).read_bytes()
    catalogues.write(page, updated(catalogues.read(page), texts))
    assert (catalogues.path_of(page).read_bytes() != before) is changes


def test_messages_without_words_are_filled_in():
    (entry,) = entries(updated(catalogues.read("no/page"), ["{doc}`a`, {doc}`b`"]))
    assert entry.string == entry.id


def test_messages_are_all_that_a_page_says(tmp_path):
    """Also what gettext would miss: titles of exercises, glued words, captions in HTML, parts."""
    fence = "```"
    text = "# Title\n\nSee {glue:text}`v` and $x$.\n\n$$\ny = x\n$$\n\n"
    text += f"{fence}{{admonition}} Think\n:class: dropdown\nWhy?\n{fence}\n\n"
    text += (
        f"{fence}{{exercise}} Count $n$\n:label: e\nHow many?\n{fence}\n\n| A | B |\n|---|---|\n"
    )
    text += "| one cell | 2 |\n"
    record = {"application/papermill.record/text/plain": "'more than half'"}
    about = {"scrapbook": {"name": "v", "mime_prefix": "application/papermill.record/"}}
    glued = {"output_type": "display_data", "data": record, "metadata": about}
    html = "<figure><figcaption>Move the step, &amp; look.</figcaption></figure>"
    viewer = {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}
    code = dict(cell_type="code", source="1", execution_count=1, id="b", metadata={})
    prose = dict(cell_type="markdown", source=text, id="a", metadata={})
    notebook = dict(nbformat=4, nbformat_minor=5, metadata={}, cells=[])
    notebook["cells"] = [dict(code, outputs=[glued, viewer]), prose]
    (tmp_path / "book").mkdir()
    (tmp_path / "book/x.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    config = (ROOT / "_config.yml").read_text("utf-8").replace(": book/_ext", f": {ROOT}/book/_ext")
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/x\n", encoding="utf-8")
    expected = ["Title", "See {glue:text}`v` and $x$.", "Think", "Why?", "Count $n$", "How many?"]
    expected += ["A", "B", "one cell", "2", "Move the step, & look.", "more than half"]
    assert messages(["book/x"], tmp_path)["book/x"] == expected


def test_captions_of_viewers_are_replaced_for_the_page_and_for_its_script():
    text = '<figcaption>Tom &amp; "Ann"</figcaption><script>{"a":1,"caption":"Tom & \\"Ann\\""}'
    html = nodes.raw("", text, format="html")
    with_captions(html, {'Tom & "Ann"': '"가"<나'}.get)
    new = '<figcaption>"가"&lt;나</figcaption><script>{"a":1,"caption":"\\"\\uac00\\"<\\ub098"}'
    assert html.astext() == new


# ------------------------------------------------------------------------------ what marks are


@pytest.mark.parametrize(
    ("english", "korean", "same"),
    [
        ("In {doc}`a` and $x$.", "$x$와 {doc}`a`에서.", True),
        ("In {doc}`a`.", "{doc}`b`에서.", False),
        ("It is {glue:text}`v`.", "그것은 값입니다.", False),
        ("See [this](https://a.b).", "[이것](https://a.b)을 보십시오.", True),
        ("See [this](https://a.b).", "[이것](https://a.c)을 보십시오.", False),
        ("{doc}`Here <a>` it is.", "{doc}`여기 <a>` 있습니다.", True),
        ("Call `f(x)`.", "`f(y)`를 부릅니다.", False),
        ('A **"word"** is.', '**"단어"**는 그렇습니다.', False),  # these asterisks would be seen
    ],
)
def test_marks(english, korean, same):
    assert (marks(english) == marks(korean)) is same


def test_numbers_are_those_outside_of_marks():
    assert numbers("At $t=3$ of 1,000 steps, 0.5 in `f(7)`.") == {"1,000": 1, "0.5": 1}


def test_korean_words_are_found_by_their_beginnings():
    assert beginnings("어텐션은") == ["어텐", "어텐션", "어텐션은"]
    assert beginnings("InST는") == ["InST", "InST는"]
    assert beginnings("attention") == ["attention"]


def test_the_edition_has_the_settings_of_the_book_and_its_own():
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}}) == {
        "a": {"b": 9, "c": 2},
        "d": 3,
    }
    assert settings()["sphinx"]["config"]["language"] == "ko"
    assert settings()["bibtex_bibfiles"] == ["book/references.bib"]
