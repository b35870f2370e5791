"""The openai package's Responses API, unmodified, around a scripted model: what it puts together of
an answer goes back with the next turn."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import httpx2
import openai
import pytest
from flask import Flask
from openai.types.responses import ResponseInputItemParam
from pydantic import BaseModel

from app.api.responses.input_items import LEFT_OUT, read_item
from app.engine.errors import GenerationFailed
from tests.clients.tool_requests import MODEL
from tests.fakes import ScriptedEngine


class GetWeather(BaseModel):
    """天气"""

    city: str


PARSED: Any = [openai.pydantic_function_tool(GetWeather)]
TOOL: Any = {
    "type": "function",
    "name": "GetWeather",
    "parameters": GetWeather.model_json_schema(),
    "strict": False,
}
CALL = '<tool_call>\n{"name": "GetWeather", "arguments": {"city": "杭州"}}\n</tool_call>'
ANSWERS = (CALL, f"再查一次。{CALL}{CALL}", "今天晴。")
#: What the package adds to its own items, and we say that we do not read.
ADDED = {"parsed_arguments", "parsed"}


@pytest.fixture
def sdk(app: Flask) -> Iterator[openai.OpenAI]:
    def check(answer: httpx2.Response) -> None:
        names = answer.headers.get("X-Ignored-Parameters", "")
        assert {name.rpartition(".")[2] for name in names.split(", ") if name} <= ADDED, names

    transport = httpx2.WSGITransport(app=app)
    http = httpx2.Client(transport=transport, event_hooks={"response": [check]})
    with openai.OpenAI(
        base_url="http://server/v1", api_key="none", max_retries=0, http_client=http
    ) as client:
        yield client


def created(sdk: openai.OpenAI, items: list[Any]) -> Any:
    return sdk.responses.create(model=MODEL, input=items, tools=[TOOL])


def parsed(sdk: openai.OpenAI, items: list[Any]) -> Any:
    return sdk.responses.parse(model=MODEL, input=items, tools=PARSED)


def streamed(sdk: openai.OpenAI, items: list[Any]) -> Any:
    with sdk.responses.stream(model=MODEL, input=items, tools=PARSED) as stream:
        kinds = [event.type for event in stream]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        return stream.get_final_response()


@pytest.mark.parametrize("ask", [created, parsed, streamed])
def test_a_loop_of_three_turns(sdk: openai.OpenAI, engine: ScriptedEngine, ask: Any) -> None:
    items: list[Any] = [{"role": "user", "content": "杭州天气如何？"}]
    for turn, text in enumerate(ANSWERS):
        engine.answer = lambda request, index, text=text: text  # type: ignore[misc]
        response = ask(sdk, items)
        calls = [item for item in response.output if item.type == "function_call"]
        assert len(calls) == turn + 1 if turn < 2 else not calls
        assert response.output_text == ("", "再查一次。", "今天晴。")[turn]
        items += [item.to_dict() for item in response.output]
        for call in calls:
            assert call.arguments == '{"city": "杭州"}'
            if ask is not created:
                assert call.parsed_arguments == GetWeather(city="杭州")
            output = {"type": "function_call_output", "call_id": call.call_id, "output": "晴"}
            items.append(output)
    # All three calls and their results, after what the prompt says of the form of a call.
    _, _, history = engine.encoded[-1][0].partition("杭州天气如何？")
    assert history.count("<tool_call>\n{") == history.count("<tool_response>\n晴") == 3


def test_an_object(sdk: openai.OpenAI, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: '{"city": "杭州"}'
    whole = sdk.responses.parse(model=MODEL, input="哪里？", text_format=GetWeather)
    assert whole.output_parsed == GetWeather(city="杭州")
    with sdk.responses.stream(model=MODEL, input="哪里？", text_format=GetWeather) as stream:
        done = [event for event in stream if event.type == "response.output_text.done"]
        assert stream.get_final_response().output_parsed == whole.output_parsed
    assert done[0].parsed == whole.output_parsed


def test_an_answer_that_is_cut(sdk: openai.OpenAI, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "abcdef"
    stream = sdk.responses.create(model=MODEL, input="a", max_output_tokens=3, stream=True)
    last = list(stream)[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"  # type: ignore[union-attr]


def test_a_failure_in_a_stream(sdk: openai.OpenAI, engine: ScriptedEngine) -> None:
    engine.failure, engine.fail_after = GenerationFailed("it failed"), 1
    with sdk.responses.stream(model=MODEL, input="a") as stream:
        kinds = [event.type for event in stream]
    assert kinds[-2:] == ["error", "response.failed"]


def test_input_tokens(sdk: openai.OpenAI) -> None:
    count = sdk.responses.input_tokens.count(model=MODEL, input="你好", tools=[TOOL])
    used = sdk.responses.create(model=MODEL, input="你好", tools=[TOOL]).usage
    assert used is not None and count.input_tokens == used.input_tokens


def test_nothing_is_stored(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve("resp_1")
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        sdk.responses.create(model=MODEL, input="a", previous_response_id="resp_1")


def test_async(app: Flask) -> None:
    async def ask() -> str:
        transport = httpx2.WSGITransport(app=app)

        class Transport(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                answer = transport.handle_request(request)
                return httpx2.Response(answer.status_code, headers=answer.headers,
                                       content=answer.read())  # fmt: skip

        http = httpx2.AsyncClient(transport=Transport())
        async with openai.AsyncOpenAI(
            base_url="http://server/v1", api_key="none", http_client=http
        ) as client:
            async with client.responses.stream(model=MODEL, input="a") as stream:
                return (await stream.get_final_response()).output_text

    assert asyncio.run(ask()).startswith("答案0")


def test_a_coding_agents_first_request(sdk: openai.OpenAI, engine: ScriptedEngine) -> None:
    """As agents send it: tools of kinds that nobody else knows, and fields of their own."""
    items: Any = [
        {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
        for role, text in (("developer", "规则"), ("user", "环境"), ("user", "你好"))
    ]
    tools: Any = [
        {**TOOL, "output_schema": {"type": "object"}},
        {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [TOOL]},
        {"type": "web_search", "external_web_access": False},
        {"type": "local_shell"},
        {"type": "image_generation"},
    ]
    raw = httpx2.Client(transport=sdk._client._transport).post(
        "http://server/v1/responses",
        json={
            "model": MODEL,
            "instructions": "你是一个智能体。",
            "input": items,
            "tools": tools,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"summary": "auto"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "a",
            "client_metadata": {"b": "c"},
        },
    )
    assert raw.status_code == 200, raw.text
    assert raw.headers["X-Ignored-Parameters"] == (
        "client_metadata, include.0, tools.0.output_schema, tools.1, tools.2, tools.3, tools.4, "
        "tools.5"
    )
    assert "event: response.completed\n" in raw.text
    text = engine.encoded[-1][0]
    assert text.index("你是一个智能体。\n\n规则") < text.index("环境") < text.index("你好")


def kinds_of(union: Any) -> set[str]:
    """The values of `type` in the package's types."""
    kinds = set()
    for member in get_args(union):
        while get_origin(member) is not None and get_origin(member) is not dict:
            member = get_args(member)[0]
        hints = typing.get_type_hints(member, include_extras=False)
        kind = hints.get("type")
        while kind is not None and get_origin(kind) is not Literal:
            kind = next((arg for arg in get_args(kind)), None)
        kinds |= set(get_args(kind))
    return kinds - {None}


def test_every_kind_of_item_is_read_left_out_or_refused() -> None:
    """A new version of the package brings new ones."""
    kinds = kinds_of(ResponseInputItemParam)
    assert {"message", "function_call", "item_reference", "web_search_call"} <= kinds
    for kind in kinds - LEFT_OUT:
        try:
            read_item({"type": kind})
        except Exception as error:
            assert "must be one of message" not in str(error), kind
