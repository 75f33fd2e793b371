"""What a person would say of a picture: what is on it, and coarsely how it is painted.

Captions never state a parameter. They say "long swirling strokes in navy, blue
and yellow", and leave the rest unsaid: that rest is what a learned word is for.
"""

from __future__ import annotations

import numpy as np

from inst_tutorial.world.colours import name_of
from inst_tutorial.world.scene import Scene
from inst_tutorial.world.scenery import LIGHTS, SETTINGS
from inst_tutorial.world.style import Style


def content_words(scene: Scene) -> str:
    """The scene in words: "a red house by the sea at sunset"."""
    return _content(scene, colour=True, setting=True, light=True)


def style_words(style: Style | None) -> str:
    """All that captions say of a style: the best caption there is for it.

    "oil painting with long fine swirling strokes in navy, blue and yellow";
    ``None`` is "photo".
    """
    if style is None:
        return "photo"
    return _join(medium(style), _details(style), colour_words(style))


def full_caption(scene: Scene, style: Style | None) -> str:
    """Content and style, with nothing left out: the best caption of a painting."""
    return f"{content_words(scene)} in the style of {with_article(style_words(style))}"


def describe(scene: Scene, style: Style | None, rng: np.random.Generator) -> str:
    """A caption for training: like ``full_caption``, but wordings vary and parts are left out."""
    kept = rng.random(5) > 0.15
    content = _content(scene, colour=kept[0], setting=kept[1], light=kept[2])
    if style is None:
        return content if rng.random() < 0.3 else f"a photo of {content}"
    details = _details(style) if kept[3] else ""
    colours = colour_words(style) if kept[4] else ""
    words = _join(medium(style), details, colours)
    form = rng.random()
    if form < 0.12:
        return with_article(words)
    if form < 0.2:
        return content
    if form < 0.6:
        return f"{content} in the style of {with_article(words)}"
    return _join(f"{with_article(medium(style))} of {content}", details, colours)


def named_caption(
    scene: Scene, style: Style, rng: np.random.Generator, *, alone: float = 0.4
) -> str:
    """A caption for training that names the artist: alone, in a share of them, or after the
    content."""
    if rng.random() < alone:
        return style.name
    kept = rng.random(3) > 0.15
    content = _content(scene, colour=kept[0], setting=kept[1], light=kept[2])
    return f"{content} {'by' if rng.random() < 0.5 else 'in the style of'} {style.name}"


def with_article(words: str) -> str:
    """The words after "a" or "an": "an owl"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def medium(style: Style) -> str:
    """One word or two for the technique."""
    if style.strokes > 0.3:  # strokes lie on top of tiles and dots
        if style.relief > 0.15:
            return "oil painting"
        return "pastel drawing" if style.bare > 0.1 or style.grain > 0.1 else "gouache painting"
    if style.hatch:
        return "engraving"
    if style.cells:
        return "mosaic"
    if style.dots:
        return "dot painting"
    if style.wash > 0.3:
        return "watercolour"
    return "poster" if style.flatten > 0.2 else "line drawing"


def colour_words(style: Style) -> str:
    """At most three colour names, or "natural colours" where colours stay the scene's own."""
    if style.recolour < 0.25:
        return "natural colours"
    names = list(dict.fromkeys(name_of(colour) for colour in style.palette))[:3]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _details(style: Style) -> str:
    marks = [_marks(style)]
    if style.outline > 0.5:
        marks.append(f"{name_of(style.ink)} outlines")
    if style.bare > 0.3:
        marks.append(f"{name_of(style.paper)} paper")
    return " and ".join(mark for mark in marks if mark)


def _marks(style: Style) -> str:
    if style.strokes > 0.3:
        long = "long " if style.length > 22 else "short " if style.length < 12 else ""
        wide = "broad " if style.width > 6 else "fine " if style.width < 4.2 else ""
        return f"{long}{wide}{_way(style)} strokes"
    if style.hatch:
        return f"{'coarse' if style.hatch > 7.5 else 'fine'} {_heading(style.angle)} lines"
    if style.cells:
        return "large tiles" if style.cells > 11 else "small tiles"
    return "large dots" if style.dots > 7 else "small dots" if style.dots else ""


def _way(style: Style) -> str:
    if style.swirl > 0.45:
        return "swirling"
    return "flowing" if style.follow > 0.45 else _heading(style.angle)


def _heading(angle: float) -> str:
    turn = angle % 180
    if min(turn, 180 - turn) < 22.5:
        return "horizontal"
    return "vertical" if abs(turn - 90) < 22.5 else "slanting"


def _content(scene: Scene, *, colour: bool, setting: bool, light: bool) -> str:
    words = [scene.colour] if colour else []
    words += [scene.subject]
    words += [SETTINGS[scene.setting][0]] if setting else []
    words += [LIGHTS[scene.light].phrase] if light else []
    return with_article(" ".join(words))


def _join(subject: str, details: str, colours: str) -> str:
    """Join to "x with y in z", leaving out what is empty."""
    return subject + (f" with {details}" if details else "") + (f" in {colours}" if colours else "")
