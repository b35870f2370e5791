"""Tools on /v1/chat/completions: calls in answers and streams, and which tools are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.api.test_reasoning import QWEN3
from tests.event_stream import read_events
from tests.fakes import INFO, ScriptedEngine

USER = {"role": "user", "content": "杭州天气如何？"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "天气",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>'
NOW_CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
ARGUMENTS = '{"city": "杭州"}'


def chat(client: FlaskClient, **fields: Any) -> Any:
    body = {"messages": [USER], "tools": [WEATHER, NOW], **fields}
    return client.post("/v1/chat/completions", json=body)


def answered(client: FlaskClient, engine: ScriptedEngine, text: str, **fields: Any) -> Any:
    """The one choice of a whole answer."""
    engine.answer = lambda request, index: text
    response = chat(client, **fields)
    assert response.status_code == 200, response.text
    return response.get_json()["choices"][0]


def streamed(client: FlaskClient, engine: ScriptedEngine, text: str, **fields: Any) -> list[Any]:
    """The choices of a stream's chunks."""
    engine.answer = lambda request, index: text
    response = chat(client, stream=True, **fields)
    events = read_events(response.data)
    assert response.status_code == 200 and events.done
    return [choice for chunk in events.chunks for choice in chunk["choices"]]


def joined(choices: list[Any]) -> dict[str, Any]:
    """A stream's chunks put together, as the SDKs do it."""
    message: dict[str, Any] = {"content": None, "tool_calls": []}
    for choice in choices:
        delta = choice["delta"]
        if delta.get("content") is not None:
            message["content"] = (message["content"] or "") + delta["content"]
        for piece in delta.get("tool_calls", []):
            if "id" in piece:
                assert piece["index"] == len(message["tool_calls"])
                assert piece["type"] == "function" and piece["id"].startswith("call_")
                assert piece["function"]["arguments"] == ""
                message["tool_calls"].append([piece["function"]["name"], ""])
            else:
                assert set(piece) == {"index", "function"} and piece["function"]["arguments"]
                message["tool_calls"][piece["index"]][1] += piece["function"]["arguments"]
    return {**message, "finish_reason": choices[-1]["finish_reason"]}


def test_a_call(client: FlaskClient, engine: ScriptedEngine) -> None:
    choice = answered(client, engine, CALL)
    (call,) = choice["message"].pop("tool_calls")
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": None}
    assert choice["finish_reason"] == "tool_calls"
    assert call.pop("id").startswith("call_")
    function = {"name": "get_weather", "arguments": ARGUMENTS}
    assert call == {"type": "function", "function": function}


def test_text_and_two_calls(client: FlaskClient, engine: ScriptedEngine) -> None:
    choice = answered(client, engine, f"我查一下。\n{CALL}\n{NOW_CALL}")
    first, second = choice["message"]["tool_calls"]
    assert choice["message"]["content"] == "我查一下。"
    assert first["id"] != second["id"]
    assert [first["function"]["name"], second["function"]["name"]] == ["get_weather", "now"]


def test_an_answer_without_calls(client: FlaskClient, engine: ScriptedEngine) -> None:
    choice = answered(client, engine, "晴天。")
    message = {"role": "assistant", "content": "晴天。", "refusal": None}
    assert (choice["message"], choice["finish_reason"]) == (message, "stop")


