"""Answers and streams with tool calls, held against OpenAI's types and our own document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.asking import CHAT_STREAM, CHAT_WHOLE, Asker, Way

PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": PARAMETERS}}]
REQUIRED: dict[str, Any] = {
    "tools": TOOLS,
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "temperature": 0,
    "max_tokens": 60,
}


@pytest.mark.parametrize("way", [CHAT_WHOLE, CHAT_STREAM], ids=str)
def test_calls_have_openai_s_shape(ask: Asker, way: Way) -> None:
    answer = ask(way, **REQUIRED)
    assert answer.reason == "tool_calls" and answer.text == ""
    usage = answer.usage
    assert usage is not None and usage["completion_tokens"] > 0
    choices = [choice for body in answer.bodies for choice in body["choices"]]
    parts = [choice.get("message") or choice["delta"] for choice in choices]
    calls = [call for part in parts for call in part.get("tool_calls", ())]
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {}


@pytest.mark.parametrize("way", [CHAT_WHOLE, CHAT_STREAM], ids=str)
def test_without_a_call_the_answer_is_as_without_tools(ask: Asker, way: Way) -> None:
    fields = {"temperature": 0, "max_tokens": 20}
    assert ask(way, tools=TOOLS, tool_choice="none", **fields).text == ask(way, **fields).text
