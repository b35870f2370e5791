"""The routes and fields of the document, in one language, for the page at /docs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.openapi.document import Document
from app.openapi.examples import sample


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a request."""

    name: str
    values: str
    default: str
    classic_default: str
    meaning: str
    required: bool


@dataclass(frozen=True, slots=True)
class DocumentedResponse:
    """What a route may answer with."""

    kind: str  #: its content type
    name: str  #: of what it holds; "" for plain text
    sample: str


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One route."""

    path: str
    method: str
    summary: str
    fields: tuple[FieldRow, ...]
    refused: tuple[str, ...]
    without_effect: tuple[str, ...]
    example: str
    answers: tuple[DocumentedResponse, ...]
    errors: tuple[str, ...]


def describe_routes(document: Document, lang: str, *, chinese: bool) -> list[RouteEntry]:
    """Every route, in the document's order; its example in English where the served model was
    not made for Chinese."""
    suffix = "-zh" if lang.startswith("zh") else ""
    example = f"x-example{suffix}" if suffix and chinese else "example"
    return [
        _entry(document, path, method, operation, suffix, example)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _entry(
    document: Document,
    path: str,
    method: str,
    operation: dict[str, Any],
    suffix: str,
    example: str,
) -> RouteEntry:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = _resolved(document, content.get("schema", {}))
    properties: dict[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    responses = operation["responses"]
    answers = responses["200"]["content"].items()
    served = sorted(
        ((name, field) for name, field in properties.items() if "description" in field),
        key=lambda pair: pair[0] not in required,
    )
    return RouteEntry(
        path=path,
        method=method.upper(),
        summary=operation[f"x-summary{suffix}"] if suffix else operation["summary"],
        fields=tuple(_row(name, field, name in required, suffix) for name, field in served),
        refused=tuple(name for name, field in properties.items() if "x-refused" in field),
        without_effect=tuple(n for n, field in properties.items() if "x-without-effect" in field),
        example=json.dumps(content[example], ensure_ascii=False) if content else "",
        answers=tuple(_answer(document, kind, answer["schema"]) for kind, answer in answers),
        errors=tuple(status for status in responses if status != "200"),
    )


def _answer(document: Document, kind: str, schema: dict[str, Any]) -> DocumentedResponse:
    content = _content_schema(schema)
    name = _ref_name(content)
    if not name:
        return DocumentedResponse(kind, "", "")
    value = sample(document["components"]["schemas"], content)
    if content is schema:
        return DocumentedResponse(kind, name, json.dumps(value, ensure_ascii=False, indent=2))
    event = json.dumps(value, ensure_ascii=False)
    if "event" in schema["properties"]:
        return DocumentedResponse(kind, name, f"event: {value['type']}\ndata: {event}")
    return DocumentedResponse(kind, name, f"data: {event}\n\ndata: [DONE]")


def _row(name: str, field: dict[str, Any], required: bool, suffix: str) -> FieldRow:
    return FieldRow(
        name=name,
        values=" · ".join(dict.fromkeys(_values(field))),
        default=_literal(field.get("default")),
        classic_default=_literal(field.get("x-classic-default")),
        meaning=field[f"x-description{suffix}"] if suffix else field["description"],
        required=required,
    )


def _literal(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _values(field: dict[str, Any]) -> Iterator[str]:
    """What a field may be, in a few words."""
    if "enum" in field:
        yield from (str(value) for value in field["enum"] if value not in (None, ""))
    elif "type" not in field:
        for each in field["anyOf"]:
            yield from _values(each)
    else:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if kinds[0] == "array":
            yield from (f"[{inner}]" for inner in _values(field["items"]))
        elif kinds[0] != "null":
            yield kinds[0] + _range(field)


def _range(field: dict[str, Any]) -> str:
    if "exclusiveMinimum" in field:
        return f" > {field['exclusiveMinimum']:g} … {field['maximum']:g}"
    if "minimum" in field and "maximum" in field:
        return f" {field['minimum']:g} … {field['maximum']:g}"
    return f" ≥ {field['minimum']:g}" if "minimum" in field else ""


def _content_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """What an event of a stream carries; other schemas are what they say."""
    data = schema.get("properties", {}).get("data", {})
    text = data["anyOf"][0] if "anyOf" in data else data
    content: dict[str, Any] = text["contentSchema"] if text else schema
    return content


def _resolved(document: Document, schema: dict[str, Any]) -> dict[str, Any]:
    name = _ref_name(schema)
    resolved: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return resolved


def _ref_name(schema: dict[str, Any]) -> str:
    """The component that a schema is; of two, the first."""
    schema = schema["anyOf"][0] if "anyOf" in schema else schema
    return str(schema.get("$ref", "")).rpartition("/")[2]