def test_a_stream_is_openai_s(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.bytes_per_event = 20
    choices = streamed(client, engine, CALL)
    deltas = [choice["delta"] for choice in choices]
    assert deltas[0] == {"role": "assistant", "content": None}
    (begin,) = deltas[1]["tool_calls"]
    function = {"name": "get_weather", "arguments": ""}
    assert begin == {"index": 0, "id": begin["id"], "type": "function", "function": function}
    assert deltas[2] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "'}}]}
    assert len(deltas) > 4 and deltas[-1] == {}
    assert [choice["finish_reason"] for choice in choices[-2:]] == [None, "tool_calls"]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "text",
    [CALL, f"查。{CALL} 好 {NOW_CALL}", "晴 <tool", f"{CALL[:-12]}", "<tool_call>no", CALL * 2],
)
def test_streamed_is_whole(
    client: FlaskClient, engine: ScriptedEngine, text: str, size: int
) -> None:
    engine.bytes_per_event = size
    whole = answered(client, engine, text)
    message = whole["message"]
    functions = [call["function"] for call in message.get("tool_calls", [])]
    assert joined(streamed(client, engine, text)) == {
        "content": message["content"],
        "tool_calls": [[function["name"], function["arguments"]] for function in functions],
        "finish_reason": whole["finish_reason"],
    }


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_max_tokens_cuts(
    client: FlaskClient, engine: ScriptedEngine, stream: bool
) -> None:
    limit = len(CALL[: CALL.index("杭州")].encode()) + 3
    if stream:
        message = joined(streamed(client, engine, CALL, max_tokens=limit))
        assert message["tool_calls"] == [["get_weather", '{"city": "杭']]
        assert message["finish_reason"] == "length"
    else:
        choice = answered(client, engine, CALL, max_tokens=limit)
        (call,) = choice["message"]["tool_calls"]
        assert call["function"]["arguments"] == '{"city": "杭'
        assert choice["finish_reason"] == "length"


@pytest.mark.parametrize("fields", [{"stop": ["州"]}, {}])
def test_a_call_in_which_the_answer_ends_is_not_to_be_executed(
    client: FlaskClient, engine: ScriptedEngine, fields: dict[str, Any]
) -> None:
    text = CALL if fields else CALL[: CALL.index("州")]
    choice = answered(client, engine, f"{NOW_CALL}{text}", **fields)
    assert choice["finish_reason"] == "stop"
    calls = [call["function"]["arguments"] for call in choice["message"]["tool_calls"]]
    assert calls == ["{}", '{"city": "杭']


def test_one_call_at_most(client: FlaskClient, engine: ScriptedEngine) -> None:
    text = f"查。{CALL}{NOW_CALL}再见"
    choice = answered(client, engine, text, parallel_tool_calls=False)
    assert choice["message"]["content"] == "查。"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["get_weather"]
    message = joined(streamed(client, engine, text, parallel_tool_calls=False))
    assert (message["content"], len(message["tool_calls"])) == ("查。", 1)
    assert (
        len(answered(client, engine, text, parallel_tool_calls=True)["message"]["tool_calls"]) == 2
    )


