"""The words that come with Paintbox: one for each held-out style, learned from one picture.

`python -m inst_tutorial.studies.learn_shipped_words` learns them, and each file tells how. A word
works only with the weights that it was learned with: the file names their fingerprint.

    >>> word = shipped_word("lagoon")
"""

from __future__ import annotations

from pathlib import Path

from inst_tutorial.folders import PAINTBOX
from inst_tutorial.word_files import WordError
from inst_tutorial.words import Word

WORDS = PAINTBOX / "words"


def shipped_names(folder: Path = WORDS) -> tuple[str, ...]:
    """The names of the words in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.safetensors")))


def shipped_word(name: str, folder: Path = WORDS) -> Word:
    """The word of that name. Raises WordError, which lists the names that there are."""
    names = shipped_names(folder)
    if name not in names:
        listed = ", ".join(names) or "none"
        raise WordError(
            f"no word {name!r} comes with Paintbox. These words do: {listed}. A word of your own "
            f"is called by its file, such as word.safetensors"
        )
    return Word.load(folder / f"{name}.safetensors")


def word_series(name: str, folder: Path = WORDS) -> dict[int, Word]:
    """A free vector of that style while it was learned: {step: word}, in the order of the steps.

    The last word's curve has the loss at each evaluation up to it. Raises WordError, which lists
    the styles with such a series.
    """
    paths = sorted((folder / name).glob("*.safetensors"))
    if not paths:
        listed = ", ".join(sorted(path.parent.name for path in folder.glob("*/*0.safetensors")))
        raise WordError(f"no words of {name!r} at several steps. There are those of: {listed}")
    return {int(path.stem): Word.load(path) for path in paths}
