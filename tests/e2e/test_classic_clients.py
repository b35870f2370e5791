"""Clients of the original API demo: `message` keys, whole conversations as responses."""

from __future__ import annotations

from typing import Any

from tests.harness.client import CHAT, Client

GREETING = "给我讲一些有关杭州的故事吧"


def turns_of(http: Client, messages: object, **fields: object) -> list[dict[str, str]]:
    """The response's conversation."""
    body = http.post(CHAT, {"messages": messages, "max_tokens": 40, **fields}).ok()
    assert [choice["index"] for choice in body["choices"]] == list(range(len(body["choices"])))
    return [choice["message"] for choice in body["choices"]]


def as_answered(messages: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Turns as the server writes them: role, then content."""
    return [
        {"role": m["role"], "content": m["message"] if "message" in m else m["content"]}
        for m in messages
    ]


def test_a_conversation_of_three_turns(http: Client) -> None:
    history: list[dict[str, Any]] = []
    for text in (GREETING, "我比较喜欢和西湖，可以给我讲一下西湖吗", "谢谢"):
        history.append({"role": "user", "message": text})
        turns = turns_of(http, history, repetition_penalty=1.0)
        assert turns[:-1] == as_answered(history)
        assert turns[-1]["role"] == "assistant" and turns[-1]["content"]
        history.append({"role": "assistant", "message": turns[-1]["content"]})
    assert len(history) == 6


def test_the_answers_turns_as_history(http: Client) -> None:
    """A client that appends the response, with `content`, and its next turn, with `message`."""
    history: list[dict[str, Any]] = [{"role": "user", "message": GREETING}]
    history = [*turns_of(http, history), {"role": "user", "message": "介绍一下西湖"}]
    assert ["message" in turn for turn in history] == [False, False, True]
    turns = turns_of(http, history)
    assert turns[:-1] == as_answered(history)
    assert len(turns) == 4


def test_both_spellings_are_the_same_conversation(http: Client) -> None:
    history = [
        {"role": "user", "message": GREETING},
        {"role": "assistant", "message": "好的，请问您对杭州有什么特别的偏好吗？"},
        {"role": "user", "message": "介绍一下西湖"},
    ]
    mixed = [history[0], {"role": "assistant", "content": history[1]["message"]}, history[2]]
    assert turns_of(http, history, temperature=0) == turns_of(http, mixed, temperature=0)
    # With `content` everywhere it is OpenAI's format: only the new turn, the same text.
    modern = turns_of(http, as_answered(history), temperature=0)
    said = [{"role": turn["role"], "content": turn["content"]} for turn in modern]
    assert said == turns_of(http, history, temperature=0)[-1:]


def test_message_counts_where_both_are_given(http: Client) -> None:
    turns = turns_of(http, [{"role": "user", "content": "别的", "message": GREETING}])
    assert turns[0] == {"role": "user", "content": GREETING}


def test_a_plain_string(http: Client) -> None:
    turns = turns_of(http, GREETING, temperature=0)
    assert turns[0] == {"role": "user", "content": GREETING}
    assert turns == turns_of(http, [{"role": "user", "message": GREETING}], temperature=0)


def test_system_turns_are_echoed_and_count(http: Client) -> None:
    user = {"role": "user", "message": "你好"}
    system = {"role": "system", "message": "你只会说“好的”。"}
    sent = [system, user]
    turns = turns_of(http, sent, temperature=0)
    assert turns[:2] == as_answered(sent)
    with_system = http.post(CHAT, {"messages": sent, "max_tokens": 1}).ok()["usage"]
    without = http.post(CHAT, {"messages": [user], "max_tokens": 1}).ok()["usage"]
    assert with_system["prompt_tokens"] != without["prompt_tokens"]


def test_several_new_turns(http: Client) -> None:
    fields: dict[str, Any] = {"n": 3, "temperature": 2.0, "seed": 1, "ignore_eos": True}
    turns = turns_of(http, [{"role": "user", "message": GREETING}], **fields)
    assert [turn["role"] for turn in turns] == ["user", *["assistant"] * 3]
    assert len({turn["content"] for turn in turns[1:]}) > 1


def test_streams_carry_new_text_only(http: Client) -> None:
    messages = [{"role": "user", "message": GREETING}]
    fields: dict[str, Any] = {"max_tokens": 40, "seed": 4}
    whole = turns_of(http, messages, seed=4)
    events = http.stream(CHAT, {"messages": messages, **fields})
    assert events.text(0) == whole[-1]["content"]
    assert {choice["index"] for chunk in events.chunks for choice in chunk["choices"]} == {0}
    assert {chunk["object"] for chunk in events.chunks} == {"chat.completion.chunk"}
    assert events.chunks[0]["choices"][0]["delta"]["role"] == "assistant"
