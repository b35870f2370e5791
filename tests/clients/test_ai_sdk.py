"""Turns as the AI SDK's own OpenAI provider sends them to /v1/responses with its defaults: what an
earlier answer thought and said are references to its items, its calls are items."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.test_responses import CALL, THOUGHT, WEATHER, answered, prompt, streamed
from tests.api.test_responses import thinking as thinking
from tests.fakes import ScriptedEngine

#: What the model says in one turn, and in the two steps of the next one's loop.
ANSWERS = ("你好！", f"{THOUGHT}查一下。\n{CALL}", f"{THOUGHT}杭州今天晴。", "不客气。")


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


def sent_back(item: dict[str, Any]) -> list[dict[str, Any]]:
    """An item of an answer in a later request; a call's with its result."""
    if item["type"] != "function_call":
        return [{"type": "item_reference", "id": item["id"]}]
    call = {key: item[key] for key in ("type", "call_id", "name", "arguments", "id")}
    return [call, {"type": "function_call_output", "call_id": item["call_id"], "output": "晴"}]


@pytest.mark.parametrize("ask", [answered, streamed])
def test_turns_and_a_loop_of_two_steps(
    thinking: FlaskClient, engine: ScriptedEngine, ask: Any
) -> None:
    items = [{"role": "system", "content": "简短回答。"}, user("你好")]
    for text in ANSWERS:
        told = ask(thinking, engine, text, input=items, tools=[WEATHER], tool_choice="auto")
        output = told["output"] if ask is answered else told[-1]["response"]["output"]
        for item in output:
            items += sent_back(item)
        if output[-1]["type"] == "message":
            items.append(user("谢谢" if "晴" in text else "杭州天气如何？"))
    assert [item.get("type", item.get("role")) for item in items] == [
        *("system", "user", "item_reference", "user"),
        *("item_reference", "item_reference", "function_call", "function_call_output"),
        *("item_reference", "item_reference", "user", "item_reference", "user"),
    ]
    read = prompt(engine)
    said = ("你好！", "杭州天气如何？", "查一下。", '"city": "杭州"', "晴", "杭州今天晴。", "谢谢")
    places = [read.index(text) for text in said]
    assert places == sorted(places)
