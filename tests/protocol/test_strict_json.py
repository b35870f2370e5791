"""The JSON reader: what it takes is what json.loads takes, and nothing else passes."""

from __future__ import annotations

import inspect
import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.errors import BadRequest
from app.protocol.strict_json import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_KEYS,
    MAX_VALUES,
    parse_object,
)
from tests.harness.waiting import cpu_limit

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
    with cpu_limit(5), suppress(BadRequest):
        parse_object(body)


def many(unit: str, count: int, opening: str = '{"a":[', closing: str = "]}") -> bytes:
    """A body of so many equal parts."""
    return (opening + ",".join([unit] * count) + closing).encode()


KEYED = ('{"a":{', "}}")
#: By their size 8 MB at most, as a body may be.
TOO_MANY_VALUES = {
    "lists": many("[]", MAX_CONTAINERS),
    "objects": many("{}", MAX_CONTAINERS),
    "lists with blanks": many(" [ ] ", MAX_CONTAINERS),
    "lists of a string": many('["[[]]"]', MAX_CONTAINERS),
    "pairs of lists": many("[[]]", MAX_CONTAINERS // 2),
    "deep ones": many("[" * 60 + "]" * 60, MAX_CONTAINERS // 60 + 1),
    "objects of a key": many('{"b":0}', MAX_CONTAINERS),
    "keys": many('"b":0', MAX_KEYS, *KEYED),
    "different keys": ('{"a":{' + ",".join(f'"{n}":0' for n in range(MAX_KEYS)) + "}}").encode(),
    "keys with blanks": many('"b" : 0', MAX_KEYS, *KEYED),
    "numbers": many("0", MAX_VALUES + 2),
    "fractions": many("1.5", MAX_VALUES + 2),
    "empty strings": many('""', MAX_VALUES + 2),
    "strings of commas": many('","', MAX_VALUES + 2),
    "nulls": many("null", MAX_VALUES + 2),
    "what is no JSON": many("NaN", MAX_VALUES + 2),
    "at the top": many("[]", MAX_CONTAINERS + 1, "[", "]"),
    "without an end": many("[]", MAX_CONTAINERS + 1, '{"a":[', ""),
}


@pytest.mark.parametrize("body", TOO_MANY_VALUES.values(), ids=TOO_MANY_VALUES)
def test_too_many_of_anything(body: bytes) -> None:
    assert len(body) < 8 << 20
    with pytest.raises(BadRequest, match="holds more than"):
        parse_object(body)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 3_000_000,
        "{}" * 1_000_000,
        ",:" * 1_500_000,
        '\\"[' * 400_000,
        "[]" + "\\\\" * 200_000,
    ],
    ids=["brackets", "braces", "commas", "after quotes", "before the end"],
)
def test_text_may_hold_as_many_as_it_likes(text: str) -> None:
    assert parse_object(f'{{"a":"{text}"}}'.encode()) == {"a": json.loads(f'"{text}"')}


def test_what_honest_clients_send_is_far_below() -> None:
    """The largest batches and histories there are."""
    batch = {"input": [list(range(30_000, 30_400)) for _ in range(2048)]}
    history = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": f"{n}: [], {{}}"}]}
            for n in range(20_000)
        ],
        "tools": [
            {"type": "function", "function": {"name": str(n), "parameters": {"type": "object"}}}
            for n in range(2000)
        ],
    }
    ids = {"prompt": [31_999] * 900_000}
    for value in (batch, history, ids):
        assert parse_object(json.dumps(value).encode()) == value
