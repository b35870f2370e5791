"""The JSON reader: what it takes is what json.loads takes, and nothing else passes."""

from __future__ import annotations

import inspect
import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schemas.errors import BadRequest
from app.schemas.strict_json import MAX_DEPTH, parse_object

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), values), st.booleans())
def test_reads_what_json_writes(value: dict[str, Any], ascii_only: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except BadRequest as error:
        str(error).encode()
        (error.param or "").encode()


@given(st.text(alphabet='[]{}",:\\u0dD8a1.eE-NIf ', max_size=60))
def test_any_json_like_text_is_read_or_refused(text: str) -> None:
    try:
        parse_object(text.encode())
    except BadRequest as error:
        str(error).encode()


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":[', '["]}",'])
def test_depth(opening: str) -> None:
    levels = opening.count("[") + opening.count("{") - opening.count("]}")
    for times in (10, 100_000):
        body = ('{"x":' + opening * times).encode()
        with pytest.raises(BadRequest) as caught:
            parse_object(body)
        too_deep = times * max(levels, 1) > MAX_DEPTH
        assert ("nested" in str(caught.value)) == too_deep


@pytest.mark.parametrize(("depth", "fits"), [(63, True), (64, True), (65, False)])
@pytest.mark.parametrize("kind", ["list", "object"])
def test_depth_limit_is_exact(depth: int, fits: bool, kind: str) -> None:
    inner = depth - 1
    nest = "[" * inner + "]" * inner if kind == "list" else '{"a":' * inner + "1" + "}" * inner
    body = f'{{"x":{nest}}}'.encode()
    if fits:
        parse_object(body)
    else:
        with pytest.raises(BadRequest, match="nested"):
            parse_object(body)


def test_works_near_the_end_of_the_stack() -> None:
    def deep(levels: int) -> object:
        if levels:
            return deep(levels - 1)
        return parse_object(b'{"x":' + b"[" * 63 + b'"\\ud83d\\ude00"' + b"]" * 63 + b"}")

    used = len(inspect.stack())
    assert deep(sys.getrecursionlimit() - used - 200)


def test_surrogate_pairs_are_characters() -> None:
    assert parse_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"\\\\" * 2_000_000 + b'"}',
        b'{"a":[' + b'"x",' * 1_000_000 + b'"x"]}',
        b'{"a":' + b'"' * 4_000_000,
        b'{"a":[' + b"1," * 1_000_000 + b"1]}",
        b'{"a":[' + b"[]," * 700_000 + b"1]}",
    ],
    ids=["escapes", "strings", "quotes", "numbers", "lists"],
)
def test_large_bodies_take_no_long_time(body: bytes) -> None:
    started = time.monotonic()
    try:
        parse_object(body)
    except BadRequest:
        pass
    assert time.monotonic() - started < 5
