"""Bodies that must be refused: each with its exact status and param, and none harms the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fakes import ScriptedEngine

COMPLETIONS, CHAT, EMBEDDINGS = "completions", "chat/completions", "embeddings"
USER = {"role": "user", "content": "你好"}
CALLS = {"role": "assistant", "content": None}


def calling(**call: object) -> dict[str, object]:
    """An assistant's message with one tool call."""
    return {**CALLS, "tool_calls": [call]}


DEEP_LIST = b'{"prompt":"a","x":' + b"[" * 64 + b"]" * 64 + b"}"
DEEP_OBJECT = b'{"prompt":"a","x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"

# (body, param)
NOT_JSON: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b"  \n", None),
    (b"42", None),
    (b'"x"', None),
    (b"null", None),
    (b"true", None),
    (b"[]", None),
    (b"[1,2]", None),
    (b'{"prompt":"a"', None),
    (b'{"prompt":"a",}', None),
    (b"{'prompt':'a'}", None),
    (b'{"prompt":"a"} x', None),
    (b'{"prompt":"a"}{"prompt":"a"}', None),
    (b'{prompt:"a"}', None),
    (b'{"prompt":"a\nb"}', None),
    (b'{"prompt":"a\x00b"}', None),
    (b'{"prompt":"\\x41"}', None),
    (b'{"prompt":"\\u12"}', None),
    (b'{"prompt":01}', None),
    (b'{"prompt":+1}', None),
    (b'{"prompt":.5}', None),
    (b"prompt=a", None),
    ('{"prompt":"你好"}'.encode("gbk"), None),
    ('{"prompt":"你好"}'.encode("utf-16"), None),
    ('{"prompt":"a"}'.encode("utf-16-le"), None),
    ('{"prompt":"a"}'.encode("utf-32"), None),
    (b"\xef\xbb\xbf" + b'{"prompt":"a"}', None),
    (b'{"prompt":"\xed\xa0\x80"}', None),
    (b'{"prompt":"\xc0\xaf"}', None),
    (b'{"prompt":"\xff"}', None),
    (DEEP_LIST, None),
    (DEEP_OBJECT, None),
    (b"[" * 100_000, None),
    (b'{"a":' * 5_000, None),
    (b'{"prompt":"a","temperature":NaN}', "temperature"),
    (b'{"prompt":"a","temperature":Infinity}', "temperature"),
    (b'{"prompt":"a","top_p":-Infinity}', "top_p"),
    (b'{"prompt":"a","temperature":1e400}', "temperature"),
    (b'{"prompt":"a","x":{"y":[1,-1e999]}}', "x.y.1"),
    (b'{"prompt":"a","seed":9223372036854775808}', "seed"),
    (b'{"prompt":"a","seed":-9223372036854775809}', "seed"),
    (b'{"prompt":"a","top_k":' + b"9" * 5_000 + b"}", "top_k"),
    (b'{"prompt":[1,' + b"9" * 30 + b"]}", "prompt.1"),
    (b'{"prompt":"\\ud800"}', "prompt"),
    (b'{"prompt":"\\udfff\\ud800"}', "prompt"),
    (b'{"prompt":["a","b\\ud83d"]}', "prompt.1"),
    (b'{"prompt":"a","stop":["\\udc00"]}', "stop.0"),
    (b'{"prompt":"a","x":{"\\ud800":1}}', "x"),
    (b'{"prompt":"a","\\ud800":1}', None),
    (b'{"prompt":"a","prompt":"b"}', "prompt"),
    (b'{"prompt":"a","x":{"y":1,"z":2,"y":3}}', "x.y"),
    (b'{"prompt":"a","\\u0070rompt":"b"}', "prompt"),
]

