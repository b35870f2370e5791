"""/v1/responses: the response object, its items and events, and what of a request it reads."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from app import create_app
from app.api.responses.response_schema import ResponseBody, ResponseEvent
from app.engine.errors import GenerationFailed
from config import Config
from tests.api.test_reasoning import QWEN3
from tests.fakes import INFO, ScriptedEngine

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "get_weather", "description": "天气", "parameters": CITY}
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>'
THOUGHT = "<think>\n想一想\n</think>\n\n"
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture
def thinking(engine: ScriptedEngine) -> FlaskClient:
    """A server of a model that thinks."""
    engine.info_ = replace(INFO, chat_template=QWEN3)
    return create_app(Config(), engine).test_client()


def post(client: FlaskClient, path: str = "/v1/responses", **fields: Any) -> Any:
    return client.post(path, json={"input": "你好", **fields})


def answered(client: FlaskClient, engine: ScriptedEngine, text: str, **fields: Any) -> Any:
    """The response of a whole answer, which the package's types and our schema describe."""
    engine.answer = lambda request, index: text
    response = post(client, **fields)
    assert response.status_code == 200, response.text
    body = response.get_json()
    Response.model_validate_json(response.data, strict=True)
    ResponseBody().load(body)
    return body


def streamed(client: FlaskClient, engine: ScriptedEngine, text: str, **fields: Any) -> list[Any]:
    """The events of a stream, each named as its type and numbered."""
    engine.answer = lambda request, index: text
    response = post(client, stream=True, **fields)
    assert response.status_code == 200 and response.mimetype == "text/event-stream"
    return read(response.text)


