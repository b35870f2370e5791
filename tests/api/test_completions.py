"""POST /v1/completions: shapes, defaults, prompts of every kind."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.request import GenerationRequest, SamplingParams
from config import Config
from tests.fakes import BOS, FIRST_BYTE, ScriptedEngine

HEAD = ["id", "object", "created", "model"]
TEMPLATED = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n    \n### Instruction:\n你好\n\n### Response: "
)


def complete(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/completions", json={"prompt": "你好", **fields})
    assert response.status_code == 200, response.text
    return response.get_json()


def sent(engine: ScriptedEngine) -> GenerationRequest:
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    return request


def test_contract_example(client: FlaskClient) -> None:
    response = client.post("/v1/completions", json={"prompt": "告诉我中国的首都在哪里"})
    assert response.content_type == "application/json; charset=utf-8"
    body = response.get_json()
    assert list(body) == [*HEAD, "choices", "usage", "system_fingerprint"]
    assert re.fullmatch(r"cmpl-[A-Za-z0-9]{22}", body["id"])
    assert body["object"] == "text_completion"
    assert body["model"] == "chinese-llama-alpaca"
    assert isinstance(body["created"], int)
    (choice,) = body["choices"]
    assert list(choice) == ["index", "text", "finish_reason", "logprobs"]
    assert choice["logprobs"] is None
    assert choice["index"] == 0
    assert choice["text"].startswith("答案0：")
    assert choice["finish_reason"] == "stop"
    usage = body["usage"]
    assert list(usage) == [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
    ]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == len(choice["text"].encode())
    assert "答案" in response.text, "Chinese goes out as itself"


def test_options_example(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, max_tokens=90, temperature=0.7, num_beams=1, top_k=40)
    request = sent(engine)
    assert request.max_tokens == 90
    assert request.default_max_tokens is None
    assert request.params == SamplingParams(temperature=0.7, top_k=40, top_p=0.75)


def test_defaults(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client)
    assert sent(engine) == GenerationRequest(
        prompts=sent(engine).prompts,
        params=SamplingParams(temperature=0.1, top_k=40, top_p=0.75),
        n=1,
        max_tokens=None,
        default_max_tokens=128,
        drop_leading_space=True,
    )


def test_null_is_not_given(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client)
    plain = sent(engine)
    names = "max_tokens temperature top_p top_k num_beams repetition_penalty do_sample stop n"
    names += " stream seed ignore_eos min_p model user prompt_template logit_bias logprobs echo"
    names += " best_of suffix presence_penalty frequency_penalty stream_options response_format"
    complete(client, **dict.fromkeys(names.split()))
    assert sent(engine) == plain


def test_every_field_reaches_the_engine(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(
        client,
        temperature=1,
        top_p=0,
        top_k=0,
        min_p=0.5,
        repetition_penalty=10,
        seed=-(2**63),
        n=3,
        stop=["。", "x" * 256],
        ignore_eos=True,
        max_tokens=7,
        presence_penalty=-2,
        frequency_penalty=1.5,
        logit_bias={"0": -100, "258": 2.5},
        logprobs=5,
    )
    request = sent(engine)
    assert request.params == SamplingParams(
        temperature=1.0,
        top_p=0.0,
        top_k=0,
        min_p=0.5,
        repetition_penalty=10.0,
        presence_penalty=-2.0,
        frequency_penalty=1.5,
        logit_bias=((0, -100.0), (258, 2.5)),
        seed=-(2**63),
        logprobs=5,
    )
    assert request.prompt_logprobs is None, "the prompt is not echoed"
    assert (request.n, request.stop, request.ignore_eos) == (3, ("。", "x" * 256), True)


def test_beams_reach_the_engine(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, num_beams=4, n=3)
    assert (sent(engine).num_beams, sent(engine).n) == (4, 3)
    complete(client, num_beams=4, echo=True, max_tokens=0)
    assert sent(engine).num_beams == 1, "beams of no tokens are none"


def test_do_sample_false_is_greedy(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, do_sample=False, temperature=1.5)
    assert sent(engine).params.temperature == 0
    assert sent(engine).params.greedy


def test_penalties_that_float32_cannot_divide_by(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    complete(client, repetition_penalty=5e-324)
    assert sent(engine).params.repetition_penalty == 1e-6


@pytest.mark.parametrize("stop", ["。", ["。"]])
def test_stop_as_text_or_list(client: FlaskClient, engine: ScriptedEngine, stop: object) -> None:
    engine.answer = lambda request, index: "一。二"
    assert complete(client, stop=stop)["choices"][0]["text"] == "一"
    assert sent(engine).stop == ("。",)


def test_empty_stop_list_is_not_given(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, stop=[])
    assert sent(engine).stop == ()


def test_max_tokens_ends_with_length(client: FlaskClient) -> None:
    body = complete(client, max_tokens=6)
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 6


def test_template_is_byte_exact(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client)
    assert engine.encoded == [(TEMPLATED, False)]


def test_template_none(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, prompt_template="none")
    assert engine.encoded == [("你好", False)]
    assert not sent(engine).drop_leading_space


@pytest.mark.parametrize(("asked", "text"), [(None, "你好"), ("alpaca", TEMPLATED)])
def test_server_without_template(engine: ScriptedEngine, asked: str | None, text: str) -> None:
    client = create_app(Config(PROMPT_TEMPLATE="none"), engine).test_client()
    complete(client, prompt_template=asked)
    assert engine.encoded == [(text, False)]


def test_template_keeps_braces_and_special_spellings(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    complete(client, prompt="{prompt} </s> {0}")
    text, allow_special = engine.encoded[0]
    assert text.count("{prompt} </s> {0}") == 1
    assert not allow_special


def test_token_ids_get_nothing(client: FlaskClient, engine: ScriptedEngine) -> None:
    complete(client, prompt=[5, 6, 7])
    assert sent(engine).prompts == ((5, 6, 7),)
    assert not sent(engine).drop_leading_space
    assert engine.encoded == []


def test_list_of_texts(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = complete(client, prompt=["a", "b"], prompt_template="none", n=2)
    assert sent(engine).prompts == ((BOS, FIRST_BYTE + ord("a")), (BOS, FIRST_BYTE + ord("b")))
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    texts = [choice["text"] for choice in body["choices"]]
    assert [text[:4] for text in texts] == ["答案0：", "答案1：", "答案2：", "答案3："]
    assert texts[0][4:] == texts[1][4:] != texts[2][4:], "n choices of one prompt stand together"
    assert body["usage"]["prompt_tokens"] == 4


def test_list_of_id_lists(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = complete(client, prompt=[[5], [6, 7]])
    assert sent(engine).prompts == ((5,), (6, 7))
    assert len(body["choices"]) == 2


def test_128_choices_are_served_and_129_are_not(client: FlaskClient) -> None:
    assert len(complete(client, prompt=["x"] * 16, n=8)["choices"]) == 128
    assert len(complete(client, prompt=["x"] * 128)["choices"]) == 128
    response = client.post("/v1/completions", json={"prompt": ["x"] * 17, "n": 8})
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == "n"


def test_equal_requests_equal_answers(client: FlaskClient) -> None:
    first, second = complete(client, seed=1), complete(client, seed=1)
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]


def test_no_op_values_are_accepted(client: FlaskClient) -> None:
    complete(
        client,
        logit_bias={},
        presence_penalty=0,
        frequency_penalty=0.0,
        echo=False,
        n=2,
        best_of=2,
        suffix="",
        num_beams=1,
        response_format={"type": "text"},
        metadata={"a": "b"},
        store=True,
        service_tier="auto",
        user="me",
    )


def test_model_name_of_the_server(engine: ScriptedEngine) -> None:
    client = create_app(Config(MODEL_NAME="my/alpaca"), engine).test_client()
    assert complete(client)["model"] == "my/alpaca"
    assert complete(client, model="my/alpaca")["model"] == "my/alpaca"
