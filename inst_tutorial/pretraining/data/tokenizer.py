"""The tokenizer: every word of the captions is one token, and any other word is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

PLACEHOLDER = "*"
BOS, EOS, UNKNOWN = "<|startoftext|>", "<|endoftext|>", "<|unknown|>"


def build(captions: Iterable[str], length: int) -> CLIPTokenizer:
    """A CLIPTokenizer of the captions' words, in alphabetical order, and "*".

    Padding is the end mark, as in Stable Diffusion 1.x. Words are added tokens, so that a word
    outside the vocabulary gives the unknown token (a byte-pair model would spell it).
    """
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer(
        vocab={BOS: 0, EOS: 1, UNKNOWN: 2},
        merges=[],
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        unk_token=UNKNOWN,
        model_max_length=length,
    )
    words = {word for text in captions for word in re.findall(r"\w+|[^\w\s]", text.lower())}
    add(tokenizer, sorted(words | {PLACEHOLDER}))
    return tokenizer


def add(tokenizer: CLIPTokenizer, words: Iterable[str]) -> None:
    """Add words that are not there yet, at the end."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(word, single_word=word.isalnum()) for word in words])
