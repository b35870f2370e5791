"""Builds the OpenAPI document from the routes and their schemas, in both languages."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema
from marshmallow.fields import Field

from app.api.route import Route
from app.openapi.response_schemas import Error
from app.openapi.routes import ROUTES
from app.translations import TRANSLATIONS

Document = dict[str, Any]

_TITLE = "Westlake"
_ENGLISH, _CHINESE = TRANSLATIONS["en"], TRANSLATIONS["zh-CN"]
_KEY = {"type": "http", "scheme": "bearer", "description": "Needed where the server has API keys"}


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
            _describe(document["components"]["schemas"][_name(route.request)], route)
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
        "security": [{"key": []}, {}] if route.needs_key else [],
    }
    if "{" in route.path:
        name = route.path.partition("{")[2].partition("}")[0]
        text = {"type": "string"}
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": text}]
    if route.request is None:
        return {"get": operation}
    content: dict[str, Any] = {"schema": route.request}
    if route.example is not None:
        content["example"] = route.example(_ENGLISH)
        content["x-example-zh"] = route.example(_CHINESE)
    operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return {"post": operation}


def _responses(route: Route) -> dict[str, Any]:
    if route.response is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": route.response}}
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
    reference = {"$ref": f"#/components/schemas/{_name(chunk)}"}
    text = {"type": "string", "contentMediaType": "application/json", "contentSchema": reference}
    data = {"anyOf": [text, {"const": "[DONE]"}]}
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}


def _describe(schema: dict[str, Any], route: Route) -> None:
    """Add the meanings and defaults of a request's fields."""
    schema["additionalProperties"] = True  # ignored, and named in a header
    for name, field in schema["properties"].items():
        if name in _ENGLISH.fields and "x-refused" not in field:
            field["description"] = _ENGLISH.fields[name]
            field["x-description-zh"] = _CHINESE.fields[name]
        if route.defaults.get(name) is not None:
            field["default"] = route.defaults[name]
    for name, value in route.classic_defaults.items():
        if value != route.defaults[name]:
            schema["properties"][name]["x-classic-default"] = value