# (route, request, param)
WRONG: list[tuple[str, dict[str, Any], str]] = [
    # prompts
    (COMPLETIONS, {}, "prompt"),
    (COMPLETIONS, {"prompt": None}, "prompt"),
    (COMPLETIONS, {"prompt": ""}, "prompt"),
    (COMPLETIONS, {"prompt": 5}, "prompt"),
    (COMPLETIONS, {"prompt": True}, "prompt"),
    (COMPLETIONS, {"prompt": {}}, "prompt"),
    (COMPLETIONS, {"prompt": []}, "prompt"),
    (COMPLETIONS, {"prompt": [""]}, "prompt.0"),
    (COMPLETIONS, {"prompt": ["a", ""]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [[]]}, "prompt.0"),
    (COMPLETIONS, {"prompt": [[1], []]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [[[1]]]}, "prompt.0.0"),
    (COMPLETIONS, {"prompt": ["a", 1]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [1, "a"]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [[1], "a"]}, "prompt.1"),
    (COMPLETIONS, {"prompt": ["a", None]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [None]}, "prompt.0"),
    (COMPLETIONS, {"prompt": [True]}, "prompt.0"),
    (COMPLETIONS, {"prompt": [1, True]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [1.5]}, "prompt.0"),
    (COMPLETIONS, {"prompt": [-1]}, "prompt.0"),
    (COMPLETIONS, {"prompt": [[1, -1]]}, "prompt.0.1"),
    (COMPLETIONS, {"prompt": [5, 259]}, "prompt.1"),
    (COMPLETIONS, {"prompt": [[5], [5, 999999]]}, "prompt.1.1"),
    (COMPLETIONS, {"prompt": ["a"] * 129}, "prompt"),
    (COMPLETIONS, {"prompt": ["a"] * 65, "n": 2}, "n"),
    (COMPLETIONS, {"prompt": "a", "prompt_template": "vicuna"}, "prompt_template"),
    (COMPLETIONS, {"prompt": "a", "prompt_template": 1}, "prompt_template"),
    # the context
    (COMPLETIONS, {"prompt": "a" * 3000}, "prompt"),
    (COMPLETIONS, {"prompt": "a" * 300_000}, "prompt"),
    (COMPLETIONS, {"prompt": ["a", "b" * 300_000]}, "prompt.1"),
    (CHAT, {"messages": "a" * 3000}, "messages"),
    (CHAT, {"messages": "a" * 300_000}, "messages"),
    # numbers and their types
    *[
        (COMPLETIONS, {"prompt": "a", name: value}, name)
        for name, values in {
            "max_tokens": [0, -2, 1.5, 1e30, "3", True, [], {}, 3.5],
            "temperature": [-0.1, 2.0000001, "1", True, [], {}],
            "top_p": [-1e-9, 1.0000001, "1", False],
            "top_k": [-2, 1.5, "40", True],
            "min_p": [-0.1, 1.1, "0"],
            "repetition_penalty": [0, 0.0, -1, 10.1, "1", True],
            "num_beams": [0, 17, 17.0, 1.5, "1", True],
            "n": [0, 9, -1, 2**31, 1.1, "1", True],
            "seed": ["1", 1.5, True, []],
            "best_of": [0, 21, "1", 1.5, True],
            "presence_penalty": [-2.1, 2.1, "1", True],
            "frequency_penalty": [-2.1, 2.1, "1", False],
            "logprobs": [-1, 6, True, 1.5, "1"],
            "echo": [1, "true"],
            "logit_bias": [[], "5", 5, {str(token): 1 for token in range(3, 304)}],
        }.items()
        for value in values
    ],
    # fields that contradict each other, and token ids that are none
    (COMPLETIONS, {"prompt": "a", "n": 3, "best_of": 2}, "best_of"),
    (COMPLETIONS, {"prompt": "a", "best_of": 2, "stream": True}, "best_of"),
    (COMPLETIONS, {"prompt": "a", "best_of": 2, "num_beams": 2}, "best_of"),
    (COMPLETIONS, {"prompt": ["a"] * 13, "best_of": 10}, "best_of"),
    (COMPLETIONS, {"prompt": "a", "n": 3, "num_beams": 2}, "n"),
    (COMPLETIONS, {"prompt": "a", "logprobs": 0, "num_beams": 2}, "logprobs"),
    (COMPLETIONS, {"prompt": "a", "max_tokens": 0, "echo": False}, "max_tokens"),
    *[
        (COMPLETIONS, {"prompt": "a", "logit_bias": {token: bias}}, f"logit_bias.{token}")
        for token, bias in [
            ("259", 1),
            ("999999999", 1),
            ("9999999999", 1),
            ("-1", 1),
            ("05", 1),
            ("a", 1),
            ("5.0", 1),
            ("5", 100.1),
            ("5", -101),
            ("5", "1"),
            ("5", True),
            ("5", None),
        ]
    ],
    (CHAT, {"messages": [USER], "logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    (CHAT, {"messages": [USER], "logprobs": False, "top_logprobs": 1}, "top_logprobs"),
    (CHAT, {"messages": [USER], "logprobs": True, "num_beams": 2}, "logprobs"),
    (
        CHAT,
        {
            "messages": [USER, {"role": "assistant", "content": "a"}],
            "continue_final_message": True,
            "add_generation_prompt": True,
        },
        "add_generation_prompt",
    ),
    # switches and texts
    *[
        (COMPLETIONS, {"prompt": "a", name: value}, name)
        for name in ("stream", "do_sample", "ignore_eos")
        for value in (1, 0, "true", [])
    ],
    (COMPLETIONS, {"prompt": "a", "user": 1}, "user"),
    (COMPLETIONS, {"prompt": "a", "model": 1}, "model"),
    (COMPLETIONS, {"prompt": "a", "stop": 1}, "stop"),
    (COMPLETIONS, {"prompt": "a", "stop": {}}, "stop"),
    (COMPLETIONS, {"prompt": "a", "stop": ["a", ""]}, "stop.1"),
    (COMPLETIONS, {"prompt": "a", "stop": ["a", 1]}, "stop.1"),
    (COMPLETIONS, {"prompt": "a", "stop": ["a", None]}, "stop.1"),
    (COMPLETIONS, {"prompt": "a", "stop": list("abcde")}, "stop"),
    (COMPLETIONS, {"prompt": "a", "stop": "x" * 257}, "stop"),
    (COMPLETIONS, {"prompt": "a", "stop": ["x" * 257]}, "stop.0"),
    (COMPLETIONS, {"prompt": "a", "stream": True, "stream_options": 1}, "stream_options"),
    (COMPLETIONS, {"prompt": "a", "stream_options": {"include_usage": True}}, "stream_options"),
    (
        COMPLETIONS,
        {"prompt": "a", "stream": True, "stream_options": {"include_usage": 1}},
        "stream_options.include_usage",
    ),
    *[
        (CHAT, {"messages": "a", "response_format": value}, f"response_format{path}")
        for value, path in [
            ("json", ""),
            ([], ""),
            ({}, ".type"),
            ({"type": "xml"}, ".type"),
            ({"type": "json_schema"}, ".json_schema"),
            ({"type": "json_schema", "json_schema": {"schema": {}}}, ".json_schema.name"),
            ({"type": "json_schema", "schema": {"type": "object"}}, ".schema"),
            ({"type": "json_object", "schema": True}, ".schema"),
            ({"type": "json_object", "json_schema": {"name": "a", "schema": {}}}, ".json_schema"),
            ({"type": "text", "schema": {}}, ".schema"),
            ({"type": ["text"]}, ".type"),
            (
                {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
                ".json_schema.name",
            ),
            ({"type": "json_schema", "json_schema": {"name": "a"}}, ".json_schema.schema"),
            (
                {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": 1}},
                ".json_schema.strict",
            ),
        ]
    ],
    # refused by name
    *[
        (COMPLETIONS, {"prompt": "a", name: value}, name)
        for name, value in {
            "suffix": "b",
            "prompt_embeds": "AA==",
            "max_completion_tokens": 5,
            "continue_final_message": True,
        }.items()
    ],
    *[
        (CHAT, {"messages": [USER], name: value}, name)
        for name, value in {
            "presence_penalty": False,
            "logprobs": 3,
            "top_logprobs": 3,
            "best_of": 2,
            "echo": True,
            "tools": {"type": "function"},
            "tool_choice": "required",
            "functions": [{"name": "f"}],
            "function_call": {"name": "f"},
            "audio": {"voice": "a"},
            "modalities": ["text", "audio"],
            "prediction": {"type": "content"},
            "web_search_options": {},
            "reasoning_effort": "highest",
            "enable_thinking": "false",
            "chat_template": "{{ 1 }}",
            "chat_template_kwargs": [1],
            "prompt_template": "none",
            "continue_final_message": True,
            "max_completion_tokens": 0,
            "add_generation_prompt": False,
        }.items()
    ],
    # messages
    (CHAT, {}, "messages"),
    (CHAT, {"messages": None}, "messages"),
    (CHAT, {"messages": ""}, "messages"),
    (CHAT, {"messages": []}, "messages"),
    (CHAT, {"messages": {}}, "messages"),
    (CHAT, {"messages": 1}, "messages"),
    (CHAT, {"messages": [1]}, "messages.0"),
    (CHAT, {"messages": ["你好"]}, "messages.0"),
    (CHAT, {"messages": [USER, None]}, "messages.1"),
    (CHAT, {"messages": [{}]}, "messages.0.role"),
    (CHAT, {"messages": [{"content": "a"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"role": 1, "content": "a"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"role": [], "content": "a"}]}, "messages.0.role"),
    (CHAT, {"messages": [USER, {"role": "tool"}]}, "messages.1.content"),
    (CHAT, {"messages": [USER, {"role": "tool", "content": None}]}, "messages.1.content"),
    (
        CHAT,
        {"messages": [USER, {"role": "tool", "content": "a", "tool_call_id": 1}]},
        "messages.1.tool_call_id",
    ),
    (CHAT, {"messages": [{**USER, "tool_call_id": "a"}]}, "messages.0.tool_call_id"),
    (CHAT, {"messages": [{**USER, "name": 1}]}, "messages.0.name"),
    (CHAT, {"messages": [USER, {"role": "assistant", "content": None}]}, "messages.1.content"),
    (CHAT, {"messages": [USER, {**CALLS, "tool_calls": {}}]}, "messages.1.tool_calls"),
    (CHAT, {"messages": [USER, {**CALLS, "tool_calls": ["a"]}]}, "messages.1.tool_calls.0"),
    (CHAT, {"messages": [USER, calling(id=1)]}, "messages.1.tool_calls.0.id"),
    (CHAT, {"messages": [USER, calling(type="custom")]}, "messages.1.tool_calls.0.type"),
    (CHAT, {"messages": [USER, calling(function=None)]}, "messages.1.tool_calls.0.function"),
    (CHAT, {"messages": [USER, calling(function={})]}, "messages.1.tool_calls.0.function.name"),
    (
        CHAT,
        {"messages": [USER, calling(function={"name": "f", "arguments": 1})]},
        "messages.1.tool_calls.0.function.arguments",
    ),
    # the classic dialect has no tools
    (
        CHAT,
        {"messages": [{"role": "user", "message": "a"}, {"role": "tool", "content": "b"}]},
        "messages.1.role",
    ),
    (
        CHAT,
        {"messages": [{"role": "user", "message": "a"}, calling(function={"name": "f"})]},
        "messages.1.tool_calls",
    ),
    (CHAT, {"messages": [{"role": "function", "content": "a"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"role": "bot", "content": "a"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"role": "user"}]}, "messages.0.content"),
    (CHAT, {"messages": [{"role": "user", "content": None}]}, "messages.0.content"),
    (CHAT, {"messages": [{"role": "user", "content": 1}]}, "messages.0.content"),
    (CHAT, {"messages": [{"role": "user", "content": []}]}, "messages.0.content"),
    (CHAT, {"messages": [{"role": "user", "content": ["a"]}]}, "messages.0.content.0"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages.0.content.0.type",
    ),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
        "messages.0.content.0.text",
    ),
    (CHAT, {"messages": [{"role": "user", "message": 1}]}, "messages.0.message"),
    (CHAT, {"messages": [{"role": "user", "message": ["a"]}]}, "messages.0.message"),
    (CHAT, {"messages": [{**USER, "tool_calls": [{}]}]}, "messages.0.tool_calls"),
    (CHAT, {"messages": [{**USER, "refusal": "a"}]}, "messages.0.refusal"),
    (CHAT, {"messages": [{**CALLS, "refusal": ["a"]}]}, "messages.0.refusal"),
    (CHAT, {"messages": [{**CALLS, "refusal": ""}]}, "messages.0.content"),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "a"}]}]},
        "messages.0.content.0.type",
    ),
    (
        CHAT,
        {"messages": [{**CALLS, "content": [{"type": "refusal", "text": "a"}]}]},
        "messages.0.content.0.refusal",
    ),
    (CHAT, {"messages": [{**USER, "partial": True}]}, "messages.0.partial"),
    # embeddings
    (EMBEDDINGS, {}, "input"),
    (EMBEDDINGS, {"input": ""}, "input"),
    (EMBEDDINGS, {"input": []}, "input"),
    (EMBEDDINGS, {"input": ["a", ""]}, "input.1"),
    (EMBEDDINGS, {"input": [[]]}, "input.0"),
    (EMBEDDINGS, {"input": [259]}, "input.0"),
    (EMBEDDINGS, {"input": {"a": 1}}, "input"),
    (EMBEDDINGS, {"input": "a" * 300_000}, "input"),
    (EMBEDDINGS, {"input": "a", "encoding_format": "hex"}, "encoding_format"),
    (EMBEDDINGS, {"input": "a", "dimensions": 9}, "dimensions"),
    (EMBEDDINGS, {"input": "a", "user": []}, "user"),
]


