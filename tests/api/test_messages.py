"""POST /v1/messages: what its fields ask of the engine, and what its answers look like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.api.messages.response import usage_body
from app.engine.request import GenerationRequest, SamplingParams
from app.generation.results import Usage
from config import Config
from tests.api.test_reasoning import QWEN3, THOUGHT
from tests.fakes import INFO, ScriptedEngine

ROUTE, COUNT = "/v1/messages", "/v1/messages/count_tokens"
USER: dict[str, Any] = {"role": "user", "content": "你好"}
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": False}
CALL = '<tool_call>\n{"name": "f", "arguments": {"city": "杭州"}}\n</tool_call>'


def ask(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post(ROUTE, json={"messages": [USER], "max_tokens": 100, **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def prompt(client: FlaskClient, engine: ScriptedEngine, **fields: Any) -> str:
    """The text that the model reads."""
    ask(client, **fields)
    return engine.encoded[-1][0]


def chat_prompt(client: FlaskClient, engine: ScriptedEngine, **fields: Any) -> str:
    """The same of a chat."""
    answer = client.post("/v1/chat/completions", json={"messages": [USER], **fields})
    assert answer.status_code == 200, answer.text
    return engine.encoded[-1][0]


def generation(engine: ScriptedEngine) -> GenerationRequest:
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    return request


def test_an_answer(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "您好！"
    body = ask(client)
    assert body.pop("id").startswith("msg_")
    tokens = engine.handles[-1].prompt_tokens
    assert body == {
        "type": "message",
        "role": "assistant",
        "model": "chinese-llama-alpaca",
        "content": [{"type": "text", "text": "您好！"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": len("您好！".encode()),
        },
    }


def test_defaults_are_that_apis(client: FlaskClient, engine: ScriptedEngine) -> None:
    ask(client)
    request = generation(engine)
    assert (request.params, request.max_tokens) == (SamplingParams(temperature=1.0), 100)


def test_fields_reach_the_engine(client: FlaskClient, engine: ScriptedEngine) -> None:
    fields = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 3}
    ask(client, **fields, stop_sequences=["a", "b", "c", "d", "e"], max_tokens=9)
    request = generation(engine)
    assert request.params == SamplingParams(**fields)
    assert (request.stop, request.max_tokens) == (("a", "b", "c", "d", "e"), 9)


@pytest.mark.parametrize(
    ("answer", "fields", "reason", "sequence", "text"),
    [
        ("一二三", {}, "end_turn", None, "一二三"),
        ("一二三", {"max_tokens": 3}, "max_tokens", None, "一"),
        ("一二三", {"stop_sequences": ["x", "三", "二"]}, "stop_sequence", "二", "一"),
        ("一二三", {"stop_sequences": ["二三", "二"]}, "stop_sequence", "二", "一"),
        (CALL, {"tools": [TOOL]}, "tool_use", None, None),
        (CALL, {"tools": [TOOL], "max_tokens": 60}, "max_tokens", None, None),
        (CALL, {"tools": [TOOL], "stop_sequences": ["州"]}, "stop_sequence", "州", None),
        ("", {}, "end_turn", None, ""),
    ],
)
def test_stop_reasons(
    client: FlaskClient,
    engine: ScriptedEngine,
    answer: str,
    fields: dict[str, Any],
    reason: str,
    sequence: str | None,
    text: str | None,
) -> None:
    engine.answer = lambda request, index: answer
    body = ask(client, **fields)
    assert (body["stop_reason"], body["stop_sequence"]) == (reason, sequence)
    (block,) = body["content"]
    if text is None:
        assert block["type"] == "tool_use" and block["id"].startswith("toolu_")
        assert block["name"] == "f" and set(block["input"]) <= {"city"}
    else:
        assert block == {"type": "text", "text": text}


def test_input_tokens_are_those_that_were_not_cached() -> None:
    body = usage_body(Usage(100, 7, 60, 5))
    assert body["input_tokens"] == 40 and body["cache_read_input_tokens"] == 60
    assert body["output_tokens"] == 7 and body["output_tokens_details"] == {"thinking_tokens": 5}


# --- the prompt


def test_the_prompt_is_a_chats(client: FlaskClient, engine: ScriptedEngine) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    function = {"type": "function", "function": {"name": "f", "description": "d"}}
    expected = chat_prompt(
        client,
        engine,
        messages=[
            {"role": "system", "content": "甲\n乙"},
            USER,
            {"role": "assistant", "content": "看", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "晴\n21"},
            {"role": "user", "content": "好\n再来"},
        ],
        tools=[
            {**function, "function": {**function["function"], "parameters": {"type": "object"}}}
        ],
    )
    found = prompt(
        client,
        engine,
        system=[{"type": "text", "text": "甲"}, {"type": "text", "text": "乙"}],
        messages=[
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "看"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "好"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c",
                        "content": [{"type": "text", "text": "晴"}, {"type": "text", "text": "21"}],
                    },
                ],
            },
            {"role": "user", "content": "再来"},
        ],
        tools=[TOOL],
    )
    assert found == expected


def test_a_system_message_stands_where_it_stands(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    engine.info_ = replace(INFO, chat_template=QWEN3)
    messages = [USER, {"role": "system", "content": [{"type": "text", "text": "短"}]}]
    fields = {"messages": messages, "system": "甲"}
    expected = [{"role": "system", "content": "甲"}, USER, {"role": "system", "content": "短"}]
    assert prompt(client, engine, **fields) == chat_prompt(client, engine, messages=expected)


BILLING = "x-anthropic-billing-header: cc_version=2.1; cch=%s;"


def test_what_differs_in_each_request_changes_no_byte(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    prompts = {
        prompt(client, engine, system=system, messages=messages, tools=[{**TOOL, **extra}], **extra)
        for system in (
            "甲\n乙",
            BILLING % "1" + "\n甲\n乙",
            [{"type": "text", "text": "甲\n乙", **mark}],
            [{"type": "text", "text": BILLING % "2"}, {"type": "text", "text": "甲\n乙"}],
        )
        for messages in (
            [USER],
            [{"role": "user", "content": [{"type": "text", "text": "你好", **mark}]}],
        )
        for extra in ({}, mark)
    }
    assert len(prompts) == 1 and "billing" not in prompts.pop()


@pytest.mark.parametrize("system", ["", [], [{"type": "text", "text": BILLING % "3"}]])
def test_no_system_text_is_none(client: FlaskClient, engine: ScriptedEngine, system: Any) -> None:
    assert prompt(client, engine, system=system) == prompt(client, engine)


def test_the_last_message_may_begin_the_answer(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: " B)"
    messages = [USER, {"role": "assistant", "content": [{"type": "text", "text": "选 ("}]}]
    assert prompt(client, engine, messages=messages).endswith("### Response: 选 (")
    assert ask(client, messages=messages)["content"] == [{"type": "text", "text": " B)"}]


# --- tools


@pytest.mark.parametrize(
    ("choice", "required", "parallel", "names"),
    [
        ({"type": "auto"}, False, True, "f g"),
        ({"type": "auto", "disable_parallel_tool_use": True}, False, False, "f g"),
        ({"type": "any"}, True, True, "f g"),
        ({"type": "tool", "name": "g"}, True, False, "g"),
        ({"type": "none"}, False, True, ""),
    ],
)
def test_tool_choice(
    client: FlaskClient,
    engine: ScriptedEngine,
    choice: dict[str, Any],
    required: bool,
    parallel: bool,
    names: str,
) -> None:
    engine.answer = lambda request, index: CALL.replace("f", "g") * 2
    tools = [TOOL, {**TOOL, "name": "g"}]
    body = ask(client, tools=tools, tool_choice=choice, max_tokens=900)
    assert [f'"name": "{name}"' in engine.encoded[-1][0] for name in "fg"] == [
        name in names for name in "fg"
    ]
    output = generation(engine).structured_output
    assert (output is not None) == (required or not parallel)
    calls = [block for block in body["content"] if block["type"] == "tool_use"]
    assert len(calls) == (0 if not names else 2 if parallel else 1)


def test_tools_of_other_kinds_are_left_out_and_named(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    others = [
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "something_new", "anything": [{}]},
    ]
    body = {"messages": [USER], "max_tokens": 5, "tools": [others[0], TOOL, *others[1:]]}
    response = client.post(ROUTE, json=body)
    assert response.status_code == 200
    assert response.headers["X-Ignored-Parameters"] == "tools.0, tools.2, tools.3"
    text = engine.encoded[-1][0]
    assert '"name": "f"' in text and "web_search" not in text and "bash" not in text
    assert client.post(ROUTE, json={**body, "tools": others}).status_code == 200


def test_a_schema_for_the_answer(client: FlaskClient, engine: ScriptedEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    described = {"type": "json_schema", "schema": schema}
    for fields in ({"output_config": {"format": described}}, {"output_format": described}):
        ask(client, **fields)
        output = generation(engine).structured_output
        assert output is not None and '"properties"' in output.text


# --- thinking


def thinker(answer: str = THOUGHT) -> tuple[ScriptedEngine, FlaskClient]:
    info = replace(INFO, chat_template=QWEN3)
    engine = ScriptedEngine(answer=lambda request, index: answer, info_=info)
    return engine, create_app(Config(), engine).test_client()


@pytest.mark.parametrize(
    ("thinking", "is_off", "budget"),
    [
        (None, False, None),
        ({"type": "adaptive"}, False, None),
        ({"type": "enabled", "budget_tokens": 2048}, False, 2048),
        ({"type": "enabled", "budget_tokens": 0}, False, 0),
        ({"type": "disabled"}, True, None),
    ],
)
def test_thinking(thinking: dict[str, Any] | None, is_off: bool, budget: int | None) -> None:
    engine, client = thinker("答" if is_off else THOUGHT)
    body = ask(client, thinking=thinking, max_tokens=900)
    assert engine.encoded[-1][0].endswith("</think>\n\n") == is_off
    reasoning = generation(engine).reasoning
    assert (reasoning.budget if reasoning else None) == budget
    kinds = [block["type"] for block in body["content"]]
    assert kinds == (["text"] if is_off else ["thinking", "text"])
    if not is_off:
        thought, text = body["content"]
        assert thought["thinking"] == "先想一想 stop" and thought["signature"]
        assert text["text"] == "答案 stop 完"
        assert body["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_thinking_comes_back_as_it_was(client: FlaskClient) -> None:
    engine, client = thinker()
    content = ask(client, max_tokens=900)["content"]
    first = engine.encoded[-1][0]
    messages = [USER, {"role": "assistant", "content": content}, {"role": "user", "content": "续"}]
    ask(client, messages=messages, max_tokens=900)
    second = engine.encoded[-1][0]
    assert second.startswith(first + THOUGHT), "the prompt goes on where the answer ended"


def test_encrypted_thinking_is_named() -> None:
    engine, client = thinker()
    content = [{"type": "redacted_thinking", "data": "EmwK"}, {"type": "text", "text": "一"}]
    messages = [USER, {"role": "assistant", "content": content}, USER]
    response = client.post(ROUTE, json={"messages": messages, "max_tokens": 5})
    assert response.headers["X-Ignored-Parameters"] == "messages.1.content.0.data"
    assert "EmwK" not in engine.encoded[-1][0]


# --- count_tokens


def test_counted_tokens_are_those_of_the_answers_usage(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    fields = {"system": "甲", "tools": [TOOL], "messages": [USER, USER]}
    counted = client.post(COUNT, json=fields)
    assert counted.status_code == 200 and not engine.requests
    assert counted.get_json() == {"input_tokens": ask(client, **fields)["usage"]["input_tokens"]}


def test_more_than_the_context_can_be_counted(client: FlaskClient) -> None:
    long = {"role": "user", "content": "a" * 5000}
    assert client.post(COUNT, json={"messages": [long]}).get_json()["input_tokens"] > 5000


# --- what is not read, and where it is served


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"metadata": {"user_id": "u"}, "service_tier": "auto"}, None),
        ({"context_management": {"edits": []}, "betas": ["x"]}, "betas, context_management"),
        ({"stop": ["a"]}, "stop"),
        ({"system": [{"type": "text", "text": "a", "x": 1, "citations": None}]}, "system.0.x"),
        ({"messages": [{**USER, "name": "n"}]}, "messages.0.name"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}]},
            "messages.0.content.0.x",
        ),
        (
            {"tools": [{**TOOL, "defer_loading": True, "eager_input_streaming": True}]},
            "tools.0.defer_loading",
        ),
        (
            {"tools": [{**TOOL, "defer_loading": False, "input_examples": [{"a": 1}]}]},
            "tools.0.input_examples",
        ),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, None),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "thinking.display"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5}},
            "thinking, thinking.budget_tokens",
        ),
        ({"output_config": {"effort": "high", "x": 1}}, "output_config.effort, output_config.x"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "auto", "name": "f"}},
            "tool_choice.name",
        ),
    ],
)
def test_what_is_not_read_is_named(
    client: FlaskClient, fields: dict[str, Any], named: str | None
) -> None:
    body = {"messages": [USER], "max_tokens": 5, **fields}
    response = client.post(f"{ROUTE}?beta=true", json=body)
    assert response.status_code == 200, response.text
    assert response.headers.get("X-Ignored-Parameters") == named


def test_max_tokens_is_cut_to_the_context(app: Flask, client: FlaskClient) -> None:
    response = client.post(ROUTE, json={"messages": [USER], "max_tokens": 32_000})
    assert response.status_code == 200
    assert 0 < int(response.headers["X-Max-Tokens-Cut"]) < INFO.max_model_len