def read(text: str) -> list[Any]:
    """The events; the last of each kind is held against the package's type and our schema."""
    events = []
    assert text.endswith("\n\n")
    for part in text[:-2].split("\n\n"):
        name, data = part.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    for event in {event["type"]: event for event in events}.values():
        EVENT.validate_json(json.dumps(event), strict=True)
        ResponseEvent().load(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def prompt(engine: ScriptedEngine) -> str:
    """The text that the model has read."""
    return engine.encoded[-1][0]


def same(response: dict[str, Any]) -> dict[str, Any]:
    """A response without what differs in each."""
    text = json.dumps(response, ensure_ascii=False)
    ids = [response["id"], *(item["id"] for item in response["output"])]
    ids += [item["call_id"] for item in response["output"] if "call_id" in item]
    for one in ids:
        text = text.replace(one, "")
    times: dict[str, Any] = {"created_at": 0, "completed_at": 0}
    return {**json.loads(text), **times}


def test_a_response(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = answered(client, engine, "晴天。", metadata={"a": "b"}, user="u")
    (item,) = body["output"]
    part = {"type": "output_text", "text": "晴天。", "annotations": [], "logprobs": []}
    assert item.pop("id").startswith("msg_")
    about = {"type": "message", "status": "completed", "role": "assistant"}
    assert item == {**about, "content": [part]}
    assert body["id"].startswith("resp_") and body["object"] == "response"
    assert body["status"] == "completed" and body["error"] is body["incomplete_details"] is None
    assert (body["temperature"], body["top_p"]) == (1.0, 1.0)
    assert body["metadata"] == {"a": "b"} and body["user"] == "u" and body["store"] is False
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens"] == len("晴天。".encode())


def test_events_in_their_order(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.bytes_per_event = 100
    kinds = [event["type"] for event in streamed(client, engine, "晴天。")]
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_events_of_a_call(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.bytes_per_event = 1000
    events = streamed(client, engine, f"查一下。\n{CALL}", tools=[WEATHER])
    kinds = [event["type"].removeprefix("response.") for event in events[8:]]
    arguments = ["function_call_arguments.delta", "function_call_arguments.done"]
    assert kinds == ["output_item.added", *arguments, "output_item.done", "completed"]
    added, delta, done, ended, completed = events[8:]
    assert added["item"]["status"] == "in_progress" and added["item"]["arguments"] == ""
    assert added["output_index"] == 1 and delta["item_id"] == added["item"]["id"]
    assert done["arguments"] == '{"city": "杭州"}' == delta["delta"]
    assert ended["item"]["call_id"].startswith("call_")
    assert completed["response"]["output"][1] == ended["item"]


@pytest.mark.parametrize("summary", [None, "auto"])
def test_thinking(thinking: FlaskClient, engine: ScriptedEngine, summary: str | None) -> None:
    """Its text is the item's content, or its summary for clients that read no other."""
    fields = {"reasoning": {"summary": summary}, "tools": [WEATHER]}
    body = answered(thinking, engine, f"{THOUGHT}查一下。\n{CALL}", **fields)
    reasoning, message, call = body["output"]
    assert reasoning["id"].startswith("rs_") and "encrypted_content" not in reasoning
    if summary:
        assert reasoning["summary"] == [{"type": "summary_text", "text": "想一想"}]
        assert "content" not in reasoning
    else:
        assert reasoning["content"] == [{"type": "reasoning_text", "text": "想一想"}]
        assert reasoning["summary"] == []
    assert message["content"][0]["text"] == "查一下。" and call["name"] == "get_weather"
    assert body["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    events = streamed(thinking, engine, f"{THOUGHT}查一下。\n{CALL}", **fields)
    deltas = [e["delta"] for e in events if "reasoning" in e["type"] and "delta" in e]
    assert "".join(deltas) == "想一想"
    kind = "reasoning_summary_text" if summary else "reasoning_text"
    assert sum(event["type"] == f"response.{kind}.done" for event in events) == 1


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text",
    ["", "晴", CALL, f"查。{CALL} 好。{CALL}", f"{THOUGHT}晴", f"{THOUGHT}{CALL}", "<think>\n想"],
)
def test_streamed_is_whole(
    thinking: FlaskClient, engine: ScriptedEngine, text: str, size: int
) -> None:
    engine.bytes_per_event = size
    include = ["message.output_text.logprobs"]
    for fields in ({"tools": [WEATHER]}, {"include": include, "top_logprobs": 2}):
        whole = answered(thinking, engine, text, **fields)
        events = streamed(thinking, engine, text, **fields)
        assert same(events[-1]["response"]) == same(whole)
        ended = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        assert ended == events[-1]["response"]["output"]
        for index, item in enumerate(ended):
            mine = [e for e in events if e.get("output_index") == index]
            text_of = item.get("arguments") or "".join(
                part["text"] for part in item.get("content", [])
            )
            deltas = "".join(e["delta"] for e in mine if e["type"].endswith(".delta"))
            assert deltas == text_of


def test_logprobs(client: FlaskClient, engine: ScriptedEngine) -> None:
    include = ["message.output_text.logprobs", "reasoning.encrypted_content"]
    body = answered(client, engine, "ab", include=include, top_logprobs=2)
    scores = body["output"][0]["content"][0]["logprobs"]
    assert [score["token"] for score in scores] == ["a", "b"]
    assert all(len(score["top_logprobs"]) == 2 for score in scores)
    events = streamed(client, engine, "ab", include=include, top_logprobs=2)
    pieces = [e["logprobs"] for e in events if e["type"] == "response.output_text.delta"]
    assert [score for piece in pieces for score in piece] == scores
    without = answered(client, engine, "ab", top_logprobs=2)
    assert without["output"][0]["content"][0]["logprobs"] == []


def test_an_answer_that_is_cut(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = answered(client, engine, "abcdef", max_output_tokens=3)
    assert body["status"] == body["output"][0]["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["output"][0]["content"][0]["text"] == "abc"
    events = streamed(client, engine, "abcdef", max_output_tokens=3)
    assert events[-1]["type"] == "response.incomplete"
    assert same(events[-1]["response"]) == same(body)


@pytest.mark.parametrize("empty", ["", [], [{"role": "user", "content": ""}]])
def test_an_empty_input(client: FlaskClient, engine: ScriptedEngine, empty: Any) -> None:
    """As clients probe a server."""
    body = answered(client, engine, "abc", input=empty, max_output_tokens=1)
    assert body["usage"]["output_tokens"] == 1


def test_a_failure_in_a_stream(client: FlaskClient, engine: ScriptedEngine) -> None:
    """It ends with events of its own, and no client takes it for a lost connection."""
    engine.failure, engine.fail_after = GenerationFailed("secret"), 2
    *_, error, failed = streamed(client, engine, "一二三四五六")
    assert error["type"] == "error" and error["code"] is None and "secret" not in error["message"]
    assert failed["type"] == "response.failed"
    response = failed["response"]
    assert response["status"] == "failed" and response["usage"] is None
    assert response["error"] == {"code": "server_error", "message": error["message"]}
    assert response["output"][0]["status"] == "incomplete"
    whole = post(client)
    assert whole.status_code == 500 and whole.get_json()["error"]["type"] == "server_error"


OUTPUT = {"type": "function_call_output", "call_id": "c"}
ASSISTANT = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed"}
HISTORY: list[Any] = [
    {"role": "developer", "content": [{"type": "input_text", "text": "简短。"}]},
    {"role": "user", "content": "天气？"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "content": [
        {"type": "reasoning_text", "text": "想想"}]},
    {**ASSISTANT, "content": [{"type": "output_text", "text": "查。", "annotations": []}]},
    {"type": "function_call", "call_id": "c1", "name": "get_weather",
     "arguments": '{"city": "杭"}'},
    {"type": "function_call", "call_id": "c2", "name": "get_weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "晴"},
    {"type": "function_call_output", "call_id": "c2", "output": [
        {"type": "input_text", "text": "雨"}]},
]  # fmt: skip


def test_items_are_the_turns_of_a_chat(thinking: FlaskClient, engine: ScriptedEngine) -> None:
    fields = {"input": HISTORY, "tools": [WEATHER], "instructions": "乐于助人。"}
    body = answered(thinking, engine, "好", **fields)
    assert body["output"][0]["content"][0]["text"] == "好"
    ours = prompt(engine)
    calls = [
        {"id": item["call_id"], "type": "function",
         "function": {"name": item["name"], "arguments": item["arguments"]}}
        for item in HISTORY if item.get("type") == "function_call"
    ]  # fmt: skip
    messages = [
        {"role": "system", "content": "乐于助人。\n\n简短。"},
        {"role": "user", "content": "天气？"},
        {"role": "assistant", "content": "查。", "reasoning_content": "想想", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "晴"},
        {"role": "tool", "tool_call_id": "c2", "content": "雨"},
    ]
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    tools = [{"type": "function", "function": function}]
    thinking.post("/v1/chat/completions", json={"messages": messages, "tools": tools})
    assert prompt(engine) == ours


def test_thinking_sent_back_as_a_summary(thinking: FlaskClient, engine: ScriptedEngine) -> None:
    summary = {
        "type": "reasoning",
        "id": "r",
        "summary": [{"type": "summary_text", "text": "想想"}],
    }
    prompts = []
    for thought in (HISTORY[2], summary):
        answered(thinking, engine, "好", input=[*HISTORY[:2], thought, *HISTORY[3:]])
        prompts.append(prompt(engine))
    assert prompts[0] == prompts[1] and "想想" in prompts[0]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [WEATHER, {"type": "web_search"}]}, "tools.1"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [WEATHER]}]}, "tools.0"),
        ({"tools": [{"type": "custom", "name": "apply", "format": {"type": "text"}}]}, "tools.0"),
        ({"tools": [{**WEATHER, "defer_loading": True}]}, "tools.0.defer_loading"),
        ({"tools": [{"type": "made_up_tomorrow"}], "tool_choice": "auto"}, "tools.0"),
        (
            {"tools": [WEATHER, {"type": "mcp"}], "tool_choice": {
                "type": "allowed_tools", "mode": "auto",
                "tools": [{"type": "mcp"}, {"type": "function", "name": "get_weather"}]}},
            "tool_choice.tools.0, tools.1",
        ),
        ({"input": [{"role": "user", "content": "a", "x": 1}]}, "input.0.x"),
        ({"input": [{"type": "web_search_call", "id": "w"}, HISTORY[1]]}, "input.0"),
        ({"input": [{"role": "user", "content": [
            {"type": "input_text", "text": "a", "detail": 1}]}]}, "input.0.content.0.detail"),
        ({"input": [HISTORY[1], {"type": "reasoning", "id": "r", "summary": [],
                                 "encrypted_content": "x"}]}, "input.1.encrypted_content"),
        ({"include": ["reasoning.encrypted_content"]}, "include.0"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"verbosity": "medium", "format": {"type": "text"}}}, None),
        ({"reasoning": {"effort": "low", "mode": "pro"}}, "reasoning.effort, reasoning.mode"),
        ({"client_metadata": {"a": 1}, "prompt_cache_key": "k", "store": True}, "client_metadata"),
        ({"stream_options": {"include_obfuscation": False}, "stream": True}, None),
        ({"max_tool_calls": 3, "service_tier": "auto", "seed": 7, "top_k": 5}, None),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named(client: FlaskClient, fields: Any, named: str | None) -> None:
    response = post(client, **fields)
    assert response.status_code == 200, response.text
    assert response.headers.get("X-Ignored-Parameters") == named


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input.0"),
        ({"input": [{"type": {}}]}, "input.0.type"),
        ({"input": [{"role": {}, "content": "a"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": [{"type": []}]}]}, "input.0.content.0.type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0.id"),
        ({"input": [{"type": "mesage", "role": "user", "content": "a"}]}, "input.0.type"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input.0.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
         "input.0.content.0.type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
         "input.0.content.0.type"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": [
            {"type": "input_image", "image_url": "x"}]}]}, "input.0.output.0.type"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
         "input.0.arguments"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": ""}]}, "input.0.call_id"),
        ({"tools": [{"type": "web_search"}, {**WEATHER, "description": "\ue0ff"}]}, "tools.1"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
        ({"tools": [{"name": "f"}]}, "tools.0.type"),
        ({"tools": [WEATHER, {**WEATHER, "description": "x"}]}, "tools.1.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}},
         "tool_choice.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [
            {"type": "mcp"}, {"type": "function", "name": "x"}]}}, "tool_choice.tools.1.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools", "mode": "required",
                                              "tools": [{"type": "mcp"}]}}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"include": "x"}, "include"),
        ({"truncation": "none"}, "truncation"),
        ({"temperature": 3}, "temperature"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"stream_options": {}}, "stream_options"),
    ],
)  # fmt: skip
def test_refusals_name_the_field(client: FlaskClient, fields: Any, param: str) -> None:
    response = post(client, **fields)
    assert response.status_code == 400, response.text
    error = response.get_json()["error"]
    assert error["param"] == param and error["message"].startswith(param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [{"role": "user", "content": "\ue0ff"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": ""}, {**OUTPUT, "output": "\ue0ff"}]},
         "input.1.output"),
        ({"input": [{"type": "reasoning", "content": "\ue0ff"}]}, "input.0"),
        ({"instructions": "\ue0ff", "input": HISTORY}, "instructions"),
        ({"input": "a" * 2100}, "input"),
    ],
)  # fmt: skip
def test_what_the_template_and_the_engine_refuse(
    thinking: FlaskClient, fields: Any, param: str
) -> None:
    response = post(thinking, **fields)
    assert response.status_code == 400 and response.get_json()["error"]["param"] == param
    is_long = "reserves" not in response.text
    assert (response.get_json()["error"]["code"] == "context_length_exceeded") == is_long


