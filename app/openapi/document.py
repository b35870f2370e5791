"""Builds the OpenAPI document from the schemas that read requests and those of answers.

Knows nothing about Flask or languages: every text is there in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema
from marshmallow.fields import Field

from app.api.chat_completions.request import ChatSchema
from app.api.completions.request import CompletionsSchema
from app.api.embeddings.request import EmbeddingsSchema
from app.openapi.examples import requests
from app.openapi.routes import ROUTES, Route
from app.openapi.small_replies import Error
from app.protocol.sampling import (
    CLASSIC_CHAT_DEFAULTS,
    COMPLETION_DEFAULTS,
    OPENAI_CHAT_DEFAULTS,
)
from app.translations import TRANSLATIONS

Document = dict[str, Any]

_TITLE = "Westlake"
_ENGLISH, _CHINESE = TRANSLATIONS["en"], TRANSLATIONS["zh-CN"]
_KEY = {"type": "http", "scheme": "bearer", "description": "Needed where the server has API keys"}
_NEUTRAL: Mapping[str, object] = {
    "min_p": 0,
    "num_beams": 1,
    "repetition_penalty": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "do_sample": True,
    "n": 1,
    "stream": False,
    "return_progress": False,
    "ignore_eos": False,
}
_COMPLETIONS = {**_NEUTRAL, **asdict(COMPLETION_DEFAULTS), "echo": False}
_CHAT = {**_NEUTRAL, **asdict(OPENAI_CHAT_DEFAULTS), "logprobs": False, "top_logprobs": 0}
_DEFAULTS: Mapping[type[Schema], Mapping[str, object]] = {
    CompletionsSchema: _COMPLETIONS,
    ChatSchema: _CHAT,
    EmbeddingsSchema: {"encoding_format": "float"},
}


def build_document() -> Document:
    """The whole document, but for `servers`."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    about = {"description": _ENGLISH.docs["about"]}
    spec = APISpec(_TITLE, "1", "3.1.0", plugins=[plugin], info=about)
    converter = plugin.converter
    assert converter is not None
    converter.add_attribute_function(_own_schema)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("key", _KEY)
    for route in ROUTES:
        if route.chunk is not None:
            spec.components.schema(_name(route.chunk), schema=route.chunk)
        spec.path(path=route.path, operations=_operations(route))
    document: Document = spec.to_dict()
    for route in ROUTES:
        if route.request is not None:
            _describe(document["components"]["schemas"][_name(route.request)], route.request)
    return document


def _name(schema: type[Schema] | Schema) -> str:
    """CompletionsSchema reads CompletionsRequest."""
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.replace("Schema", "Request")


def _own_schema(self: OpenAPIConverter, field: Field[Any], **kwargs: Any) -> dict[str, Any]:
    """Fields of ours say themselves what they may be; optional ones may be null."""
    describe = getattr(field, "json_schema", None)
    if describe is None:
        return {}
    schema: dict[str, Any] = describe()
    return schema if field.required else _or_null(schema)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def _operations(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": _ENGLISH.routes[route.path],
        "x-summary-zh": _CHINESE.routes[route.path],
        "responses": _responses(route),
        "security": [] if route.open else [{"key": []}, {}],
    }
    if "{" in route.path:
        name = route.path.partition("{")[2].partition("}")[0]
        text = {"type": "string"}
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": text}]
    if route.request is None:
        return {"get": operation}
    content = {
        "schema": route.request,
        "example": requests(_ENGLISH)[route.path],
        "x-example-zh": requests(_CHINESE)[route.path],
    }
    operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return {"post": operation}


def _responses(route: Route) -> dict[str, Any]:
    if route.answer is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": route.answer}}
    if route.chunk is not None:
        content["text/event-stream"] = {"schema": _event(route.chunk)}
    responses: dict[str, Any] = {"200": {"description": "The answer", "content": content}}
    if route.path == "/ready":
        responses["503"] = {"description": "Not now", "content": content}
    for status in route.errors:
        error = {"application/json": {"schema": Error}}
        responses[str(status)] = {"description": "Refused or failed", "content": error}
    return responses


def _event(chunk: type[Schema]) -> dict[str, Any]:
    """A server-sent event that carries a chunk; the last one carries [DONE] instead."""
    held = {"$ref": f"#/components/schemas/{_name(chunk)}"}
    text = {"type": "string", "contentMediaType": "application/json", "contentSchema": held}
    data = {"anyOf": [text, {"const": "[DONE]"}]}
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}


def _describe(schema: dict[str, Any], kind: type[Schema]) -> None:
    """Put meanings and defaults to a request's fields."""
    schema["additionalProperties"] = True  # ignored, and named in a header
    defaults = _DEFAULTS.get(kind, {})
    for name, field in schema["properties"].items():
        if name in _ENGLISH.fields and "x-refused" not in field:
            field["description"] = _ENGLISH.fields[name]
            field["x-description-zh"] = _CHINESE.fields[name]
        if defaults.get(name) is not None:
            field["default"] = defaults[name]
    if kind is ChatSchema:
        for name, value in asdict(CLASSIC_CHAT_DEFAULTS).items():
            if value != defaults[name]:
                schema["properties"][name]["x-classic-default"] = value
