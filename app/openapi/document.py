"""Builds the OpenAPI document from the routes and their schemas, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema
from marshmallow.fields import Field

from app.api.route import Route
from app.api.sse_format import SseFormat
from app.openapi.response_schemas import ERROR_SCHEMAS
from app.openapi.routes import ROUTES
from app.protocol.api_family import ANTHROPIC_VERSION, api_family
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
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.request is None:
        return {"get": operation}
    content: dict[str, Any] = {"schema": route.request}
    if route.example is not None:
        content["example"] = route.example(_ENGLISH)
        content["x-example-zh"] = route.example(_CHINESE)
    operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return {"post": operation}


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    """Of the path, and the header that chooses the shape of the answer."""
    text = {"type": "string"}
    if "{" in route.path:
        name = route.path.partition("{")[2].partition("}")[0]
        yield {"name": name, "in": "path", "required": True, "schema": text}
    if route.anthropic_response is not None:
        yield {"name": ANTHROPIC_VERSION, "in": "header", "required": False, "schema": text}


def _responses(route: Route) -> dict[str, Any]:
    if route.response is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _schema(route.response, route)}}
    if route.chunk is not None:
        content["text/event-stream"] = {"schema": _event(route.chunk, route.sse_format)}
    responses: dict[str, Any] = {"200": {"description": "The answer", "content": content}}
    if route.path == "/ready":
        responses["503"] = {"description": "Not now", "content": content}
    error = {"application/json": {"schema": _error_schema(route)}}
    for status in route.errors:
        responses[str(status)] = {"description": "Refused or failed", "content": error}
    return responses


def _schema(response: type[Schema], route: Route) -> object:
    """Of an answer, which may have one of two shapes."""
    other = route.anthropic_response
    return response if other is None else {"anyOf": [response, other]}


def _error_schema(route: Route) -> object:
    if route.anthropic_response is not None:
        return {"anyOf": list(ERROR_SCHEMAS.values())}
    return ERROR_SCHEMAS[api_family(route.path, None)]


def _event(chunk: type[Schema], sse_format: SseFormat) -> dict[str, Any]:
    """A server-sent event that carries a chunk, with its type as its name, or without a name and
    with [DONE] as the last one."""
    reference = {"$ref": f"#/components/schemas/{_name(chunk)}"}
    data: dict[str, Any] = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": reference,
    }
    if sse_format.named:
        properties = {"event": {"type": "string"}, "data": data}
    else:
        properties = {"data": {"anyOf": [data, {"const": "[DONE]"}]}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _describe(schema: dict[str, Any], route: Route) -> None:
    """Add the meanings and defaults of a request's fields."""
    schema["additionalProperties"] = True  # ignored, and named in a header
    for name, field in schema["properties"].items():
        has_effect = not {"x-refused", "x-without-effect"} & set(field)
        if name in _ENGLISH.fields and has_effect:
            field["description"] = _ENGLISH.fields[name]
            field["x-description-zh"] = _CHINESE.fields[name]
        if route.defaults.get(name) is not None:
            field["default"] = route.defaults[name]
    for name, value in route.classic_defaults.items():
        if value != route.defaults[name]:
            schema["properties"][name]["x-classic-default"] = value