@pytest.mark.parametrize("method", ["get", "delete"])
@pytest.mark.parametrize("path", ["resp_1", "resp_1/input_items", "resp_1/cancel"])
def test_nothing_is_stored(client: FlaskClient, method: str, path: str) -> None:
    response = getattr(client, method)(f"/v1/responses/{path}")
    assert response.status_code == 404
    assert list(response.get_json()["error"]) == ["message", "type", "param", "code"]


def test_a_schema(client: FlaskClient, engine: ScriptedEngine) -> None:
    format_ = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}
    engine.answer = lambda request, index: '{"city": "杭州"}'
    body = post(client, text={"format": format_}).get_json()
    assert body["text"]["format"] == format_
    (request,) = engine.requests
    assert request.structured_output is not None  # type: ignore[union-attr]


@pytest.mark.parametrize(("choice", "shown"), [("none", False), ("auto", True)])
def test_tool_choice(client: FlaskClient, engine: ScriptedEngine, choice: str, shown: bool) -> None:
    answered(client, engine, "好", tools=[WEATHER], tool_choice=choice)
    assert ("get_weather" in prompt(engine)) == shown


def test_parallel_tool_calls(client: FlaskClient, engine: ScriptedEngine) -> None:
    for parallel, calls in ((None, 2), (False, 1)):
        fields = {"tools": [WEATHER], "parallel_tool_calls": parallel}
        assert len(answered(client, engine, CALL * 2, **fields)["output"]) == calls


