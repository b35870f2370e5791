"""Nothing a request says is dropped in silence: at every depth it is read, named or refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.completions.unsupported import OF_COMPLETIONS
from app.api.embeddings.unsupported import OF_EMBEDDINGS
from app.api.responses.unsupported import OF_RESPONSES
from app.engine.request import GenerationRequest
from app.protocol.unsupported import OF_GENERATION, Unserved
from tests.fakes import INFO, ScriptedEngine

USER: dict[str, Any] = {"role": "user", "content": "你好"}
CHAT = {"messages": [USER]}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
DESCRIBED = {"name": "n", "schema": SCHEMA}


def post(client: FlaskClient, route: str, body: dict[str, Any]) -> Any:
    return client.post(f"/v1/{route}", json=body)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_tokens": 5, "maxTokens": 5}, "maxTokens"),
        ({"stream": True, "stream_options": {"include_usag": True}}, "stream_options.include_usag"),
        (
            {"stream": True, "stream_options": {"include_usage": True, "b": 0, "a": {"c": 1}}},
            "stream_options.a, stream_options.b",
        ),
        ({"stream": True, "stream_options": {"x": None}}, None),
        ({"response_format": {"type": "text", "strict": True}}, "response_format.strict"),
        ({"response_format": {"type": "json_object", "name": "n"}}, "response_format.name"),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, None),
        ({"response_format": {"type": "text", "schema": None, "json_schema": None}}, None),
        (
            {"response_format": {"type": "json_schema", "json_schema": {**DESCRIBED, "x": 1}}},
            "response_format.json_schema.x",
        ),
        ({"messages": [{**USER, "cache_control": {"type": "e"}}]}, "messages.0.cache_control"),
        ({"messages": [{**USER, "content": [{"type": "text", "text": "a", "c": 1}]}]},
         "messages.0.content.0.c"),
        ({"messages": [{**USER, "message": "a"}]}, "messages.0.content"),
        ({"messages": [{**USER, "name": "bob"}]}, "messages.0.name"),
        ({"messages": [USER, CALLED, {"role": "tool", "content": "a", "name": "f"}]}, None),
        (
            {"messages": [USER, {"role": "assistant", "content": "a", "reasoning_content": "b"}]},
            "messages.1.reasoning_content",
        ),
        ({"messages": [USER, {"role": "assistant", "content": "a", "refusal": None}]}, None),
        (
            {"messages": [USER, {**CALLED, "tool_calls": [{**CALL, "index": 0}]}]},
            "messages.1.tool_calls.0.index",
        ),
        (
            {
                "messages": [
                    USER,
                    {**CALLED, "tool_calls": [{"function": {"name": "f", "strict": True}}]},
                ]
            },
            "messages.1.tool_calls.0.function.strict",
        ),
        ({"messages": [{**USER, "温 度": 1}]}, "messages.0.%E6%B8%A9%20%E5%BA%A6"),
        ({"x" * 600: 1}, "x" * 151 + "%E2%80%A6"),
        ({"messages": [{**USER, "名" * 300: 1}]}, "messages.0." + "%E5%90%8D" * 15 + "%E2%80%A6"),
        (
            {"response_format": {"type": "json_object", "schema": {**SCHEMA, "requird": ["a"]}}},
            "response_format.schema.requird",
        ),
        ({"metadata": {"any": {"thing": 1}}, "logit_bias": {"5": 1}}, None),
    ],
)  # fmt: skip
def test_named_where_it_stands(
    client: FlaskClient, fields: dict[str, Any], named: str | None
) -> None:
    response = post(client, "chat/completions", {**CHAT, **fields})
    assert response.status_code == 200, response.text
    assert response.headers.get("X-Ignored-Parameters") == named


def test_a_long_history_names_sixteen(client: FlaskClient) -> None:
    messages = [{**USER, "x": 1} for _ in range(500)]
    response = post(client, "chat/completions", {"messages": messages, "max_tokens": 1})
    assert response.status_code in (200, 400)
    short = post(client, "chat/completions", {"messages": messages[:40], "max_tokens": 1})
    names = short.headers["X-Ignored-Parameters"].split(", ")
    assert len(names) == 16 and names == sorted(names)
    assert names[0] == "messages.0.x"


def test_completions_and_tokenize_too(client: FlaskClient) -> None:
    body = {"prompt": "a", "stream": True, "stream_options": {"every": 5}}
    named = post(client, "completions", body).headers["X-Ignored-Parameters"]
    assert named == "stream_options.every"
    answer = client.post("/tokenize", json={"messages": [{**USER, "x": 1}]})
    assert answer.headers["X-Ignored-Parameters"] == "messages.0.x"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {"type": "object"}),
        ({"schema": None}, {"type": "object"}),
        ({"schema": SCHEMA}, SCHEMA),
        ({"schema": {"required": ["a"]}}, {"type": "object", "required": ["a"]}),
        ({"schema": {"type": "array"}}, {"type": "array"}),
    ],
)
def test_a_json_object_may_have_a_schema(
    client: FlaskClient, engine: ScriptedEngine, given: dict[str, Any], kept: dict[str, Any]
) -> None:
    fields = {"response_format": {"type": "json_object", **given}}
    assert post(client, "chat/completions", {**CHAT, **fields}).status_code == 200
    (request,) = engine.requests
    assert isinstance(request, GenerationRequest) and request.structured_output is not None
    assert json.loads(request.structured_output.text) == kept


#: For each refused name a value that is none of its harmless ones.
ODD_VALUES = (True, False, 0.37, 7, "x", ["x"], {"x": 1})


def asking(no_op: tuple[object, ...]) -> list[object]:
    """Values that ask for something."""
    return [value for value in ODD_VALUES if repr(value) not in set(map(repr, no_op))]


@pytest.mark.parametrize(
    ("route", "good", "names"),
    [
        ("chat/completions", CHAT, OF_GENERATION),
        ("completions", {"prompt": "a"}, {**OF_GENERATION, **OF_COMPLETIONS}),
        ("embeddings", {"input": "a"}, OF_EMBEDDINGS),
        ("responses", {"input": "a"}, OF_RESPONSES),
    ],
)
def test_what_would_change_the_answer_is_refused(
    client: FlaskClient, route: str, good: dict[str, Any], names: Unserved
) -> None:
    for name, no_op in names.items():
        for value in asking(no_op):
            response = post(client, route, {**good, name: value})
            assert response.status_code == 400, (name, value)
            assert response.get_json()["error"]["param"] == name
        for value in (None, *no_op):
            response = post(client, route, {**good, name: value})
            assert response.status_code == 200, (name, value, response.text)
            assert "X-Ignored-Parameters" not in response.headers


#: The names the contract's readers look for first.
FIRST = (
    "allowed_token_ids include_stop_str_in_output truncate_prompt_tokens prompt_logprobs "
    "return_token_ids logits_processors functions function_call audio modalities prediction "
    "web_search_options chat_template chat_template_kwargs enable_thinking reasoning_effort "
    "mirostat typical_p bad_words length_penalty early_stopping "
    "dry_multiplier xtc_probability"
).split()


def test_none_of_the_known_names_is_missing() -> None:
    assert set(FIRST) <= {*OF_GENERATION, *OF_COMPLETIONS}
    assert {"normalize", "truncate_prompt_tokens"} <= set(OF_EMBEDDINGS)


def test_no_tools_are_not_named(client: FlaskClient) -> None:
    for body in ({"tools": []}, {"tools": None}, {"tool_choice": "auto"}, {"tool_choice": "none"}):
        response = post(client, "chat/completions", {**CHAT, **body})
        assert response.status_code == 200
        assert "X-Ignored-Parameters" not in response.headers


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (
            {**CHAT, "tools": TOOLS, "tool_choice": {"type": "allowed_tools"}},
            "tool_choice.allowed_tools",
        ),
        ({**CHAT, "tools": {"a": 1}}, "tools"),
        ({**CHAT, "tools": ["a"]}, "tools.0"),
        ({**CHAT, "tools": TOOLS, "num_beams": 2}, "tools"),
        ({"messages": [{"role": "user", "message": "a"}], "tools": TOOLS}, "tools"),
        ({"messages": "a", "tools": TOOLS}, "tools"),
        ({**CHAT, "functions": [{"name": "f"}]}, "functions"),
        ({**CHAT, "function_call": {"name": "f"}}, "function_call"),
    ],
)
def test_tools_that_are_not_served_are_refused(
    client: FlaskClient, body: dict[str, Any], param: str
) -> None:
    response = post(client, "chat/completions", body)
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == param


REFUSAL = "不能回答。"


@pytest.mark.parametrize(
    ("turn", "rendered"),
    [
        ({"content": None, "refusal": REFUSAL}, REFUSAL),
        ({"refusal": REFUSAL}, REFUSAL),
        ({"content": [{"type": "refusal", "refusal": REFUSAL}]}, REFUSAL),
        (
            {"content": [{"type": "text", "text": "一"}, {"type": "refusal", "refusal": "二"}]},
            "一\n二",
        ),
        ({"content": "一", "refusal": "二"}, "一\n二"),
        ({"content": "", "refusal": REFUSAL}, REFUSAL),
        ({"content": "一", "refusal": None}, "一"),
        ({"content": "一", "refusal": ""}, "一"),
    ],
)
def test_refused_turns_are_text(
    client: FlaskClient, engine: ScriptedEngine, turn: dict[str, Any], rendered: str
) -> None:
    messages = [USER, {"role": "assistant", **turn}, USER]
    response = post(client, "chat/completions", {"messages": messages})
    assert response.status_code == 200, response.text
    assert "X-Ignored-Parameters" not in response.headers
    assert f"### Response: {rendered}\n\n### Instruction:" in engine.encoded[-1][0]


@pytest.mark.parametrize("message", [{"content": ""}, {"message": ""}])
def test_a_user_may_say_nothing(
    client: FlaskClient, engine: ScriptedEngine, message: dict[str, Any]
) -> None:
    response = post(client, "chat/completions", {"messages": [{"role": "user", **message}]})
    assert response.status_code == 200
    assert engine.encoded[-1][0].endswith("### Instruction:\n\n\n### Response: ")


def test_a_name_that_the_template_shows_is_not_ignored(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    source = "{% for message in messages %}{{ message.name }}: {{ message.content }}{% endfor %}"
    engine.info_ = replace(INFO, chat_template=source)
    response = post(client, "chat/completions", {"messages": [{**USER, "name": "bob"}]})
    assert "X-Ignored-Parameters" not in response.headers
    assert "bob" in engine.encoded[-1][0]
