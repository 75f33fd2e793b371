"""Artists, each with a name and one style of their own, that Paintbox learns by name.

Stable Diffusion knows artists from the captions it was trained with: a name says all of a style
in one token, where a description says it coarsely. A learned word is the name of one more artist.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from inst_tutorial.world.named_styles import STYLES, sample_style
from inst_tutorial.world.seeds import ARTISTS
from inst_tutorial.world.style import Style

_FIRST = "bal cor dan fel gar hol jan kel lor mar nev ors pal ral sel tam ulm val wen zor"
_LAST = (
    "adi anek arra eda elius enko etti iard ille inga "
    "isto odan oley omir onte orth uber uki uzzo yama"
)


@cache
def artists() -> dict[str, Style]:
    """400 artists by name: first the named training styles, then draws from the continuum."""
    rng = np.random.default_rng(ARTISTS[0])
    names = [first + last for first, last in product(_FIRST.split(), _LAST.split())]
    rng.shuffle(names)
    styles = [*STYLES.values()]
    styles += [sample_style(rng) for _ in range(len(names) - len(styles))]
    return {name: replace(style, name=name) for name, style in zip(names, styles, strict=True)}