def test_input_tokens(client: FlaskClient, engine: ScriptedEngine) -> None:
    fields = {"input": HISTORY, "tools": [WEATHER, {"type": "mcp"}], "instructions": "好"}
    usage = answered(client, engine, "好", **fields)["usage"]
    response = post(client, "/v1/responses/input_tokens", **fields)
    assert response.get_json() == {
        "object": "response.input_tokens", "input_tokens": usage["input_tokens"]
    }  # fmt: skip
    assert "tools.1" in response.headers["X-Ignored-Parameters"]
    assert client.post("/v1/responses/input_tokens", json={}).get_json()["input_tokens"] > 0
    refused = post(client, "/v1/responses/input_tokens", previous_response_id="r")
    assert refused.get_json()["error"]["param"] == "previous_response_id"


def test_truncation(client: FlaskClient, engine: ScriptedEngine) -> None:
    """The oldest go, but for the system's and the last; an output never without its call."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "结果" * 60}
    items = [{"role": "system", "content": "系统"}]
    for turn in range(6):
        items += [{"role": "user", "content": f"问题{turn}" + "长" * 60}, call, output]
    items.append({"role": "user", "content": "最后"})
    refused = post(client, input=items)
    assert refused.status_code == 400 and refused.get_json()["error"]["param"] == "input"
    body = answered(client, engine, "好", input=items, truncation="auto")
    assert body["truncation"] == "auto"
    text = prompt(engine)
    assert "系统" in text and text.rstrip().endswith("### Response:") and "最后" in text
    assert "问题0" not in text and "问题5" in text
    assert text.count("<tool_response>") == text.count("<tool_call>\n{")
    assert body["usage"]["input_tokens"] < INFO.max_model_len * 3 / 4
    alone = post(client, input="长" * 2000, truncation="auto")
    assert alone.status_code == 400
    assert alone.get_json()["error"]["code"] == "context_length_exceeded"


def test_truncation_for_a_template_that_wants_a_user_first(engine: ScriptedEngine) -> None:
    source = (
        "{% if messages[0].role != 'user' %}{{ raise_exception('no') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    engine.info_ = replace(INFO, chat_template=source)
    client = create_app(Config(), engine).test_client()
    items = [
        {"role": role, "content": f"{turn}" + "长" * size}
        for turn in range(6)
        for role, size in (("user", 150), ("assistant", 20))
    ]
    body = answered(client, engine, "好", input=items, truncation="auto", max_output_tokens=1)
    text = prompt(engine)
    assert text.startswith("user: ") and "5长" in text and "0长" not in text
    assert body["usage"]["input_tokens"] < INFO.max_model_len
