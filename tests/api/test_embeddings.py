"""POST /v1/embeddings: shapes, inputs of every kind, encodings."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.request import EmbeddingRequest
from tests.fakes import BOS, FIRST_BYTE, ScriptedEngine

A = (BOS, FIRST_BYTE + ord("a"))
B = (BOS, FIRST_BYTE + ord("b"))


def embed(client: FlaskClient, value: object, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/embeddings", json={"input": value, **fields})
    assert response.status_code == 200, response.text
    return response.get_json()


def numbers(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def test_contract_example(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = embed(client, "今天天气真不错")
    assert list(body) == ["object", "data", "model", "usage"]
    assert body["object"] == "list"
    assert body["model"] == "chinese-llama-alpaca"
    (item,) = body["data"]
    assert list(item) == ["object", "embedding", "index"]
    assert item["object"] == "embedding" and item["index"] == 0
    assert len(item["embedding"]) == 8
    tokens = 1 + len("今天天气真不错".encode())
    assert body["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert engine.encoded == [("今天天气真不错", False)], "no template"


@pytest.mark.parametrize(
    ("value", "inputs"),
    [
        ("a", (A,)),
        (["a"], (A,)),
        (["b", "a"], (B, A)),
        (list(A), (A,)),
        ([list(A), list(B)], (A, B)),
    ],
)
def test_one_item_for_each_input(
    client: FlaskClient, engine: ScriptedEngine, value: object, inputs: tuple[Any, ...]
) -> None:
    body = embed(client, value)
    assert engine.requests == [EmbeddingRequest(inputs)]
    assert [item["index"] for item in body["data"]] == list(range(len(inputs)))
    for item, ids in zip(body["data"], inputs, strict=True):
        assert item["embedding"] == numbers(engine.vector(ids))


def test_base64(client: FlaskClient, engine: ScriptedEngine) -> None:
    (item,) = embed(client, "a", encoding_format="base64")["data"]
    assert base64.b64decode(item["embedding"]) == engine.vector(A)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_dimensions_cut_and_rescale(
    client: FlaskClient, engine: ScriptedEngine, encoding: str
) -> None:
    (item,) = embed(client, "a", dimensions=3, encoding_format=encoding)["data"]
    given = item["embedding"]
    values = given if encoding == "float" else numbers(base64.b64decode(given))
    whole = numbers(engine.vector(A))[:3]
    length = math.sqrt(sum(value * value for value in whole))
    assert values == pytest.approx([value / length for value in whole], abs=1e-6)
    assert sum(value * value for value in values) == pytest.approx(1, abs=1e-6)


def test_all_dimensions_change_nothing(client: FlaskClient, engine: ScriptedEngine) -> None:
    (item,) = embed(client, "a", dimensions=8)["data"]
    assert item["embedding"] == numbers(engine.vector(A))


@pytest.mark.parametrize("dimensions", [0, 9, -1, "3", 2.5])
def test_dimensions_out_of_range(client: FlaskClient, dimensions: object) -> None:
    response = client.post("/v1/embeddings", json={"input": "a", "dimensions": dimensions})
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == "dimensions"


def test_2048_inputs_and_no_more(client: FlaskClient) -> None:
    assert len(embed(client, ["x"] * 2048, dimensions=1)["data"]) == 2048
    response = client.post("/v1/embeddings", json={"input": ["x"] * 2049})
    assert response.status_code == 400
    assert response.get_json()["error"]["param"] == "input"


def test_unknown_id_is_named(client: FlaskClient) -> None:
    for value, path in [([5, 259], "input.1"), ([[5], [6, 7, 2**62]], "input.1.2")]:
        error = client.post("/v1/embeddings", json={"input": value}).get_json()["error"]
        assert error["param"] == path


def test_model_and_ignored_fields(client: FlaskClient) -> None:
    response = client.post(
        "/v1/embeddings",
        json={"input": "a", "model": "chinese-llama-alpaca", "user": "me", "zz": 1, "a b": 2},
    )
    assert response.status_code == 200
    assert response.headers["X-Ignored-Parameters"] == "a%20b, zz"


def test_too_many_tokens_in_all(client: FlaskClient, engine: ScriptedEngine) -> None:
    fits = [[5] * 1_000] * 300
    assert client.post("/v1/embeddings", json={"input": fits}).status_code == 200
    response = client.post("/v1/embeddings", json={"input": [*fits, [5]]})
    assert response.status_code == 400
    error = response.get_json()["error"]
    assert error["param"] == "input" and "300001 tokens in all" in error["message"]
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("given", "param"),
    [([100_257], "input.0"), ([5, 39_442, 7], "input.1"), ([[5], [6, 259]], "input.1.1")],
)
def test_another_tokenizers_ids(client: FlaskClient, given: list[object], param: str) -> None:
    """LangChain sends OpenAI's ids unless told. Small ones cannot be told apart from ours."""
    error = client.post("/v1/embeddings", json={"input": given}).get_json()["error"]
    assert error["param"] == param
    assert "another tokenizer" in error["message"]
    assert "check_embedding_ctx_length=False" in error["message"]
