"""Files that do not have the content that they should have: what is wrong, in one line."""

from __future__ import annotations

import re
import reprlib

from pydantic import BaseModel, ConfigDict, ValidationError

LONGEST = 300  # characters of another library's message that are shown


class Schema(BaseModel):
    """What a JSON file must contain. Types are exact, other keys are ignored, NaN is refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


def first_fault(error: ValidationError) -> str:
    """The first fault that pydantic found: its key, its value, and what the value should be.

    As in "pictures.a.png.state is 'lost': it should be 'waiting', 'done' or 'failed'".
    """
    fault = error.errors(include_url=False)[0]
    key = ".".join(map(str, fault["loc"]))
    message = re.sub(r"^\w+ should", "it should", fault["msg"]).replace(" after validation", "")
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] in ("json_invalid", "value_error"):
        return message.removeprefix("Value error, ")
    return f"{key or 'the whole'} is {reprlib.repr(fault['input'])}: {message}"


def one_line(error: BaseException) -> str:
    """The kind and message of a library's error, in one line of about LONGEST characters."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
