"""Embeddings, models, tokens, errors, templates: shapes and meaning, against a real server."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import pytest

from app.prompts.template_selection import read_chat_template
from app.tokenizer.tokenizer import Tokenizer
from tests.conformance.asking import MESSAGES, PROMPT
from tests.conformance.serving import Serve
from tests.conformance.shapes import Shapes
from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client
from tests.harness.server import Server


@pytest.fixture(scope="module")
def renamed(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with aliases, a chat template from a file, and no template for completions,
    started in another folder."""
    folder = tmp_path_factory.mktemp("renamed")
    (folder / "own.jinja").write_text(read_chat_template("chatml") + "{# mine #}")
    front = ["--model_alias", "gpt-3.5-turbo,本地", "--prompt-template", "none"]
    template = ["--chat_template", "own.jinja"]
    with serve(template=template, front=front, folder=folder) as server:
        yield server


def test_embeddings(http: Client, shapes: Shapes) -> None:
    body = {"input": ["今天天气真不错", "杭州"]}
    whole = http.post(EMBEDDINGS, body).ok()
    shapes.check("Embeddings", whole)
    packed = http.post(EMBEDDINGS, {**body, "encoding_format": "base64"}).ok()
    shapes.check_own("Embeddings", packed)
    for plain, item in zip(whole["data"], packed["data"], strict=True):
        raw = base64.b64decode(item["embedding"])
        assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(plain["embedding"])
    shapes.check_own("EmbeddingsRequest", body)


def test_models(http: Client, shapes: Shapes) -> None:
    listed = http.get("/v1/models").ok()
    shapes.check_own("ModelList", listed)
    for model in listed["data"]:
        shapes.check("Model", model)
        shapes.check("Model", http.get(f"/v1/models/{model['id']}").ok())
    reply = http.get("/v1/models/gpt-4")
    assert reply.status == 404 and reply.error()["code"] == "model_not_found"
    assert "served: chinese-llama-alpaca" in reply.error()["message"]


def test_small_routes(http: Client, shapes: Shapes) -> None:
    shapes.check_own("Status", http.get("/health").ok())
    shapes.check_own("Readiness", http.get("/ready").ok())
    assert http.get("/docs").status == 200


@pytest.mark.parametrize("text", ["今天天气真不错", "Hello  world\n", "😀 Ωmega", " lead", "</s>"])
def test_tokens_and_back(http: Client, shapes: Shapes, tokenizer: Tokenizer, text: str) -> None:
    counted = http.post("/tokenize", {"prompt": text, "prompt_template": "none"}).ok()
    shapes.check_own("Tokenized", counted)
    assert tuple(counted["tokens"]) == tokenizer.encode(text)
    joined = http.post("/detokenize", {"tokens": counted["tokens"]}).ok()
    shapes.check_own("Detokenized", joined)
    assert joined["prompt"] == counted["prompt"] == text


def test_counts_are_those_of_an_answer(http: Client) -> None:
    for path, body in ((COMPLETIONS, PROMPT), (CHAT, MESSAGES)):
        usage = http.post(path, {**body, "max_tokens": 1}).ok()["usage"]
        assert http.post("/tokenize", body).ok()["count"] == usage["prompt_tokens"]


def test_aliases(renamed: Server) -> None:
    http = renamed.client
    names = ["chinese-llama-alpaca", "gpt-3.5-turbo", "本地"]
    assert [model["id"] for model in http.get("/v1/models").ok()["data"]] == names
    for name in names:
        answer = http.post(CHAT, {**MESSAGES, "model": name, "max_tokens": 2}).ok()
        assert answer["model"] == names[0]
    reply = http.post(CHAT, {**MESSAGES, "model": "gpt-4"})
    assert reply.status == 404 and ", ".join(names) in reply.error()["message"]


def test_templates_from_files(renamed: Server) -> None:
    http = renamed.client
    counted = http.post("/tokenize", MESSAGES).ok()
    assert counted["prompt"] == (
        "<|im_start|>user\n介绍一下西湖<|im_end|>\n<|im_start|>assistant\n"
    )
    usage = http.post(CHAT, {**MESSAGES, "max_tokens": 1}).ok()["usage"]
    assert usage["prompt_tokens"] == counted["count"]
    assert http.post("/tokenize", {"prompt": "西湖"}).ok()["prompt"] == "西湖"
    echoed = http.post(COMPLETIONS, {"prompt": "西湖", "echo": True, "max_tokens": 0}).ok()
    assert echoed["choices"][0]["text"] == "西湖"
