"""The printed book: pages in their order, everything unfolded, links that stay inside."""

import importlib.util
from pathlib import Path

import pytest
from chromium import CHROMIUM, needs_chromium

pytestmark = pytest.mark.browser

SPEC = importlib.util.spec_from_file_location(
    "make_pdf", Path(__file__).parents[2] / "tools/make_pdf.py"
)
make_pdf = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_pdf)

FIRST = """<meta charset="utf-8"><title>First — The book</title>
<p>Go to <a href="second.html">the second</a> or
<a href="https://example.org/">away</a>, or to <a href="slides/class.html">slides</a>.</p>
<details><summary>Answer</summary>folded away</details>"""
SECOND = """<meta charset="utf-8"><title>Second — The book</title>
<p style="break-after: page">one</p><p>two</p>"""


@pytest.fixture
def bound(tmp_path, monkeypatch):
    (tmp_path / "first.html").write_text(FIRST, encoding="utf-8")
    (tmp_path / "second.html").write_text(SECOND, encoding="utf-8")
    monkeypatch.setattr(make_pdf, "pages", lambda: ["first", "second"])
    with make_pdf.served(tmp_path) as address:
        yield make_pdf.bind(dict(make_pdf.print_pages(CHROMIUM, address)), address)


@needs_chromium
def test_pages_are_bound_in_order_and_unfolded(bound):
    texts = [page.extract_text() for page in bound.pages]
    assert len(texts) == 3
    assert [place["/Title"] for place in bound.outline] == ["First", "Second"]
    assert "folded away" in texts[0] and "one" in texts[1] and "two" in texts[2]


@needs_chromium
def test_links_between_pages_stay_in_the_file(bound):
    inside, away, beside = (link.get_object() for link in bound.pages[0]["/Annots"])
    assert inside["/Dest"][0] == bound.pages[1].indirect_reference and "/A" not in inside
    assert away["/A"]["/URI"] == "https://example.org/"
    assert beside["/A"]["/URI"] == f"{make_pdf.online()}slides/class.html"


def test_without_pages_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(make_pdf, "SITE", tmp_path / "none")
    with pytest.raises(SystemExit, match="make book"):
        make_pdf.main()
