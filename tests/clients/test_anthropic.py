"""The anthropic package, unmodified, around a scripted model: what it puts together of an answer
goes back with the next turn, and its own accumulator of streams raises nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message
from flask import Flask
from pydantic import BaseModel

from app import create_app
from config import Config
from tests.api.test_reasoning import QWEN3
from tests.fakes import INFO, ScriptedEngine

MODEL = "chinese-llama-alpaca"
USER: Any = {"role": "user", "content": "杭州天气如何？"}
FIELDS: Any = {"model": MODEL, "max_tokens": 900}
TOOLS: Any = [
    {
        "name": "get_weather",
        "description": "天气",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
    {"type": "web_search_20260318", "name": "web_search"},
]
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>'
ANSWERS = (CALL, f"再查一次。{CALL}{CALL}", "今天晴。")


def sdk_of(app: Flask) -> anthropic.Anthropic:
    http = httpx2.Client(transport=httpx2.WSGITransport(app=app))
    return anthropic.Anthropic(
        base_url="http://server", api_key="none", max_retries=0, http_client=http
    )


@pytest.fixture
def sdk(app: Flask) -> Iterator[anthropic.Anthropic]:
    with sdk_of(app) as client:
        yield client


def created(sdk: anthropic.Anthropic, **fields: Any) -> Message:
    raw = sdk.messages.with_raw_response.create(**FIELDS, **fields)
    return Message.model_validate_json(raw.http_response.content, strict=True)


def streamed(sdk: anthropic.Anthropic, **fields: Any) -> Message:
    with sdk.messages.stream(**FIELDS, **fields) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


WAYS = pytest.mark.parametrize("ask", [created, streamed])


@WAYS
def test_a_text(sdk: anthropic.Anthropic, engine: ScriptedEngine, ask: Any) -> None:
    engine.answer = lambda request, index: "今天晴。"
    message = ask(sdk, messages=[USER], system="你是助手", stop_sequences=["。"])
    assert message.content[0].text == "今天晴"
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "。")
    assert message.usage.input_tokens == engine.handles[-1].prompt_tokens
    assert message.usage.output_tokens == len("今天晴".encode())


def test_the_helpers_for_text(sdk: anthropic.Anthropic, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "今天晴。😀"
    with sdk.messages.stream(**FIELDS, messages=[USER]) as stream:
        assert "".join(stream.text_stream) == "今天晴。😀"
        assert stream.get_final_text() == "今天晴。😀"
        assert stream.request_id
    raw = sdk.messages.create(**FIELDS, messages=[USER], stream=True)
    kinds = [event.type for event in raw]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}


@WAYS
def test_a_loop_of_three_turns(sdk: anthropic.Anthropic, engine: ScriptedEngine, ask: Any) -> None:
    messages: list[Any] = [USER]
    for turn, text in enumerate(ANSWERS):
        engine.answer = lambda request, index, text=text: text  # type: ignore[misc]
        message = ask(sdk, messages=messages, tools=TOOLS)
        kinds = [block.type for block in message.content]
        assert kinds == (["tool_use"], ["text", "tool_use", "tool_use"], ["text"])[turn]
        assert message.stop_reason == ("end_turn" if turn == 2 else "tool_use")
        calls = [block for block in message.content if block.type == "tool_use"]
        assert all(call.input == {"city": "杭州"} for call in calls)
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": "晴，21 度"}
            for call in calls
        ]
        messages += [message.to_param(), {"role": "user", "content": results}]
    # All three calls and their results, after what the prompt says of the form of a call.
    _, _, history = engine.encoded[-1][0].partition("杭州天气如何？")
    assert history.count("<tool_call>\n{") == history.count("晴，21 度") == 3


def test_the_tool_runner(sdk: anthropic.Anthropic, engine: ScriptedEngine) -> None:
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """天气

        Args:
            city: 城市
        """
        return f"{city}：晴，21 度"

    engine.answer = lambda request, index: ANSWERS[0 if len(engine.requests) < 1 else 2]
    runner = sdk.beta.messages.tool_runner(**FIELDS, messages=[USER], tools=[get_weather])
    final = runner.until_done()
    assert final.content[0].type == "text" and final.content[0].text == "今天晴。"
    assert len(engine.requests) == 2 and "杭州：晴，21 度" in engine.encoded[-1][0]


@WAYS
def test_thinking(ask: Any) -> None:
    thought = "<think>\n先想想\n</think>\n\n"
    engine = ScriptedEngine(info_=replace(INFO, chat_template=QWEN3))
    with sdk_of(create_app(Config(), engine)) as sdk:
        engine.answer = lambda request, index: f"{thought}{CALL}"
        budget: Any = {"type": "enabled", "budget_tokens": 1024}
        message = ask(sdk, messages=[USER], tools=TOOLS, thinking=budget)
        assert [block.type for block in message.content] == ["thinking", "tool_use"]
        assert message.content[0].thinking == "先想想" and message.content[0].signature
        assert message.usage.output_tokens_details.thinking_tokens > 0
        call = message.content[1]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "晴"}
        turns = [USER, message.to_param(), {"role": "user", "content": [result]}]
        engine.answer = lambda request, index: f"{thought}晴。"
        assert ask(sdk, messages=turns, tools=TOOLS).content[1].text == "晴。"
        assert "先想想" in engine.encoded[-1][0]


class Weather(BaseModel):
    """天气"""

    city: str


def test_parsed_output(sdk: anthropic.Anthropic, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: '{"city": "杭州"}'
    message = sdk.messages.parse(**FIELDS, messages=[USER], output_format=Weather)
    assert message.parsed_output == Weather(city="杭州")
    with sdk.messages.stream(**FIELDS, messages=[USER], output_format=Weather) as stream:
        assert stream.get_final_message().parsed_output == Weather(city="杭州")


@pytest.mark.parametrize("max_tokens", range(1, len(CALL) + 6, 3))
def test_calls_that_are_cut(
    sdk: anthropic.Anthropic, engine: ScriptedEngine, max_tokens: int
) -> None:
    engine.answer = lambda request, index: CALL
    fields: Any = {**FIELDS, "max_tokens": max_tokens, "messages": [USER], "tools": TOOLS}
    whole = sdk.messages.create(**fields)
    with sdk.messages.stream(**fields) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == whole.stop_reason
    assert [shown(block) for block in final.content] == [shown(block) for block in whole.content]


def shown(block: Any) -> str:
    """A block without its id, which is each answer's own."""
    fields = block.to_dict()
    return json.dumps({k: v for k, v in fields.items() if k not in ("id", "parsed_output")})


