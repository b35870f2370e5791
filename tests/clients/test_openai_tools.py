"""The openai package, unmodified, around a scripted model that calls: what it puts together of an
answer goes back with the next turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from flask import Flask
from pydantic import BaseModel

from tests.clients.tool_requests import MODEL
from tests.fakes import ScriptedEngine


class GetWeather(BaseModel):
    """天气"""

    city: str


TOOLS: Any = [openai.pydantic_function_tool(GetWeather)]
CALL = '<tool_call>\n{"name": "GetWeather", "arguments": {"city": "杭州"}}\n</tool_call>'
ANSWERS = (CALL, f"再查一次。{CALL}{CALL}", "今天晴。")
#: What the package adds to its own messages, and we say that we do not read.
ADDED = {"parsed_arguments", "index"}


@pytest.fixture
def sdk(app: Flask) -> Iterator[openai.OpenAI]:
    def check(answer: httpx2.Response) -> None:
        names = answer.headers.get("X-Ignored-Parameters", "")
        assert {name.rpartition(".")[2] for name in names.split(", ") if name} <= ADDED

    transport = httpx2.WSGITransport(app=app)
    http = httpx2.Client(transport=transport, event_hooks={"response": [check]})
    with openai.OpenAI(
        base_url="http://server/v1", api_key="none", max_retries=0, http_client=http
    ) as client:
        yield client


def created(sdk: openai.OpenAI, messages: list[Any]) -> Any:
    return sdk.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0]


def parsed(sdk: openai.OpenAI, messages: list[Any]) -> Any:
    return sdk.chat.completions.parse(model=MODEL, messages=messages, tools=TOOLS).choices[0]


def streamed(sdk: openai.OpenAI, messages: list[Any]) -> Any:
    with sdk.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
        return stream.get_final_completion().choices[0]


@pytest.mark.parametrize("ask", [created, parsed, streamed])
def test_a_loop_of_three_turns(sdk: openai.OpenAI, engine: ScriptedEngine, ask: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "杭州天气如何？"}]
    for turn, text in enumerate(ANSWERS):
        engine.answer = lambda request, index, text=text: text  # type: ignore[misc]
        choice = ask(sdk, messages)
        calls = choice.message.tool_calls or []
        assert len(calls) == turn + 1 if turn < 2 else not calls
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        assert choice.message.content == (None, "再查一次。", "今天晴。")[turn]
        messages.append(choice.message)
        for call in calls:
            assert call.type == "function" and call.function.arguments == '{"city": "杭州"}'
            if ask is not created:
                assert call.function.parsed_arguments == GetWeather(city="杭州")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "晴，21 度"})
    # All three calls and their results, after what the prompt says of the form of a call.
    _, _, history = engine.encoded[-1][0].partition("杭州天气如何？")
    assert history.count("<tool_call>\n{") == history.count("晴，21 度") == 3
