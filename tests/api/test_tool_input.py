"""The input of a tool call as a stream writes it: JSON at any end, and the whole's own object."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jiter import from_json

from app.api.messages.tool_input import ToolInput

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), JSON, max_size=4)


def written(pieces: list[str]) -> tuple[list[str], ToolInput]:
    """What a stream sends of the pieces, each followed as Anthropic's package follows it."""
    tool_input = ToolInput()
    sent = [tool_input.push(piece) for piece in pieces]
    sent.append(tool_input.finish())
    text = ""
    for piece in sent:
        text += piece
        if text:
            from_json(text.encode(), partial_mode=True)
    return sent, tool_input


def cut(text: str, places: list[int]) -> list[str]:
    return [text[a:b] for a, b in pairwise([0, *sorted(places), len(text)])]


@settings(max_examples=100, deadline=None)
@given(value=OBJECTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]), data=st.data())
def test_what_is_whole_is_the_models_own(
    value: dict[str, Any], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    sent, tool_input = written(cut(text, places))
    assert "".join(sent) == text
    assert tool_input.value() == value


@settings(max_examples=100, deadline=None)
@given(value=OBJECTS, data=st.data())
def test_what_is_cut_is_closed(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    end = data.draw(st.integers(0, len(text)))
    places = data.draw(st.lists(st.integers(0, end), max_size=5))
    sent, tool_input = written(cut(text[:end], places))
    assert "INVALID_JSON" not in "".join(sent)
    found = tool_input.value()
    assert found == (json.loads("".join(sent)) if end else {})
    # Every key of it is one of the model's, in its order.
    assert list(found) == list(value)[: len(found)]


PIECES = (
    *("{", "}", "[", "]", ",", ":", '"', '"a"', " ", "\n"),
    *("1", "-", "1e9", "1e999", "true", "nul", "x", "杭", "\x01"),
    *("\\", "\\u", "d83d", "de00", "\\ud83d", "\\ude00", "\\\\"),
)


@settings(max_examples=250, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join), data=st.data())
def test_anything_becomes_an_object(text: str, data: st.DataObject) -> None:
    text = "{" + text
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    sent, tool_input = written(cut(text, places))
    whole = "".join(sent)
    assert whole == "".join(written([text])[0]), "however it is divided"
    assert isinstance(tool_input.value(), dict)
    whole.encode()
    json.dumps(tool_input.value(), ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{", {}),
        ('{"a": "b', {"a": "b"}),
        ('{"a": "b\\', {"a": "b"}),
        ('{"a": "b\\u00', {"a": "b"}),
        ('{"a": "b\\ud83d', {"a": "b"}),
        ('{"a": "\\ud83d\\ude00', {"a": "😀"}),
        ('{"a": "\\ud83dx", "\\ude00": 1}', {"a": "\ufffdx", "\ufffd": 1}),
        ('{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
        ('{"a": 12', {}),
        ('{"a": 12, "b', {"a": 12}),
        ('{"a": 12, "b": [1, {"c": tr', {"a": 12, "b": [1, {}]}),
        # Cut by a quotation mark that was not escaped: no tool must take it for the whole.
        ('{"a": "print("hi")"}', {"a": "print(", "INVALID_JSON": 'hi")"}'}),
        ("{'a': 1}", {"INVALID_JSON": "'a': 1}"}),
        ('{"a": {"b": [nope]}}', {"a": {"b": []}, "INVALID_JSON": "nope]}}"}),
        ('{"a": "b\nc"}', {"a": "b", "INVALID_JSON": '\nc"}'}),
        ('{"a": [1e999], "b": 1}', {"a": [], "INVALID_JSON": '1e999], "b": 1}'}),
        ('{"a": 1' + "0" * 5000 + "}", {"INVALID_JSON": '"a": 1' + "0" * 5000 + "}"}),
    ],
)
def test_examples(text: str, expected: dict[str, Any]) -> None:
    assert written([text])[1].value() == expected
    assert written(list(text))[1].value() == expected


def test_depth_is_bounded() -> None:
    _, tool_input = written(['{"a":' * 5000])
    depth, value = 0, tool_input.value()
    while value.get("a"):
        depth, value = depth + 1, value["a"]
    assert 30 < depth < 50


@pytest.mark.parametrize("text", ["[1", "[1]", "foo", "null", '"text"', "7", " []", "\n true "])
def test_what_is_no_object_is_under_the_key_for_it(text: str) -> None:
    for pieces in ([text], list(text)):
        sent, tool_input = written(pieces)
        assert tool_input.value() == {"INVALID_JSON": text}
        assert json.loads("".join(sent)) == tool_input.value()


@pytest.mark.parametrize("after", ["x", "{}", "]", " 1"])
def test_what_follows_the_object_is_dropped(after: str) -> None:
    _, tool_input = written(['{"a": 1}', after])
    assert tool_input.value() == {"a": 1}
