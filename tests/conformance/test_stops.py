"""Stop strings where they are hard: over tokens, over a character's bytes, at the very start.

Knows nothing about tokens but what logprobs tell of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asking import BYTES, WAYS, Asker, Way

ways = pytest.mark.parametrize("way", WAYS, ids=str)
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 40}


#: Among their answers are characters that the vocabulary has as bytes only.
# The last three have rare characters in their answers, which the vocabulary spells in bytes.
QUESTIONS = (
    "介绍一下西湖", "给我讲一些有关杭州的故事吧", "告诉我中国的首都在哪里", "你好，你是谁",
    "西湖十景有哪些", "背诵《相思》", "端午节吃什么",
)  # fmt: skip


def tokens_of(ask: Asker, way: Way, **fields: Any) -> list[bytes]:
    asked = {"logprobs": True} if way.chat else {"logprobs": 0}
    (choice,) = ask(way, **{**GREEDY, **asked, **fields}).choices
    return choice.tokens


@ways
def test_over_three_tokens(ask: Asker, way: Way) -> None:
    tokens = [token.decode() for token in tokens_of(ask, way, max_tokens=8)]
    text = ask(way, **GREEDY).text
    for at in range(1, 6):
        stop = tokens[at][-1] + tokens[at + 1] + tokens[at + 2][:1]
        answer = ask(way, **GREEDY, stop=stop)
        assert (answer.text, answer.reason) == (text[: text.index(stop)], "stop")


@ways
def test_at_the_very_start(ask: Asker, way: Way) -> None:
    text = ask(way, **GREEDY).text
    for stop in (text[0], text[:5], [text[0], text[:2]]):
        answer = ask(way, **GREEDY, stop=stop)
        assert (answer.text, answer.reason) == ("", "stop")


@ways
def test_overlapping_another(ask: Asker, way: Way) -> None:
    """The cut is where the first match begins, whichever is complete first."""
    text = ask(way, **GREEDY).text
    inner, outer = text[4:6], text[2:9]
    for stop in ([inner, outer], [outer, inner]):
        assert ask(way, **GREEDY, stop=stop).text == text[:2]
    never = text[2:5] + "☃"
    assert ask(way, **GREEDY, stop=[never, inner]).text == text[: text.index(inner)]
    assert ask(way, **GREEDY, stop=[text[3:6], text[2:5]]).text == text[:2]


@ways
def test_a_beginning_that_does_not_come_true_is_given(ask: Asker, way: Way) -> None:
    text = ask(way, **GREEDY).text
    for stop in (text[-3:] + "☃", text + "☃", text[1:] + "x"):
        answer = ask(way, **GREEDY, stop=stop)
        assert answer.text == text


@ways
def test_over_the_bytes_of_a_character(ask: Asker, way: Way) -> None:
    found = 0
    for question in QUESTIONS:
        turns = [{"role": "user", "content": question}]
        asked: dict[str, Any] = {"messages": turns} if way.chat else {"prompt": question}
        text = ask(way, **GREEDY, **asked).text
        inside = range(1, len(text) - 1) if _has_bytes(ask, text) else ()
        spelled = [at for at in inside if _has_bytes(ask, text[at])]
        if not spelled:
            continue
        found += 1
        before, character = text[: spelled[0]], text[spelled[0]]
        assert text.index(character) == len(before)
        around = text[len(before) - 1 : len(before) + 2]
        assert len(character.encode()) == 3 and len(around) == 3
        assert ask(way, **GREEDY, **asked, stop=character).text == before
        assert ask(way, **GREEDY, **asked, stop=around).text == before[:-1]
        # Half of it is no text: neither its first byte nor U+FFFD stands in the answer.
        for absent in ("\ufffd", character.encode()[:1].decode("latin-1")):
            assert ask(way, **GREEDY, **asked, stop=absent).text == text
    assert found


def _has_bytes(ask: Asker, text: str) -> bool:
    """Whether characters of a text are in the vocabulary as their bytes alone."""
    return any(token in BYTES for token in ids_of(ask, text))


@ways
def test_many_and_long(ask: Asker, way: Way) -> None:
    text = ask(way, **GREEDY).text
    stops = ["☃" * 256, "no", text[7:9], "nothing"]
    assert ask(way, **GREEDY, stop=stops).text == text[: text.index(text[7:9])]
    for none in ([], "", None):
        assert ask(way, **GREEDY, stop=none).text == text
    assert ask.refusal(way, stop=["a"] * 5)["param"] == "stop"
    assert ask.refusal(way, stop=[""])["param"] == "stop.0"


@ways
def test_each_choice_stops_for_itself(ask: Asker, way: Way) -> None:
    wild = {"temperature": 2, "top_k": 0, "top_p": 1, "seed": 3, "n": 4, "max_tokens": 30}
    plain = ask(way, **wild).texts
    stop = plain[1][5:7]
    cut = ask(way, **wild, stop=stop).texts
    assert cut == [text.split(stop)[0] for text in plain]


def ids_of(ask: Asker, text: str) -> list[int]:
    """The tokens of a text in the middle of an answer."""
    bare = {"prompt": text, "prompt_template": "none", "add_special_tokens": False}
    tokens: list[int] = ask.client.post("/tokenize", bare).ok()["tokens"]
    return tokens


@ways
def test_a_stop_token_ends_the_answer_before_its_text(ask: Asker, way: Way) -> None:
    tokens = tokens_of(ask, way)
    text = ask(way, **GREEDY).text
    stop = next(token.decode() for token in tokens[3:] if len(token.decode()) > 1)
    answer = ask(way, **GREEDY, stop_token_ids=[3, ids_of(ask, stop)[-1]])
    assert answer.reason == "stop" and answer.usage is not None
    before = b"".join(tokens[: tokens.index(stop.encode())]).decode()
    assert answer.text in (before, before.lstrip()) and text.startswith(answer.text)
    assert answer.usage["completion_tokens"] == tokens.index(stop.encode()) + 1
    assert ask(way, **GREEDY, stop_token_ids=[]).text == text


@ways
def test_min_tokens(ask: Asker, way: Way) -> None:
    fields = {"temperature": 0, "max_tokens": 200}
    free = ask(way, **fields)
    assert free.reason == "stop" and free.usage is not None
    count = free.usage["completion_tokens"]
    for name in ("min_tokens", "min_new_tokens"):
        longer = ask(way, **fields, **{name: count + 5})
        assert longer.usage is not None and longer.usage["completion_tokens"] >= count + 5
        assert longer.text.startswith(free.text)
    assert ask(way, **fields, min_tokens=count - 1).text == free.text


@ways
def test_a_grammar_that_is_complete_ends_before_min_tokens(ask: Asker, way: Way) -> None:
    answer = ask(way, temperature=0, min_tokens=20, max_tokens=60, regex="[ab]{3}c*")
    assert answer.reason == "stop" or answer.text[3:].strip("c") == ""
    assert ask(way, temperature=0, min_tokens=20, guided_choice=["杭州"]).text == "杭州"


@ways
def test_wrong_ones_are_named(ask: Asker, way: Way) -> None:
    for fields, param in (
        ({"stop_token_ids": [10**9]}, "stop_token_ids.0"),
        ({"stop_token_ids": [5, -1]}, "stop_token_ids.1"),
        ({"stop_token_ids": [1] * 129}, "stop_token_ids"),
        ({"min_tokens": 6, "max_tokens": 5}, "min_tokens"),
        ({"min_new_tokens": -1}, "min_new_tokens"),
    ):
        assert ask.refusal(way, **fields)["param"] == param
