"""The words of each style picture: one that comes with the painter, one learned here, others."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property

import torch
from PIL import Image

from inst_tutorial.painter import Painter
from inst_tutorial.shipped_words import shipped_names, shipped_word
from inst_tutorial.words import Word, WordError

SHIPPED, LEARNED = "made by the package", "learned here"


class StyleWords:
    """Words by the pixels of their style picture, and by where they come from.

    `shipped` {name of a style: its picture} has the pictures that get the word which comes with
    Paintbox, if it was learned with this very painter.
    """

    def __init__(self, painter: Painter, shipped: Mapping[str, Image.Image]) -> None:
        self.painter = painter
        self._words: dict[bytes, dict[str, Word]] = {}  # the newest is the last
        for name in set(shipped_names()) & shipped.keys():
            with suppress(WordError):  # it belongs to another painter
                self.add(shipped[name], SHIPPED, shipped_word(name))

    def of(self, picture: Image.Image) -> dict[str, Word]:
        """{where it comes from: word} of the words of a style picture, the newest first."""
        return dict(reversed(self._words.get(picture.tobytes(), {}).items()))

    def add(self, picture: Image.Image, origin: str, word: Word) -> None:
        """Keep a word as the newest of a style picture, in place of one of the same origin.

        Raises WordError for a word of another painter.
        """
        self._check(word)
        words = self._words.setdefault(picture.tobytes(), {})
        words.pop(origin, None)
        words[origin] = word

    @cached_property
    def _fingerprint(self) -> str:
        return self.painter.fingerprint()

    def _check(self, word: Word) -> None:
        width, ours = word.vectors.shape[1], self.painter.text_width
        if width != ours:
            raise WordError(
                f"This word has {width} numbers, the painter's have {ours}: it belongs to another "
                f"painter."
            )
        rounded = self.painter.dtype == torch.bfloat16  # its weights have another fingerprint
        if "fingerprint" not in word.info or rounded:
            return
        if word.info["fingerprint"] != self._fingerprint:
            raise WordError("This word belongs to another painter: its weights are not these.")


def with_steps(origin: str, word: Word) -> str:
    """Where a word comes from, and how many steps of learning made it, if that is known."""
    steps = word.info.get("steps")
    return origin if steps is None else f"{origin} ({steps} steps)"
