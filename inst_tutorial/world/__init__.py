"""A small world of scenes and painting styles, in which the right answer exists.

A scene says what is to be seen, a style how it is painted. ``paint(scene, style)``
is the truth that style transfer tries to reach; ``paint(scene)`` is the photograph
it starts from. Reading order: seeds, colours, canvas, subjects, scenery, scene, style,
noise, technique, render, caption, named_styles, broad_styles, artist_names, examples, gallery.

    >>> from inst_tutorial.world import HELD_OUT, Scene, paint
    >>> picture = paint(Scene("cat", "snow", light="night"), HELD_OUT["starry"])
    >>> picture.size
    (128, 128)
"""

from inst_tutorial.world.artist_names import artists
from inst_tutorial.world.broad_styles import sample_broad_style
from inst_tutorial.world.caption import (
    content_words,
    describe,
    full_caption,
    named_caption,
    style_words,
    with_article,
)
from inst_tutorial.world.colours import NAMED as COLOURS
from inst_tutorial.world.examples import (
    Shares,
    sample_caption,
    sample_captions,
    sample_example,
    sample_named_caption,
    sample_pair,
)
from inst_tutorial.world.named_styles import GAP, HELD_OUT, STYLES, sample_style
from inst_tutorial.world.render import paint, paint_and_photograph
from inst_tutorial.world.scene import SUBJECT_COLOURS, Scene
from inst_tutorial.world.scenery import LIGHTS, SETTINGS
from inst_tutorial.world.style import RANGES, Style, blend, colours_only, distance
from inst_tutorial.world.subjects import SUBJECTS

__all__ = [
    "COLOURS",
    "GAP",
    "HELD_OUT",
    "LIGHTS",
    "RANGES",
    "SETTINGS",
    "STYLES",
    "SUBJECTS",
    "SUBJECT_COLOURS",
    "Scene",
    "Shares",
    "Style",
    "artists",
    "blend",
    "colours_only",
    "content_words",
    "describe",
    "distance",
    "full_caption",
    "named_caption",
    "paint",
    "paint_and_photograph",
    "sample_broad_style",
    "sample_caption",
    "sample_captions",
    "sample_example",
    "sample_named_caption",
    "sample_pair",
    "sample_style",
    "style_words",
    "with_article",
]
