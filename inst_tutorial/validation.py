"""What is wrong in a file that does not have the shape that it should have, in one line."""

from __future__ import annotations

import reprlib

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """The first fault that pydantic found: its key, its value, and what the value should be.

    As in "pictures.a.png.state is 'lost': input should be 'waiting', 'done' or 'failed'".
    """
    fault = error.errors(include_url=False)[0]
    key = ".".join(map(str, fault["loc"]))
    should = fault["msg"][:1].lower() + fault["msg"][1:]
    if fault["type"] in ("missing", "json_invalid"):
        return f"{key}: {should}" if key else should
    return f"{key or 'the whole'} is {reprlib.repr(fault['input'])}: {should}"
