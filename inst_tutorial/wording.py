"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun, which gets an s unless it is one: "1 seed", "0 seeds", "3 seeds"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
