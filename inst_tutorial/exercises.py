"""Whether an answer to an exercise of the book is the kind of value that was asked for.

A check compares an answer with what is right. An answer of another kind, such as None or a list in
place of a tensor, would end the comparison in a TypeError, which says nothing about the answer.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor


def expect(answer: Any, like: Any, what: str = "The answer") -> Any:
    """The answer, in the form of `like`, an example of what is expected.

    - A float or an int takes one number, an int a whole one; also in a tensor () or an array ().
    - A tuple takes as many values as it has, a list [example] any number of values: in a tuple, a
      list, a tensor (n,) or an array (n,). Each of them must be like its example.
    - A tensor takes a tensor of its shape, and gives it the example's dtype and device.
    - Any other example takes the values of its class.

    Raises AssertionError, whose text begins with `what`: it says what is expected and what came.

        >>> expect(torch.tensor(3.0), like=0)
        3
    """
    if not _fits(answer, like):
        raise AssertionError(f"{what} must be {_expected(like)}, but it is {_received(answer)}")
    if isinstance(like, Tensor):
        return answer.detach().to(like)
    if isinstance(like, tuple | list):
        values = list(answer)
        examples = like if isinstance(like, tuple) else like * len(values)
        pairs = enumerate(zip(values, examples, strict=True))
        return type(like)(expect(value, one, f"{what}[{i}]") for i, (value, one) in pairs)
    return type(like)(answer) if isinstance(like, int | float) else answer


def _fits(answer: Any, like: Any) -> bool:
    """Whether an answer is like the example. The values in a tuple or a list are left aside."""
    if isinstance(like, int | float):
        return _is_number(answer) and (isinstance(like, float) or float(answer).is_integer())
    if isinstance(like, Tensor):
        return isinstance(answer, Tensor) and answer.shape == like.shape
    if isinstance(like, tuple | list):
        return _is_row(answer) and (isinstance(like, list) or len(answer) == len(like))
    return isinstance(answer, type(like))


def _is_number(value: Any) -> bool:
    in_a_box = isinstance(value, Tensor | np.ndarray) and value.ndim == 0
    return isinstance(value.item() if in_a_box else value, Real)


def _is_row(value: Any) -> bool:
    in_a_row = isinstance(value, Tensor | np.ndarray) and value.ndim == 1
    return in_a_row or isinstance(value, tuple | list)


def _expected(like: Any) -> str:
    """What an example stands for, in words."""
    if isinstance(like, int | float):
        return "a whole number" if isinstance(like, int) else "a number"
    if isinstance(like, Tensor):
        return f"a tensor of shape {tuple(like.shape)}"
    if isinstance(like, tuple):
        return f"{len(like)} values in a tuple"
    if isinstance(like, list):
        return "a list"
    return "a text" if isinstance(like, str) else f"of the class {type(like).__name__}"


def _received(answer: Any) -> str:
    """What came, in words, to the end of the sentence."""
    if answer is None:
        return "None. Is a `return` missing?"
    if _is_number(answer):
        return f"the number {float(answer):.6g}."
    if isinstance(answer, Tensor):
        return f"a tensor of shape {tuple(answer.shape)}."
    if isinstance(answer, tuple | list):
        return f"a {type(answer).__name__} of {len(answer)} values."
    return f"of the class {type(answer).__name__}."
