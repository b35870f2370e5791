"""/openapi.json: it names the routes there are, and says of every field what the server does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from app import create_app
from app.openapi.document import build_document
from app.translations import TRANSLATIONS
from config import Config
from tests.fakes import ScriptedEngine

DOCUMENT = build_document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
MESSAGE: list[Any] = [{"role": "user", "content": "a"}]
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "/v1/completions": ("CompletionsRequest", {"prompt": "a"}),
    "/v1/chat/completions": ("ChatRequest", {"messages": "a"}),
    "/v1/messages": ("MessagesRequest", {"messages": MESSAGE, "max_tokens": 100}),
    "/v1/messages/count_tokens": ("CountTokensRequest", {"messages": MESSAGE}),
    "/v1/embeddings": ("EmbeddingsRequest", {"input": "a"}),
    "/tokenize": ("TokenizeRequest", {"prompt": "a"}),
    "/detokenize": ("DetokenizeRequest", {"tokens": [5]}),
}
PROBES: list[Any] = [None, True, False, "", "a", "none", "base64", "x" * 257, 0, 1, 5, 6, 9, 21, -1]
PROBES += [-3, 0.5, 1.5, 2.5, 10.5, 2**40, [], ["a"], ["a"] * 5, [5], [-1], [[5]], [5, "a"], {}]
PROBES += [{"5": 1}, {"5": 101}, {"a": 1}, {"type": "text"}, {"include_usage": True}, ["text"]]
PROBES += [
    [{"role": "user", "content": "a"}],
    [{"role": "bot", "content": "a"}],
    [{"role": "user"}],
]
#: What goes with a field, so that only its own value counts.
COMPANY = {
    "stream_options": {"stream": True},
    "top_logprobs": {"logprobs": True},
    "best_of": {"n": None},
    "max_tokens": {"echo": True},
    "max_completion_tokens": {},
    "tools": {"messages": [{"role": "user", "content": "a"}]},
}
#: Fields of chat templates: for messages with `content`.
OF_TEMPLATES = (
    *("chat_template_kwargs", "enable_thinking", "reasoning_effort"),
    *("thinking_budget", "thinking_token_budget", "reasoning_budget"),
)


def company(path: str, name: str) -> dict[str, Any]:
    if name in OF_TEMPLATES and path != "/v1/completions":
        return {"messages": [{"role": "user", "content": "a"}], "prompt": None}
    return COMPANY.get(name, {})


def test_its_schemas_are_schemas() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_it_names_the_routes_there_are(app: Flask, client: FlaskClient) -> None:
    served = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if not path.startswith(("/static/", "/playground/")) and path != "/":
                served.add((path, method.lower()))
    served -= {("/openapi.json", "get"), ("/docs", "get")}
    document = client.get("/openapi.json").get_json()
    assert {(p, method) for p, methods in document["paths"].items() for method in methods} == served
    assert document["servers"] == [{"url": "/"}]


def test_it_lies_under_the_servers_path(engine: ScriptedEngine) -> None:
    client = create_app(Config(BASE_PATH="/llm"), engine).test_client()
    assert client.get("/llm/openapi.json").get_json()["servers"] == [{"url": "/llm"}]


@pytest.mark.parametrize("path", REQUESTS)
def test_every_field_means_something(path: str) -> None:
    for name, field in SCHEMAS[REQUESTS[path][0]]["properties"].items():
        marked = "x-refused" in field or "x-without-effect" in field
        told = (field.get("description"), field.get("x-description-zh"))
        assert marked or told == tuple(TRANSLATIONS[lang].fields[name] for lang in ("en", "zh-CN"))


@pytest.mark.parametrize("path", REQUESTS)
def test_every_field_takes_what_the_document_says(client: FlaskClient, path: str) -> None:
    """Each field with each probe: refused by name exactly where the document does."""
    schema, body = REQUESTS[path]
    properties = SCHEMAS[schema]["properties"]
    required = SCHEMAS[schema].get("required", [])
    tried = 0
    for name, field in properties.items():
        validator = Draft202012Validator(field)
        for probe in PROBES:
            if (path, name) == ("/tokenize", "messages") or name == "model" or probe == 2**40:
                continue  # not both; a name that is not served; more than fits
            response = client.post(path, json={**body, **company(path, name), name: probe})
            error = response.get_json(silent=True) if response.status_code == 400 else None
            refused = error is not None and _refused_field(error).split(".")[0] == name
            valid = validator.is_valid(probe) and not (probe is None and name in required)
            if (name, probe) in _BY_CONTEXT:
                continue
            assert refused is not valid, (name, probe, response.text[:300])
            tried += 1
    assert tried > 30


def _refused_field(body: dict[str, Any]) -> str:
    """The path in an error; Anthropic's shape has it in the message alone."""
    error = body["error"]
    path: str | None = error["param"] if "param" in error else error["message"].partition(":")[0]
    return path or ""


#: Right for themselves, wrong beside the other fields of the request.
_BY_CONTEXT: list[tuple[str, Any]] = [
    ("continue_final_message", True),
    ("add_generation_prompt", False),
    ("prompt", ""),
    ("prompt", None),
    ("dimensions", 9),
    ("dimensions", 21),
]


@pytest.mark.parametrize("path", REQUESTS)
def test_examples_are_answered_as_described(client: FlaskClient, path: str) -> None:
    operation = DOCUMENT["paths"][path]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    resolver = {"$ref": content["schema"]["$ref"], "components": DOCUMENT["components"]}
    example = {"tokens": [1, 30]} if path == "/detokenize" else content["example"]
    Draft202012Validator(resolver).validate(example)
    if path != "/detokenize":
        Draft202012Validator(resolver).validate(content["x-example-zh"])
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    response = client.post(path, json=example)
    Draft202012Validator({**answer, "components": DOCUMENT["components"]}).validate(
        response.get_json()
    )
    wrong = client.post(path, json={})
    assert str(wrong.status_code) in operation["responses"]
    name = "AnthropicError" if path.startswith("/v1/messages") else "Error"
    error = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    Draft202012Validator(error).validate(wrong.get_json())
