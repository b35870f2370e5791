"""Tool turns in a conversation's history: accepted, and told to the model."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fakes import ScriptedEngine

USER = {"role": "user", "content": "杭州天气如何？"}
ARGUMENTS = '{"city": "杭州", "days": 2}'


def called(arguments: object = ARGUMENTS, **message: object) -> dict[str, object]:
    """The assistant calls one function."""
    function = {"name": "get_weather", "arguments": arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call], **message}


def result(text: str = "晴，21 度") -> dict[str, object]:
    """What the function gave back."""
    return {"role": "tool", "tool_call_id": "call_1", "content": text}


def chat(client: FlaskClient, *messages: object, **fields: object) -> Any:
    return client.post("/v1/chat/completions", json={"messages": list(messages), **fields})


def test_calls_and_results_reach_the_model(client: FlaskClient, engine: ScriptedEngine) -> None:
    answer = chat(client, USER, called(), result())
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["choices"][0]["message"]["role"] == "assistant"
    text = engine.encoded[-1][0]
    assert "### Instruction:\n杭州天气如何？\n\n### Response: <tool_call>\n" in text
    assert '{"name": "get_weather", "arguments": {"city": "杭州", "days": 2}}' in text
    assert "### Instruction:\n<tool_response>\n晴，21 度\n</tool_response>\n\n" in text


def test_what_was_said_stands_before_what_was_called(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    assert chat(client, USER, called(content="我查一下。"), result()).status_code == 200
    assert "### Response: 我查一下。\n<tool_call>\n" in engine.encoded[-1][0]


def test_results_in_a_row_and_a_question_are_one_turn(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    again = {"role": "user", "content": "那明天呢？"}
    assert chat(client, USER, called(), result("一"), result("二"), again).status_code == 200
    text = engine.encoded[-1][0]
    assert text.count("### Instruction:") == 2
    assert "一\n</tool_response>\n\n<tool_response>\n二\n</tool_response>\n\n那明天呢？" in text


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("", "{}"),
        (" ", "{}"),
        (None, "{}"),
        ("{}", "{}"),
        ({"city": "杭州"}, '{"city": "杭州"}'),
        # What is no JSON object is shown as the model wrote it.
        ("杭州", '"杭州"'),
        ("[1]", '"[1]"'),
        ('{"a": ', '"{\\"a\\": "'),
        ('{"a": NaN}', '"{\\"a\\": NaN}"'),
        ('{"a": "\\ud800"}', '"{\\"a\\": \\"\\\\ud800\\"}"'),
        ("[" * 100_000, '"' + "[" * 100_000 + '"'),
    ],
)
def test_arguments(
    client: FlaskClient, engine: ScriptedEngine, arguments: object, shown: str
) -> None:
    answer = client.post("/tokenize", json={"messages": [USER, called(arguments)]})
    assert answer.status_code == 200, answer.text
    assert f'"arguments": {shown}}}\n</tool_call>' in answer.get_json()["prompt"]


def test_null_beside_no_call_is_still_refused(client: FlaskClient) -> None:
    for calls in ([], None):
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        answer = chat(client, USER, message)
        assert answer.status_code == 400
        assert answer.get_json()["error"]["param"] == "messages.1.content"


def test_calls_cannot_be_gone_on_with(client: FlaskClient) -> None:
    answer = chat(client, USER, called(), continue_final_message=True)
    assert answer.get_json()["error"]["param"] == "continue_final_message"


def test_the_classic_dialect_refuses_by_name(client: FlaskClient) -> None:
    answer = chat(client, {"role": "user", "message": "一"}, called())
    error = answer.get_json()["error"]
    assert (answer.status_code, error["param"]) == (400, "messages.1.tool_calls")
    assert "content" in error["message"]
