"""Scenes and styles to choose from, wherever a reader chooses: in the browser and in notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from inst_tutorial.world.artist_names import artists
from inst_tutorial.world.named_styles import HELD_OUT, STYLES
from inst_tutorial.world.scene import Scene
from inst_tutorial.world.style import Style

STYLE_SCENE = Scene("house", "meadow", colour="blue", trim="red", seed=4)
CONTENT_SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "cat": Scene("cat", "meadow", colour="orange", trim="brown", seed=2),
        "lighthouse": Scene("lighthouse", "sea", colour="red", seed=1),
        "castle": Scene("castle", "mountains", colour="purple", seed=3),
        "owl": Scene("owl", "snow", colour="brown", seed=11),
        "sailboat": Scene("sailboat", "sea", light="sunset", colour="red", seed=12),
        "windmill": Scene("windmill", "meadow", colour="yellow", seed=13),
        "balloon": Scene("balloon", "desert", colour="purple", trim="yellow", seed=14),
        "rocket": Scene("rocket", "city", light="night", colour="red", seed=15),
    }
)
FIRST = ("lagoon", "starry", "ember")  # the other unseen styles follow in the world's own order
CALLED = ("oil", "woodcut", "mosaic", "vortex", "blueprint", "watercolour")


def unseen_styles() -> dict[str, Style]:
    """{name: style} of the styles that no painter of the book has been trained on."""
    names = [*FIRST, *(name for name in HELD_OUT if name not in FIRST)]
    return {name: HELD_OUT[name] for name in names}


def styles_of_artists() -> dict[str, Style]:
    """{an artist's name: the style} of some artists in the training of Paintbox."""
    everybody = artists()
    named = dict(zip(everybody, STYLES, strict=False))  # the first artists paint in named styles
    return {name: everybody[name] for name, style in named.items() if style in CALLED}
