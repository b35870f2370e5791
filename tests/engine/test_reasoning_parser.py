"""Thinking is told from the answer, wherever its text is split."""

from __future__ import annotations

import itertools

import pytest

from app.engine.detokenizer import Detokenizer
from app.engine.events import TokenLogprob
from app.engine.reasoning_parser import ReasoningParser
from app.engine.request import Reasoning

OUTSIDE = Reasoning("<think>", "</think>")
INSIDE = Reasoning("<think>", "</think>", starts_inside=True)
BYTES = tuple(bytes([value]) for value in range(256))
#: Special tokens, and one token that ends the thinking and begins the answer.
START, END, BOTH = 256, 257, 258
TOKENS = (*BYTES, b"", b"", b"k>b")
SHOWN = {START: b"<think>", END: b"</think>"}

#: Whether the prompt opened the thinking, the text, its thinking, its answer.
CASES = [
    (False, "answer", "", "answer"),
    (False, "<think>\nwhy\n</think>\n\nanswer", "why", "answer"),
    (False, " \n<think>why</think>answer ", "why", "answer "),
    (False, "<think></think>answer", "", "answer"),
    (False, "<think>\n\n</think>\n\n", "", ""),
    (False, "<think>why", "why", ""),
    (False, "<think>a </thi b\n</think >", "a </thi b\n</think >", ""),
    (False, "<think>why</thi", "why</thi", ""),
    (False, "<thi", "", "<thi"),
    (False, "<thinking>a", "", "<thinking>a"),
    (False, "", "", ""),
    (False, "The tag is <think>x</think>.", "", "The tag is <think>x</think>."),
    (False, "<think>a</think>a tag: <think>b</think>", "a", "a tag: <think>b</think>"),
    (False, "<think>a<think>b</think>c</think>", "a<think>b", "c</think>"),
    (False, "<think>西</</</think>湖", "西</</", "湖"),
    (False, "</think>a", "", "</think>a"),
    (True, "why\n</think>\nanswer", "why", "answer"),
    (True, "\n</think>answer", "", "answer"),
    (True, "why", "why", ""),
    (True, "a  b \n\n c</think> \n", "a  b \n\n c", ""),
    (True, "<think>a</think>b", "<think>a", "b"),
]


def parse(reasoning: Reasoning, pieces: list[str]) -> tuple[str, str]:
    parser = ReasoningParser(reasoning)
    parts = [parser.push(piece) for piece in pieces]
    parts.append(parser.finish())
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


@pytest.mark.parametrize(("inside", "text", "thinking", "answer"), CASES)
def test_wherever_it_is_split(inside: bool, text: str, thinking: str, answer: str) -> None:
    reasoning = INSIDE if inside else OUTSIDE
    places = range(len(text) + 1)
    for first, second in itertools.combinations_with_replacement(places, 2):
        pieces = [text[:first], text[first:second], text[second:]]
        assert parse(reasoning, pieces) == (thinking, answer), pieces
    assert parse(reasoning, list(text)) == (thinking, answer)


def decode(
    tokens: list[int], *stop: str, reasoning: Reasoning = OUTSIDE
) -> tuple[str, str, int, list[tuple[int, int]]]:
    """Thinking, answer, tokens of the thinking, and each logprob's token and offset."""
    detokenizer = Detokenizer(TOKENS, stop, True, SHOWN, reasoning)
    text, thinking, count, logprobs = "", "", 0, list[TokenLogprob]()
    for token in tokens:
        new, stopped = detokenizer.push(token, TokenLogprob(token, -1.0, ()))
        text += new
        logprobs += detokenizer.release_logprobs()
        if stopped:
            break
    else:
        text += detokenizer.finish()[0]
        logprobs += detokenizer.release_logprobs()
    thinking, count = detokenizer.take_reasoning()
    return thinking, text, count, [(each.token_id, each.offset) for each in logprobs]


@pytest.mark.parametrize(("inside", "text", "thinking", "answer"), CASES)
def test_logprobs_are_the_answers(inside: bool, text: str, thinking: str, answer: str) -> None:
    tokens = list(text.encode())
    reasoning = INSIDE if inside else OUTSIDE
    found, decoded, _, logprobs = decode(tokens, reasoning=reasoning)
    assert (found, decoded) == (thinking, answer)
    assert bytes(token for token, _ in logprobs) == answer.encode()
    offsets = [i for i, character in enumerate(answer) for _ in character.encode()]
    assert [offset for _, offset in logprobs] == offsets


def test_tags_may_be_special_tokens_or_parts_of_others() -> None:
    answer = [(ord("o"), 0), (ord("k"), 1)]
    assert decode([START, *b"\nwhy\n", END, *b"\n\nok"]) == ("why", "ok", 5, answer)
    assert decode([*b"\n", START, *b"why", END, *b"ok"])[:3] == ("why", "ok", 3)
    assert decode([*b"why", END, *b"ok"], reasoning=INSIDE)[:3] == ("why", "ok", 3)
    assert decode([*b"<think>why</thin", BOTH]) == ("why", "b", 3, [(BOTH, 0)])
    half = "西".encode()[:2]
    assert decode([START, *half, END, *b"ok"])[:3] == ("\ufffd", "ok", 2)
    assert decode([START, *b"a", END, *b"b", START, *b"c"])[1] == "b<think>c"


@pytest.mark.parametrize("text", ["<think>a stop b</think>one stop two", "one stop two"])
def test_stop_strings_are_of_the_answer(text: str) -> None:
    _, answer, _, logprobs = decode(list(text.encode()), "stop", "a st")
    assert answer == "one "
    assert bytes(token for token, _ in logprobs) == b"one "


def test_a_stop_string_does_not_begin_in_the_thinking() -> None:
    assert decode(list(b"<think>ab</think>cd"), "b</think>c", ">c", "bc")[1] == "cd"


def test_tokens_of_the_thinking_are_counted_without_the_tags() -> None:
    for text, count in (("<think>abc</think>d", 3), ("<think>ab</thd", 7), ("abc", 0)):
        assert decode(list(text.encode()))[2] == count
    assert decode(list(b"ab</thi"), reasoning=INSIDE)[2] == 7
