"""JSON of an upstream's answers, and what is raised where it is another answer."""

from __future__ import annotations

import json
from typing import NoReturn

from app.engine.errors import UpstreamError

#: What reading an answer of another shape raises. OverflowError: 1e999 as a whole number.
BAD_SHAPES = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


#: Of an answer or of a part of it.
DECODER = json.JSONDecoder(parse_constant=_no_number)


def bad_answer(problem: str) -> UpstreamError:
    """An answer that cannot be read."""
    return UpstreamError(f"the upstream's answer cannot be read: {problem}", 502, "upstream_error")
