"""The next turn's prompt goes on from what the model has written: calls and thinking that clients
send back are the same text, so that the cached tokens fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.async_engine import AsyncEngine
from app.engine.request import GenerationRequest
from app.engine.request_handle import RequestHandle
from config import Config
from tests.api.test_reasoning import QWEN3
from tests.fakes import INFO, ScriptedEngine

FAMILIES = Path(__file__).parents[1] / "prompts" / "families"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
#: As `json.dumps` writes them, and as it does not.
ARGUMENTS = ('{"city": "杭州"}', '{"city":"杭州"}', '{ "n" : 1.50, "e": "\\u4e2d" }')


def hermes(text: str) -> str:
    return f'<tool_call>\n{{"name": "f", "arguments": {text}}}\n</tool_call>'


def arguments_first(text: str) -> str:
    return f'<tool_call>\n{{"arguments": {text}, "name": "f"}}\n</tool_call>'


#: By template, how its model writes: in one call, in a text and two calls.
WRITTEN: dict[str, Any] = {
    "none": (hermes, lambda text: f"查。\n{hermes(text)}\n{hermes(text)}"),
    "hermes": (arguments_first, lambda text: f"{arguments_first(text)}\n{arguments_first(text)}"),
    "qwen3": (
        lambda text: f"<think>\n想想\n</think>\n\n{hermes(text)}",
        lambda text: f"<think>\n想\n\n想\n</think>\n\n查。\n{hermes(text)}\n{hermes(text)}",
    ),
}


@pytest.fixture(params=WRITTEN)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def served(family: str, engine: ScriptedEngine) -> FlaskClient:
    sources = {"none": None, "qwen3": QWEN3}
    source = (
        sources.get(family) if family in sources else (FAMILIES / f"{family}.jinja").read_text()
    )
    engine.info_ = replace(INFO, chat_template=source, max_model_len=100_000)
    return create_app(Config(), engine).test_client()


def by_chat(
    client: FlaskClient, history: list[Any], schema: Any = PARAMETERS, **fields: Any
) -> None:
    """Ask, and put the answer and a result of each call into the history."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    body = {"messages": history, "tools": tools, **fields}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    message = answer.get_json()["choices"][0]["message"]
    history.append(message)
    for call in message.get("tool_calls", ()):
        history.append({"role": "tool", "tool_call_id": call["id"], "content": "晴"})


def by_responses(
    client: FlaskClient, history: list[Any], schema: Any = PARAMETERS, **fields: Any
) -> None:
    """The same with items."""
    tools = [{"type": "function", "name": "f", "parameters": schema}]
    answer = client.post("/v1/responses", json={"input": history, "tools": tools, **fields})
    assert answer.status_code == 200, answer.text
    output = answer.get_json()["output"]
    history += output
    for item in output:
        if item["type"] == "function_call":
            kind = {"type": "function_call_output", "call_id": item["call_id"]}
            history.append({**kind, "output": "晴"})


def by_messages(
    client: FlaskClient, history: list[Any], schema: Any = PARAMETERS, **fields: Any
) -> None:
    """The same with content blocks. Their `input` is an object, without the text that spelled it:
    it is written as `json.dumps` does, which is how chat templates show the form of a call."""
    if "tool_choice" in fields:
        choice = {"type": "any", "disable_parallel_tool_use": True}
        fields = {"tool_choice": choice, "temperature": fields["temperature"]}
    tools = [{"name": "f", "input_schema": schema}]
    body = {"messages": history, "tools": tools, "max_tokens": 900, **fields}
    # Flask's own `json=` would sort the keys.
    data = json.dumps(body)
    answer = client.post("/v1/messages", data=data, content_type="application/json")
    assert answer.status_code == 200, answer.text
    content = answer.get_json()["content"]
    history.append({"role": "assistant", "content": content})
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": each, "content": "晴"} for each in calls]
    history.append({"role": "user", "content": results})


@pytest.mark.parametrize(
    ("ask", "arguments"),
    [
        *((ask, arguments) for ask in (by_chat, by_responses) for arguments in ARGUMENTS),
        (by_messages, ARGUMENTS[0]),
        (by_messages, '{"b": [1, 2.5, {"c": null}], "a": "\\"\\n\\\\", "": {}}'),
    ],
)
def test_three_turns(family: str, arguments: str, ask: Any, engine: ScriptedEngine) -> None:
    client = served(family, engine)
    history: list[Any] = [{"role": "user", "content": "天气？"}]
    before = ""
    for write in (*WRITTEN[family], lambda text: "好。"):
        answer: str = write(arguments)
        engine.answer = lambda request, index, answer=answer: answer  # type: ignore[misc]
        ask(client, history)
        prompt = next(text for text, special in reversed(engine.encoded) if "天气？" in text)
        assert prompt.startswith(before), "the model has read and written this"
        before = prompt + answer


@pytest.mark.parametrize("ask", [by_chat, by_responses, by_messages])
def test_the_cache_is_reused(
    real_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    """Of the longest common prefix of what turn 2 has read and written and what turn 3 reads."""
    prompts: list[tuple[int, ...]] = []
    written: list[int] = []
    generate, next_events = AsyncEngine.generate, RequestHandle.next_events

    def spy_on_prompts(self: AsyncEngine, request: GenerationRequest) -> RequestHandle:
        prompts.append(request.prompts[0])
        written.clear()
        return generate(self, request)

    def spy_on_tokens(self: RequestHandle, timeout_s: float | None = None) -> list[Any]:
        events = next_events(self, timeout_s)
        for event in events:
            written.extend(getattr(event, "token_ids", ()))
        return events

    monkeypatch.setattr(AsyncEngine, "generate", spy_on_prompts)
    monkeypatch.setattr(RequestHandle, "next_events", spy_on_tokens)
    client = create_app(Config(), real_engine).test_client()
    history: list[Any] = [{"role": "user", "content": "请问杭州的天气怎么样？" * 40}]
    cities = {"type": "object", "properties": {"city": {"enum": ["杭州", "北京"]}}}
    parameters = {**cities, "required": ["city"], "additionalProperties": False}
    fields = {"tool_choice": "required", "parallel_tool_calls": False, "temperature": 0}
    for _ in range(3):
        before = (*prompts[-1], *written) if prompts else ()
        hits = real_engine.stats.prefix_reused_tokens
        ask(client, history, parameters, **fields)
    common = next(
        (i for i, pair in enumerate(zip(before, prompts[-1], strict=False)) if len({*pair}) > 1),
        min(len(before), len(prompts[-1])),
    )
    assert common > 0.9 * len(before), "the calls went back as they were written"
    assert real_engine.stats.prefix_reused_tokens - hits >= 0.98 * common
