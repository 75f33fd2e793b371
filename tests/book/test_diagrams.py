"""Diagrams: the committed files are what the code draws, and a page shows the one that fits."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import make_diagrams  # noqa: E402
from diagrams.canvas import Canvas  # noqa: E402
from diagrams.colours import DARK, LIGHT  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def test_the_committed_files_are_what_the_code_draws():
    found = {path.name: path.read_text("utf-8") for path in make_diagrams.OUT.iterdir()}
    drawn = make_diagrams.drawn()
    assert sorted(found) == sorted(drawn)
    changed = [name for name, text in drawn.items() if found[name] != text]
    assert changed == [], "run: make diagrams"


@pytest.mark.parametrize("diagram", make_diagrams.DIAGRAMS, ids=lambda diagram: diagram.name)
def test_a_diagram_says_what_it_shows_and_needs_nothing_from_outside(diagram):
    for text in diagram.files().values():
        root = ElementTree.fromstring(text)
        assert len(root.findtext(f"{SVG}desc").split()) > 20
        links = [e.get("href") for e in root.iter() if e.get("href")]
        assert all(link.startswith(("#", "data:")) for link in links)
        assert root.find(f".//{SVG}text") is None  # letters are outlines


def test_narrow_files_fit_a_phone():
    assert {diagram.narrow.width for diagram in make_diagrams.DIAGRAMS} == {360}
    assert max(diagram.wide.width for diagram in make_diagrams.DIAGRAMS) <= 760


def test_text_that_does_not_fit_is_an_error():
    canvas = Canvas(200, 100, LIGHT, "")
    with pytest.raises(ValueError, match=r"'far too long .*' is \d+ pixels wide, its box has 52"):
        canvas.box(0, 0, 60, 40, "far too long for this box")
    with pytest.raises(ValueError, match="'too far' leaves the drawing"):
        canvas.text(190, 50, "too far")


def luminance(colour):
    """Relative luminance of "#rrggbb" by the Web Content Accessibility Guidelines."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("theme", "page"), [(LIGHT, "#ffffff"), (DARK, "#121212")])
def test_text_and_lines_can_be_told_from_what_lies_behind(theme, page):
    for role in set(theme) - {"panel"}:
        for behind in (page, theme["panel"].fill):
            low, high = sorted(map(luminance, (theme[role].line, behind)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (role, behind)
    for role, colour in theme.items():
        low, high = sorted(map(luminance, (theme["ink"].line, colour.fill)))
        assert (high + 0.05) / (low + 0.05) >= 7, role
