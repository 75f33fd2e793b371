"""Inversion-based style transfer with diffusion models, step by step.

Learn a style from one picture as a new word, then repaint other pictures in it
(InST, arXiv 2211.13203):

    >>> import inst_tutorial as inst
    >>> painter = inst.Painter.load("paintbox")
    >>> word = inst.learn(painter, inst.open_picture("style.png", painter.picture_size))
    >>> inst.transfer(painter, inst.open_picture("content.png", painter.picture_size), word)

Names are imported when they are first used, so ``import inst_tutorial`` is quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Painter": "painter",
    "Word": "words",
    "LearningSettings": "learning",
    "learn": "learning",
    "learn_many": "learning",
    "TransferSettings": "style_transfer",
    "draw": "style_transfer",
    "transfer": "style_transfer",
    "open_picture": "pictures",
    "save_picture": "pictures",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
