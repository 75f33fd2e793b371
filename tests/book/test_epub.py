"""The EPUB: pieces of HTML become well-formed XML without scripts."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

pytest.importorskip("bs4")
sys.path.append(str(Path(__file__).parents[2] / "book/_ext"))

from inst_epub import well_formed

from inst_tutorial.widgets import view


def test_of_a_viewer_the_first_picture_and_its_caption_are_left():
    picture = Image.new("RGB", (64, 64), "navy")
    viewer = view(lambda n: picture, n=[1, 2], alt="picture {n} & more", caption="A caption.")
    piece = ElementTree.fromstring(f"<div>{well_formed(viewer.to_html())}</div>")
    assert [one.get("alt") for one in piece.iter("img")] == ["picture 1 & more"]
    assert "".join(piece.itertext()).strip() == "A caption."
    assert not list(piece.iter("script")) and not list(piece.iter("style"))


def test_of_two_themes_the_light_one_is_left():
    text = '<picture class="a only-light"><img src="a"></picture><img class="only-dark" src="b">'
    piece = ElementTree.fromstring(f"<div>{well_formed(text)}</div>")
    assert [one.get("src") for one in piece.iter("img")] == ["a"]
