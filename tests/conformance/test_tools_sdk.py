"""The openai package's ways with tools, unmodified: a loop of turns, its stream helper, and parsed
arguments. Knows nothing about the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, Field

from tests.harness.server import Server

MODEL = "chinese-llama-alpaca"
FIELDS: dict[str, Any] = {"model": MODEL, "temperature": 0, "max_tokens": 120}


class GetWeather(BaseModel):
    """天气"""

    city: Annotated[str, Field(max_length=4)]
    unit: Literal["℃", "℉"]


class Now(BaseModel):
    """时间"""


TOOLS: Any = [openai.pydantic_function_tool(GetWeather), openai.pydantic_function_tool(Now)]
USER: Any = {"role": "user", "content": "杭州天气如何？"}


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_loop_of_three_turns(sdk: openai.OpenAI) -> None:
    messages, choices = [USER], ["required", "required", "none"]
    for choice in choices:
        raw = sdk.chat.completions.with_raw_response.create(
            messages=messages,
            tools=TOOLS,
            tool_choice=choice,  # type: ignore[arg-type]
            parallel_tool_calls=False,
            **FIELDS,
        )
        answer = ChatCompletion.model_validate_json(raw.http_response.content, strict=True)
        message = answer.choices[0].message
        messages.append(message)  # type: ignore[arg-type]  # as OpenAI's own examples do
        if choice == "none":
            assert message.content and message.tool_calls is None
            break
        assert answer.choices[0].finish_reason == "tool_calls" and message.content is None
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        assert call.type == "function"
        json.loads(call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "晴，21 度"})
    assert len(messages) == 6


def test_parsed_arguments(sdk: openai.OpenAI) -> None:
    named: Any = {"type": "function", "function": {"name": "GetWeather"}}
    answer = sdk.chat.completions.parse(messages=[USER], tools=TOOLS, tool_choice=named, **FIELDS)
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, GetWeather)


def test_the_stream_helper(sdk: openai.OpenAI) -> None:
    fields: Any = {**FIELDS, "messages": [USER], "tools": TOOLS, "tool_choice": "required"}
    with sdk.chat.completions.stream(**fields, parallel_tool_calls=False) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.delta" in kinds
    assert kinds.count("tool_calls.function.arguments.done") == 1
    whole = sdk.chat.completions.create(**fields, parallel_tool_calls=False).choices[0]
    assert final.finish_reason == whole.finish_reason == "tool_calls"
    assert final.message.content is None
    assert whole.message.tool_calls and final.message.tool_calls
    of_whole, streamed = whole.message.tool_calls[0], final.message.tool_calls[0]
    assert of_whole.type == "function"
    assert of_whole.function.arguments == streamed.function.arguments
    assert isinstance(streamed.function.parsed_arguments, GetWeather | Now)
