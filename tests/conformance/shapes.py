"""Holds bodies against the openai package's own types, strictly, and against /openapi.json.

Knows nothing about what a field means.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from jsonschema import Draft202012Validator
from openai import BaseModel
from openai.types import Completion, CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

OPENAI: dict[str, type[BaseModel]] = {
    "Completion": Completion,
    "CompletionChunk": Completion,
    "ChatCompletion": ChatCompletion,
    "ChatCompletionChunk": ChatCompletionChunk,
    "Embeddings": CreateEmbeddingResponse,
    "Model": Model,
}
#: Keys of ours that OpenAI does not have.
EXTENSIONS = {"root", "parent", "max_model_len"}


class Shapes:
    """One document's schemas beside OpenAI's types."""

    def __init__(self, document: dict[str, Any]) -> None:
        components = document["components"]
        self._own = {
            name: Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": components}
            )
            for name in components["schemas"]
        }

    def check(self, name: str, body: dict[str, Any]) -> None:
        """Raise unless `body` is what both say. For requests: what the document says."""
        self.check_own(name, body)
        if name in OPENAI:
            text = json.dumps(_as_typed(body, name))
            model = OPENAI[name].model_validate_json(text, strict=True)
            _no_extras(model)

    def check_own(self, name: str, body: dict[str, Any]) -> None:
        """Raise unless `body` is what the document says; classic answers are not OpenAI's."""
        self._own[name].validate(body)


def _as_typed(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The two places where OpenAI's own answers are wider than its types: a completion's
    chunk has no reason before its last, and an echoed prompt's first token no logprob."""
    if name not in ("Completion", "CompletionChunk"):
        return body
    body = copy.deepcopy(body)
    for choice in body["choices"]:
        if name == "CompletionChunk" and choice["finish_reason"] is None:
            choice["finish_reason"] = "stop"
        logprobs = choice.get("logprobs") or {}
        if "token_logprobs" in logprobs and logprobs["token_logprobs"][:1] == [None]:
            assert logprobs["top_logprobs"][0] is None
            logprobs["token_logprobs"][0], logprobs["top_logprobs"][0] = 0.0, {}
    return body


def _no_extras(value: object) -> None:
    if isinstance(value, BaseModel):
        extras = set(value.model_extra or {}) - EXTENSIONS
        assert not extras, f"{type(value).__name__} has no {extras}"
        for inner in dict(value).values():
            _no_extras(inner)
    elif isinstance(value, list):
        for inner in value:
            _no_extras(inner)