def test_each_choice_has_calls_of_its_own(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: [CALL, "晴。", NOW_CALL][index]
    choices = chat(client, n=3).get_json()["choices"]
    assert [choice["finish_reason"] for choice in choices] == ["tool_calls", "stop", "tool_calls"]
    events = read_events(chat(client, n=3, stream=True).data)
    chunks = [choice for chunk in events.chunks for choice in chunk["choices"]]
    parts = [joined([choice for choice in chunks if choice["index"] == i]) for i in range(3)]
    assert [part["tool_calls"] for part in parts] == [
        [["get_weather", ARGUMENTS]],
        [],
        [["now", "{}"]],
    ]


def test_every_token_has_its_logprob(client: FlaskClient, engine: ScriptedEngine) -> None:
    text = f"查。{CALL}"
    count = len(text.encode())
    whole = answered(client, engine, text, logprobs=True)
    assert len(whole["logprobs"]["content"]) == count
    choices = streamed(client, engine, text, logprobs=True)
    logprobs = [choice["logprobs"]["content"] for choice in choices if choice.get("logprobs")]
    assert [entry for part in logprobs for entry in part] == whole["logprobs"]["content"]


def test_tools_are_shown_to_the_model(client: FlaskClient, engine: ScriptedEngine) -> None:
    answered(client, engine, "好")
    assert '"name": "get_weather"' in engine.encoded[-1][0]
    assert '"description": "天气"' in engine.encoded[-1][0]
    response = client.post("/tokenize", json={"messages": [USER], "tools": [WEATHER, NOW]})
    assert response.get_json()["prompt"] == engine.encoded[-1][0]


def test_none_shows_no_tools_and_finds_no_calls(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    choice = answered(client, engine, CALL, tool_choice="none")
    assert "get_weather" not in engine.encoded[-1][0]
    assert choice["finish_reason"] == "stop" and "tool_calls" not in choice["message"]
    assert choice["message"]["content"] == CALL[len("<tool_call>") : -len("</tool_call>")]


def test_only_allowed_tools_are_shown_and_called(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    named = [{"type": "function", "function": {"name": "now"}}]
    allowed = {"mode": "auto", "tools": named}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    message = answered(client, engine, CALL + NOW_CALL, tool_choice=choice)["message"]
    assert "get_weather" not in engine.encoded[-1][0]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["now"]
    assert json.loads(message["content"])["name"] == "get_weather"


def test_what_could_not_be_parsed_is_counted(client: FlaskClient, engine: ScriptedEngine) -> None:
    answered(client, engine, f"{CALL}{CALL.replace('get_weather', 'fly')}")
    answered(client, engine, "<tool_call>fly</tool_call>")
    metrics = client.get("/metrics").text
    assert 'westlake_tool_calls_total{outcome="parsed"} 1.0' in metrics
    assert 'westlake_tool_calls_total{outcome="unparsed"} 2.0' in metrics


@pytest.mark.parametrize(
    ("setting", "template", "text"),
    [
        ("mistral", None, f"[TOOL_CALLS]get_weather[ARGS]{ARGUMENTS}"),
        ("llama3_json", None, '{"name": "get_weather", "parameters": ' + ARGUMENTS + "}"),
        ("json", None, '{"name": "get_weather", "arguments": ' + ARGUMENTS + "}"),
        ("qwen3_coder", None, "<function=get_weather><parameter=city>杭州</parameter></function>"),
        (
            None,
            "[TOOL_CALLS]",
            f'[TOOL_CALLS][{{"name": "get_weather", "arguments": {ARGUMENTS}}}]',
        ),
        # Such a template shows no tools: our own text asks for Hermes' form.
        (None, "{# [TOOL_CALLS] #}", CALL),
    ],
)
def test_the_format_is_the_setting_s_or_the_template_s(
    setting: str | None, template: str | None, text: str
) -> None:
    shown = "" if template and "{#" in template else "{{ tools | tojson }}"
    source = template and f"{template}{shown}{{{{ messages[-1].content }}}}"
    engine = ScriptedEngine()
    special = ("[TOOL_CALLS]", *INFO.special_texts[1:])
    engine.info_ = replace(INFO, chat_template=source, special_texts=special)
    client = create_app(Config(TOOL_PARSER=setting), engine).test_client()
    message = answered(client, engine, text)["message"]
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "杭州"}
    request = engine.requests[-1]
    shown_texts = request.shown_special_texts
    assert ("[TOOL_CALLS]" in shown_texts) == ("TOOL_CALLS" in text)


def test_no_tags_are_shown_without_tools(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: CALL
    body = chat(client, tools=[]).get_json()
    assert body["choices"][0]["message"]["content"] == CALL
    assert engine.requests[-1].shown_special_texts == ()


def test_calls_after_thinking() -> None:
    template = "{{ tools | tojson }}<tool_call>" + QWEN3
    engine = ScriptedEngine(info_=replace(INFO, chat_template=template))
    client = create_app(Config(), engine).test_client()
    text = f"<think>\n我要<tool_call>。\n</think>\n\n{CALL}"
    choice = answered(client, engine, text)
    message = choice["message"]
    assert message["reasoning_content"] == "我要<tool_call>。" and message["content"] is None
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [ARGUMENTS]
    chunks = streamed(client, engine, text)
    thinking = "".join(chunk["delta"].get("reasoning_content", "") for chunk in chunks)
    assert thinking == message["reasoning_content"]
    assert joined(chunks)["tool_calls"] == [["get_weather", ARGUMENTS]]
    assert chunks[-1]["finish_reason"] == choice["finish_reason"] == "tool_calls"
