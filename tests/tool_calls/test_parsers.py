"""The parsers over many answers, split at every character and cut at every character."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from app.tool_calls.events import ArgumentsPiece, CallBegin, CallEnd, ContentText, ToolCallEvent
from app.tool_calls.formats import ToolFormat, new_parser
from app.tool_calls.parser import Reading, ToolCallParser
from tests.tool_calls.answers import ANSWERS, TAGS, TOOLS, Answer, Call


def _read(events: Iterable[ToolCallEvent]) -> tuple[str | Call, ...]:
    """Texts and calls in order, pieces joined."""
    found: list[str | Call] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, CallBegin):
            assert event.index == sum(isinstance(each, Call) for each in found)
            found.append(Call(event.name, "", ended=False))
        elif isinstance(event, ContentText):
            assert event.text
            if isinstance(last, str):
                found[-1] = last + event.text
            else:
                found.append(event.text)
        else:
            assert isinstance(last, Call) and not last.ended
            if isinstance(event, ArgumentsPiece):
                assert event.text
                found[-1] = last._replace(arguments=last.arguments + event.text)
            else:
                assert isinstance(event, CallEnd)
                found[-1] = last._replace(ended=True)
    return tuple(found)


def _parse(kind: ToolFormat, pieces: Iterable[str], cut: bool) -> tuple[list[ToolCallEvent], int]:
    parser = new_parser(kind, TOOLS)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.finish(cut=cut)], parser.unparsed


@pytest.mark.parametrize(
    "answer", ANSWERS, ids=lambda answer: f"{answer.format}-{answer.text[:40]}"
)
def test_an_answer_split_at_every_character(answer: Answer) -> None:
    whole, unparsed = _parse(answer.format, [answer.text], answer.cut)
    assert _read(whole) == answer.expected
    assert unparsed == answer.unparsed
    singly, unparsed = _parse(answer.format, answer.text, answer.cut)
    assert (_read(singly), unparsed) == (answer.expected, answer.unparsed)
    for at in range(1, len(answer.text), 3):
        pieces = answer.text[:at], answer.text[at:]
        events, unparsed = _parse(answer.format, pieces, answer.cut)
        assert (_read(events), unparsed) == (answer.expected, answer.unparsed), pieces
    for each in answer.expected:
        if isinstance(each, Call) and each.ended and not answer.unparsed:
            assert isinstance(json.loads(each.arguments), dict)


@pytest.mark.parametrize(
    "answer", ANSWERS, ids=lambda answer: f"{answer.format}-{answer.text[:40]}"
)
def test_no_tag_and_no_part_of_one_is_content(answer: Answer) -> None:
    tags = TAGS[answer.format]
    parts = tuple({tag[:size] for tag in tags for size in range(2, len(tag) + 1)})
    for at in range(0, len(answer.text) + 1, 2):
        events, _ = _parse(answer.format, [answer.text[:at]], cut=True)
        texts = [each for each in _read(events) if isinstance(each, str)]
        assert not any(tag in text for tag in tags for text in texts), answer.text[:at]
        if parts:
            assert not texts or not texts[-1].endswith(parts), answer.text[:at]


def test_the_answers_are_many() -> None:
    assert len(ANSWERS) >= 80
    assert {answer.format for answer in ANSWERS} == set(ToolFormat)


def test_arguments_come_as_they_are_written() -> None:
    parser = new_parser(ToolFormat.HERMES, TOOLS)
    assert parser.feed('<tool_call>{"name": "search", "arguments": ') == []
    assert parser.feed('{"que') == [CallBegin(0, "search"), ArgumentsPiece(0, '{"que')]
    assert parser.feed('ry": "a') == [ArgumentsPiece(0, 'ry": "a')]
    assert parser.feed('"}}</tool') == [ArgumentsPiece(0, '"}'), CallEnd(0)]
    assert parser.feed("_call>") == parser.finish() == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ToolFormat.HERMES, '<tool_call>{"name": %s, "arguments": {}}</tool_call>'),
        (ToolFormat.HERMES, '<tool_call>{"arguments": {"a": %s}, "name": "now"}</tool_call>'),
        (ToolFormat.HERMES, '<tool_call>{"name": "now", "arguments": {"a": %s}}</tool_call>'),
        (ToolFormat.QWEN3_CODER, "<function=get_weather><parameter=at>%s</parameter></function>"),
        (ToolFormat.MISTRAL, '[TOOL_CALLS]now[ARGS]{"a": %s}'),
    ],
)
def test_nesting_without_end(kind: ToolFormat, text: str) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    events, _ = _parse(kind, [text % deep], cut=False)
    pieces = [event for event in events if isinstance(event, ContentText | ArgumentsPiece)]
    assert deep in "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("kind", ToolFormat)
@pytest.mark.parametrize(
    "text", [" ", "<", "{", '<tool_call>{"', '[TOOL_CALLS][{"', '{"name": "now", ', "</parameter>"]
)
def test_no_text_is_read_again_and_again(
    kind: ToolFormat, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, next_character = [], ToolCallParser._next

    def counted(parser: ToolCallParser) -> Reading:
        read.append(parser)
        return next_character(parser)

    monkeypatch.setattr(ToolCallParser, "_next", counted)
    answer = text * (3_000 // len(text))
    _parse(kind, [answer], cut=False)
    assert len(read) < 4 * len(answer)
