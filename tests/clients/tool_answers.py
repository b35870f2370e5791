"""How real clients read calls: whole, and put together of a stream's deltas.

Knows nothing about requests.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from tests.clients.tool_requests import SCHEMA


def joined(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """Deltas joined by `index`, as the AI SDK and LangChain do it: a call begins with its id and
    name; what follows of it has arguments only."""
    message: dict[str, Any] = {"role": choices[0]["delta"]["role"], "content": None}
    calls: list[dict[str, Any]] = []
    for choice in choices:
        assert choice["index"] == 0
        if choice["delta"].get("content"):
            message["content"] = (message["content"] or "") + choice["delta"]["content"]
        for piece in choice["delta"].get("tool_calls") or ():
            if piece["index"] == len(calls):
                assert piece["id"] and piece["type"] == "function" and piece["function"]["name"]
                calls.append({key: piece[key] for key in ("id", "type", "function")})
            else:
                assert "id" not in piece and "name" not in piece["function"]
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    reasons = [choice["finish_reason"] for choice in choices]
    assert not any(reasons[:-1])
    message |= {"tool_calls": calls} if calls else {}
    return {"message": message, "finish_reason": reasons[-1]}


def check_call(choice: dict[str, Any], tool: str) -> dict[str, Any]:
    """One call and no text, as clients read it; returns the arguments."""
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert message["role"] == "assistant" and message["content"] is None
    (call,) = message["tool_calls"]
    assert set(call) == {"id", "type", "function"}
    assert call["id"].startswith("call_") and call["type"] == "function"
    assert set(call["function"]) == {"name", "arguments"} and call["function"]["name"] == tool
    arguments: dict[str, Any] = json.loads(call["function"]["arguments"])
    jsonschema.validate(arguments, SCHEMA)
    return arguments
