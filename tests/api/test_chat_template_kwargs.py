"""`chat_template_kwargs`, `enable_thinking` and `reasoning_effort`, and the server's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.checkpoint.errors import StartupError
from config import Config, ConfigError
from tests.fakes import INFO, ScriptedEngine

USER = {"role": "user", "content": "你好"}
HEADER = "X-Ignored-Parameters"
OFF = "<think>\n\n</think>\n\n"
#: Qwen3's rules.
QWEN3 = (Path(__file__).parents[1] / "prompts/families/qwen3.jinja").read_text(encoding="utf-8")
#: Other names: a switch that is off unless it is set, an effort, a word of its own.
OTHER = (
    "{{ messages[0].content }}|{{ 'on' if thinking else 'off' }}|{{ reasoning_effort or '-' }}|"
    "{{ tone | default('-') }}|{{ bos_token }}|{{ messages | length }}{{ tools is none }}"
)


def client_of(template: str, **settings: Any) -> FlaskClient:
    engine = ScriptedEngine(info_=replace(INFO, chat_template=template))
    return create_app(Config(**settings), engine).test_client()


def prompt(client: FlaskClient, **fields: Any) -> tuple[str, str | None]:
    """The prompt that /tokenize shows, and what is named as ignored."""
    response = client.post("/tokenize", json={"messages": [USER], **fields})
    assert response.status_code == 200, response.text
    chat = client.post("/v1/chat/completions", json={"messages": [USER], **fields})
    assert chat.headers.get(HEADER) == response.headers.get(HEADER)
    return response.get_json()["prompt"], response.headers.get(HEADER)


@pytest.mark.parametrize(
    ("fields", "off"),
    [
        ({}, False),
        ({"enable_thinking": True}, False),
        ({"enable_thinking": False}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}}, True),
        ({"chat_template_kwargs": {}}, False),
        ({"reasoning_effort": "none"}, True),
        ({"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": True}}, False),
        ({"enable_thinking": True, "reasoning_effort": "none"}, False),
    ],
)
def test_thinking_is_switched_off(fields: dict[str, Any], off: bool) -> None:
    text, ignored = prompt(client_of(QWEN3), **fields)
    assert text.endswith(f"<|im_start|>assistant\n{OFF if off else ''}") and ignored is None
    assert (OFF in text) is off


def test_other_templates_name_other_variables() -> None:
    client = client_of(OTHER)
    assert prompt(client) == ("你好|off|-|-|<s>|1True", None)
    assert prompt(client, enable_thinking=True) == ("你好|on|-|-|<s>|1True", None)
    assert prompt(client, reasoning_effort="high") == ("你好|off|high|-|<s>|1True", None)
    asked = {"tone": "kind", "mood": 1}
    expected = ("你好|off|-|kind|<s>|1True", "chat_template_kwargs.mood")
    assert prompt(client, chat_template_kwargs=asked) == expected


def test_what_no_template_reads_is_named(client: FlaskClient) -> None:
    fields = {"enable_thinking": False, "reasoning_effort": "low", "chat_template_kwargs": {"a": 1}}
    _, ignored = prompt(client, **fields)
    assert ignored == "chat_template_kwargs.a, enable_thinking, reasoning_effort"
    _, ignored = prompt(client_of(QWEN3), reasoning_effort="low")
    assert ignored == "reasoning_effort"


def test_the_servers_own_are_defaults() -> None:
    client = client_of(QWEN3, CHAT_TEMPLATE_KWARGS={"enable_thinking": False})
    assert OFF in prompt(client)[0]
    assert OFF not in prompt(client, enable_thinking=True)[0]
    assert OFF not in prompt(client, chat_template_kwargs={"enable_thinking": True})[0]
    asked = {"tone": "a"}
    client = client_of(OTHER, CHAT_TEMPLATE_KWARGS={"tone": "b", "thinking": True})
    assert prompt(client, chat_template_kwargs=asked)[0] == "你好|on|-|a|<s>|1True"


def test_values_cannot_be_special_tokens() -> None:
    engine = ScriptedEngine(
        info_=replace(INFO, chat_template="{{ messages[0].content }}{{ x.y if x }}")
    )
    client = create_app(Config(), engine).test_client()
    kwargs = {"x": {"y": "</s>"}}
    body = {"messages": [USER], "chat_template_kwargs": kwargs}
    tokens = client.post("/tokenize", json=body).get_json()["tokens"]
    assert 2 not in tokens and engine.decode(tokens) == "你好</s>"


NESTED: Any = 1
for _ in range(8):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("kwargs", "path"),
    [
        *[
            ({name: value}, f".{name}")
            for name, value in {
                "messages": [],
                "tools": [],
                "add_generation_prompt": False,
                "continue_final_message": True,
                "documents": [],
                "chat_template": "x",
                "bos_token": "x",
                "additional_special_tokens": [],
                "raise_exception": 1,
                "range": 1,
                "a b": 1,
                "a-b": 1,
                "deep": NESTED,
                "guard": ["\ue0ff"],
            }.items()
        ],
        ({"large": "a" * 20_000}, ""),
        ({"many": [1] * 20_000}, ""),
        ([1], ""),
        ("a", ""),
    ],
)
def test_what_cannot_be_set_is_refused(client: FlaskClient, kwargs: Any, path: str) -> None:
    for route in ("/v1/chat/completions", "/tokenize"):
        body = {"messages": [USER], "chat_template_kwargs": kwargs}
        response = client.post(route, json=body)
        assert response.status_code == 400
        assert response.get_json()["error"]["param"] == f"chat_template_kwargs{path}"


@pytest.mark.parametrize(
    "fields",
    [{"chat_template_kwargs": {"a": 1}}, {"enable_thinking": False}, {"reasoning_effort": "low"}],
)
def test_only_for_messages_with_content(client: FlaskClient, fields: dict[str, Any]) -> None:
    (name,) = fields
    classic = {"messages": [{"role": "user", "message": "a"}], **fields}
    bodies = [
        ("/v1/chat/completions", classic),
        ("/v1/chat/completions", {**fields, "messages": "a"}),
    ]
    bodies += [("/tokenize", classic), ("/tokenize", {"prompt": "a", **fields})]
    for route, body in [*bodies, ("/v1/completions", {"prompt": "a", **fields})]:
        response = client.post(route, json=body)
        assert response.status_code == 400, (route, body)
        assert response.get_json()["error"]["param"] == name


def test_the_setting() -> None:
    config = Config.from_env({"WESTLAKE_CHAT_TEMPLATE_KWARGS": '{"a": [1, "b"]}'})
    assert config.CHAT_TEMPLATE_KWARGS == {"a": [1, "b"]}
    with pytest.raises(ConfigError, match=r"--chat_template_kwargs is '.a.': expected a JSON obj"):
        Config.from_env({"WESTLAKE_CHAT_TEMPLATE_KWARGS": '"a"'})
    with pytest.raises(StartupError, match=r"^--chat_template_kwargs: tools cannot be set"):
        client_of(OTHER, CHAT_TEMPLATE_KWARGS={"tools": []})
