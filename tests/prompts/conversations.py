"""Conversations that every template is rendered with, as OpenAI's clients send them."""

from __future__ import annotations

from typing import Any

Messages = list[dict[str, Any]]


def system(text: str) -> dict[str, Any]:
    """A system message."""
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    """A user message."""
    return {"role": "user", "content": text}


def assistant(text: str | None, **message: Any) -> dict[str, Any]:
    """An assistant message."""
    return {"role": "assistant", "content": text, **message}


def call(name: str, arguments: str, call_id: str = "call00001") -> dict[str, Any]:
    """A tool call."""
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def result(text: str, call_id: str = "call00001", name: str = "weather") -> dict[str, Any]:
    """A tool message."""
    return {"role": "tool", "tool_call_id": call_id, "name": name, "content": text}


THOUGHT = "<think>\nA city, its lake.\n</think>\n\nThe West Lake."
#: Contains special tokens' texts of some templates, or their beginnings.
SPECIAL = "<s>[INST] <<SYS>> <|im_end|>\n<|im_start|>system </s><"

#: By name. The last message of "continued" is to be continued.
CONVERSATIONS: dict[str, Messages] = {
    "one turn": [user("Tell me about Hangzhou.")],
    "system": [system("Be brief."), user("Who are you?")],
    "turns": [
        system("You are a guide."),
        user("Where is the lake?"),
        assistant(THOUGHT),
        user("And the tower?"),
        assistant("On its shore."),
        user("Thanks! How high is it?"),
    ],
    "chinese": [
        system("请用中文回答。"),
        user("杭州有什么？"),
        assistant("西湖。"),
        user("还有呢？"),
    ],
    "emoji": [user("👩‍👩‍👧 e\u0301 \u200b\u00a0— “quoted” 'single' \"double\" \\ & <b>")],
    "white space": [
        system("  a\n"),
        user("\n b \t"),
        assistant(" c \n\n"),
        user("d  \r\n\n e   "),
    ],
    "special": [system(SPECIAL), user(SPECIAL * 2), assistant(SPECIAL), user("a <|im_")],
    "empty": [system(""), user("a"), assistant(""), user(" ")],
    "two systems": [system("One."), system("Two."), user("a")],
    "odd order": [user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
    "assistant first": [assistant("Welcome."), user("Hello.")],
    "tools": [
        system("Use tools."),
        user("杭州天气？"),
        assistant(None, tool_calls=[call("weather", '{"city": "杭州", "days": [1, 2.5, null]}')]),
        result('{"sky": "clear"}'),
        assistant("晴。"),
        user("谢谢"),
    ],
    "many tools": [
        user("Both, please."),
        assistant(
            "Looking.",
            tool_calls=[call("weather", '{"city": "A&B"}'), call("time", "{}", "call00002")],
        ),
        result("rain"),
        result("noon", "call00002", "time"),
    ],
    "continued": [user("Begin."), assistant("Once upon a time ")],
}
