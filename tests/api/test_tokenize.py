"""POST /tokenize and /detokenize."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.stats import EngineState
from config import Config
from tests.fakes import BOS, FIRST_BYTE, INFO, ScriptedEngine

USER = {"role": "user", "content": "你好"}
TOOL = {"type": "function", "function": {"name": "get_weather"}}


def tokenize(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/tokenize", json=fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    assert list(body) == ["tokens", "count", "max_model_len", "prompt"]
    assert body["count"] == len(body["tokens"]) and body["max_model_len"] == 2048
    return body


def refused(client: FlaskClient, path: str, **fields: Any) -> str:
    response = client.post(path, json=fields)
    assert response.status_code == 400, response.text
    param: str = response.get_json()["error"]["param"]
    return param


@pytest.mark.parametrize("template", ["alpaca", "none"])
def test_it_counts_what_a_completion_reads(client: FlaskClient, template: str) -> None:
    counted = tokenize(client, prompt="你好", prompt_template=template)
    answer = client.post("/v1/completions", json={"prompt": "你好", "prompt_template": template})
    assert answer.get_json()["usage"]["prompt_tokens"] == counted["count"]
    echo = {"prompt": "你好", "prompt_template": template, "echo": True, "max_tokens": 0}
    whole = client.post("/v1/completions", json=echo).get_json()
    assert whole["choices"][0]["text"] == counted["prompt"]


@pytest.mark.parametrize("template", [None, "{{ bos_token }}{{ messages[0].content }}</s>"])
def test_it_counts_what_a_chat_reads(
    client: FlaskClient, engine: ScriptedEngine, template: str | None
) -> None:
    engine.info_ = replace(INFO, chat_template=template)
    messages = [{**USER, "content": "你好</s>"}]
    counted = tokenize(client, messages=messages)
    answer = client.post("/v1/chat/completions", json={"messages": messages}).get_json()
    assert answer["usage"]["prompt_tokens"] == counted["count"]
    assert "你好</s>" in counted["prompt"] and "\ue0ff" not in counted["prompt"]


def test_a_text_alone(client: FlaskClient) -> None:
    counted = tokenize(client, prompt="a", prompt_template="none", foo=1)
    assert counted["tokens"] == [BOS, FIRST_BYTE + 97] and counted["prompt"] == "a"
    response = client.post("/detokenize", json={"tokens": counted["tokens"]})
    assert response.get_json() == {"prompt": "a"}


def test_a_continued_turn(client: FlaskClient) -> None:
    messages = [USER, {"role": "assistant", "content": "我"}]
    counted = tokenize(client, messages=messages, continue_final_message=True)
    assert counted["prompt"].endswith("### Response: 我")
    assert tokenize(client, messages=messages)["prompt"].endswith("### Response: ")


def test_more_than_fits_is_counted(client: FlaskClient) -> None:
    assert tokenize(client, prompt="a" * 5000)["count"] > 5000


def test_a_count_alone(client: FlaskClient) -> None:
    for fields in ({"prompt": "你好"}, {"messages": [USER]}):
        counted = tokenize(client, **fields, count_only=False)
        alone = client.post("/tokenize", json={**fields, "count_only": True})
        assert alone.get_json() == {"count": counted["count"], "max_model_len": 2048}
    assert refused(client, "/tokenize", prompt="a", count_only="yes") == "count_only"


def test_the_servers_own_template(engine: ScriptedEngine) -> None:
    client = create_app(
        Config(CHAT_TEMPLATE="chatml", PROMPT_TEMPLATE="none"), engine
    ).test_client()
    assert tokenize(client, prompt="a")["prompt"] == "a"
    rendered = "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n"
    assert tokenize(client, messages=[USER])["prompt"] == rendered


def test_ignored_fields_are_named(client: FlaskClient) -> None:
    response = client.post("/tokenize", json={"prompt": "a", "zeta": 1})
    assert response.headers["X-Ignored-Parameters"] == "zeta"
    response = client.post("/detokenize", json={"tokens": [], "eta": 1})
    assert response.headers["X-Ignored-Parameters"] == "eta"
    assert response.get_json() == {"prompt": ""}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "a", "messages": [USER]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "a", "prompt_template": "vicuna"}, "prompt_template"),
        ({"prompt": "a", "continue_final_message": True}, "continue_final_message"),
        ({"prompt": "a", "add_special_tokens": 0}, "add_special_tokens"),
        ({"messages": [USER], "add_special_tokens": True}, "add_special_tokens"),
        ({"prompt": "a", "return_token_strs": True}, "return_token_strs"),
        ({"prompt": "a" * 300_000}, "prompt"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [USER], "chat_template": "x"}, "chat_template"),
        ({"messages": [USER], "tools": [{}]}, "tools.0.type"),
        ({"prompt": "a", "tools": [TOOL]}, "tools"),
        ({"messages": "a", "tools": [TOOL]}, "tools"),
    ],
)
def test_tokenize_refuses(client: FlaskClient, fields: dict[str, Any], param: str) -> None:
    assert refused(client, "/tokenize", **fields) == param


@pytest.mark.parametrize(
    ("tokens", "param"),
    [
        (None, "tokens"),
        ("a", "tokens"),
        ([5, "a"], "tokens.1"),
        ([-1], "tokens.0"),
        ([5, 259], "tokens.1"),
    ],
)
def test_detokenize_refuses(client: FlaskClient, tokens: object, param: str) -> None:
    assert refused(client, "/detokenize", tokens=tokens) == param


def test_names_of_models_count(client: FlaskClient) -> None:
    for path, fields in (("/tokenize", {"prompt": "a"}), ("/detokenize", {"tokens": [5]})):
        assert client.post(path, json={**fields, "model": "gpt-4"}).status_code == 404


def test_nothing_while_the_model_loads(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.state = EngineState.LOADING
    response = client.post("/tokenize", json={"prompt": "a"})
    assert response.status_code == 503 and response.headers["Retry-After"]


@pytest.mark.parametrize("text", ["你好", "a", " a b", "</s> x", "x</s>", "<s>a"])
def test_a_texts_own_tokens(client: FlaskClient, text: str) -> None:
    """As clients that put ids together ask: no BOS, and no template around it."""
    counted = tokenize(client, prompt=text, add_special_tokens=False)
    assert counted["tokens"] == [FIRST_BYTE + byte for byte in text.encode()]
    assert counted["prompt"] == text
    with_bos = tokenize(client, prompt=text, add_special_tokens=True, prompt_template="none")
    assert with_bos["tokens"] == [BOS, *counted["tokens"]]


@pytest.mark.parametrize(("text", "token"), [("</s>", 2), ("<s>", 1), ("<unk>", 0)])
def test_the_ids_of_control_tokens_can_be_looked_up(
    client: FlaskClient, text: str, token: int
) -> None:
    assert tokenize(client, prompt=text, add_special_tokens=False)["tokens"] == [token]
    usual = tokenize(client, prompt=text, prompt_template="none")["tokens"]
    assert usual == [BOS, *(FIRST_BYTE + byte for byte in text.encode())], "text stays text"


def test_tokenizer_info(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.info_ = replace(INFO, chat_template="{{ messages[0].content }}")
    info = client.get("/tokenizer_info").get_json()
    assert (info["bos_token"], info["eos_token"]) == ("<s>", "</s>")
    assert info["chat_template"] == "{{ messages[0].content }}"
    assert (info["vocab_size"], info["model_max_length"]) == (259, 2048)
    engine.info_ = replace(INFO, bos_text="")
    assert client.get("/tokenizer_info").get_json()["bos_token"] is None
    keyed = create_app(Config(CHAT_TEMPLATE="chatml"), engine).test_client()
    assert "<|im_start|>" in keyed.get("/tokenizer_info").get_json()["chat_template"]