def test_counted_tokens(sdk: anthropic.Anthropic) -> None:
    prompt: Any = {"model": MODEL, "messages": [USER], "system": "你是助手", "tools": TOOLS}
    counted = sdk.messages.count_tokens(**prompt)
    assert counted.input_tokens == sdk.messages.create(**prompt, max_tokens=9).usage.input_tokens


def test_async(app: Flask, engine: ScriptedEngine) -> None:
    transport = httpx2.ASGITransport(app=_asgi(app))

    async def ask() -> str:
        http = httpx2.AsyncClient(transport=transport)
        async with anthropic.AsyncAnthropic(
            base_url="http://server", api_key="none", max_retries=0, http_client=http
        ) as sdk:
            async with sdk.messages.stream(**FIELDS, messages=[USER]) as stream:
                return await stream.get_final_text()

    engine.answer = lambda request, index: "今天晴。"
    assert asyncio.run(ask()) == "今天晴。"


def _asgi(app: Flask) -> Any:
    """The app for a client that wants ASGI; each answer in one piece."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        answer = app.test_client().post(scope["path"], data=body, headers=headers)
        pairs = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        start = {"type": "http.response.start", "status": answer.status_code, "headers": pairs}
        await send(start)
        await send({"type": "http.response.body", "body": answer.data})

    return serve


def test_errors_are_its_own(sdk: anthropic.Anthropic, engine: ScriptedEngine) -> None:
    with pytest.raises(anthropic.BadRequestError) as bad:
        sdk.messages.create(model=MODEL, max_tokens=0, messages=[USER])
    assert bad.value.type == "invalid_request_error" and bad.value.request_id
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.create(model="claude", max_tokens=5, messages=[USER])
    engine.failure, engine.fail_after = RuntimeError("x"), 1
    with pytest.raises(anthropic.APIStatusError) as broken:
        streamed(sdk, messages=[USER])
    assert broken.value.type == "api_error"


def test_models(sdk: anthropic.Anthropic) -> None:
    (listed,) = sdk.models.list()
    assert listed == sdk.models.retrieve(MODEL) and listed.id == MODEL
    assert listed.lifecycle == "active" and listed.max_input_tokens == INFO.max_model_len
    with pytest.raises(anthropic.NotFoundError):
        sdk.models.retrieve("claude")