def check_refusal(client: FlaskClient, route: str, body: bytes, param: str | None) -> None:
    response = client.post(f"/v1/{route}", data=body, content_type="application/json")
    assert response.status_code == 400, response.text
    assert response.mimetype == "application/json"
    error = response.get_json()["error"]
    assert list(response.get_json()) == ["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param, error
    assert 0 < len(error["message"]) < 600
    good = client.post("/v1/completions", json={"prompt": "你好"})
    assert good.status_code == 200


@pytest.mark.parametrize(("body", "param"), NOT_JSON, ids=range(len(NOT_JSON)))
def test_not_json(client: FlaskClient, body: bytes, param: str | None) -> None:
    check_refusal(client, COMPLETIONS, body, param)


@pytest.mark.parametrize(("route", "fields", "param"), WRONG, ids=range(len(WRONG)))
def test_wrong_field(
    client: FlaskClient, engine: ScriptedEngine, route: str, fields: dict[str, Any], param: str
) -> None:
    check_refusal(client, route, json.dumps(fields).encode(), param)
    assert len(engine.requests) == 1, "only the good one was accepted"


@pytest.mark.parametrize("route", [COMPLETIONS, CHAT, EMBEDDINGS])
@pytest.mark.parametrize("stream", [True, False])
def test_refusals_come_before_a_stream(client: FlaskClient, route: str, stream: bool) -> None:
    response = client.post(f"/v1/{route}", json={"stream": stream})
    assert response.status_code == 400
    assert response.mimetype == "application/json"


def test_there_are_more_than_a_hundred() -> None:
    assert len(NOT_JSON) + len(WRONG) >= 100


def test_message_explains_windows_shells(client: FlaskClient) -> None:
    body = '{"prompt":"你好"}'.encode("gbk")
    response = client.post("/v1/completions", data=body, content_type="application/json")
    message = response.get_json()["error"]["message"]
    assert "Windows" in message and "UTF-8" in message and "Chinese" in message


def test_nesting_of_64_is_read(client: FlaskClient) -> None:
    body = b'{"prompt":"a","x":' + b"[" * 63 + b"]" * 63 + b"}"
    response = client.post("/v1/completions", data=body, content_type="application/json")
    assert response.status_code == 200


def test_brackets_in_strings_do_not_nest(client: FlaskClient) -> None:
    text = "[" * 500 + '\\"' + "{" * 500
    body = b'{"prompt":"' + text.encode() + b'"}'
    response = client.post("/v1/completions", data=body, content_type="application/json")
    assert response.status_code == 200


def test_odd_characters_are_text(client: FlaskClient, engine: ScriptedEngine) -> None:
    text = "a\x00b\u202e\uffff\U0010ffff😀\u2028"
    response = client.post("/v1/completions", json={"prompt": text, "prompt_template": "none"})
    assert response.status_code == 200
    assert engine.encoded[0][0] == text
