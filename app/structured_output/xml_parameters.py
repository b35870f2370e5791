"""Grammar rules of arguments as Qwen-coder models write them: each parameter between tags.

    <parameter=city>
    Hangzhou
    </parameter>

A string is written as it is, without quotes; a value of another type as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.schema_formats import format_to_pattern
from app.structured_output.schema_patterns import UnsupportedPattern, translate_pattern

_END = json.dumps("\n</parameter>\n")
#: Any text that a parser cannot take for the end of the value.
_ANY_TEXT = r"~/(.|\n)*<\/parameter>(.|\n)*/"
_MAX_REFERENCES = 16


def xml_parameter_rules(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Rules of a Lark grammar, the first one called `name`: the parameters of `schema`, in its
    order.

    Raises:
        InexactSchema: a string's schema could be kept only approximately.
    """
    properties = schema.get("properties")
    described: dict[str, Any] = dict(properties) if isinstance(properties, dict) else {}
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    for key in required or ():
        described.setdefault(str(key), {})
    parts = []
    for index, (key, node) in enumerate(described.items()):
        rule = f"{name}_{index}"
        parts.append(rule if key in (required or ()) else f"{rule}?")
        tag = json.dumps(f"<parameter={key}>\n")
        value = _string_terminal(_resolve(node, schema))
        if value is None:
            root = {word: schema[word] for word in ("$defs", "definitions") if word in schema}
            inner = {**root, **node} if isinstance(node, dict) else node
            yield f"{rule}: {tag} %json {json.dumps(inner)} {_END}"
        else:
            # The value ends where its end first stands, so both are one lexeme.
            yield f"{rule}: {tag} {rule}_value"
            yield f"{rule}_value[lazy]: {rule.upper()} {_END}"
            yield f"{rule.upper()}: {value}"
    yield f"{name}: {' '.join(parts) or json.dumps('')}"


def _string_terminal(node: object) -> str | None:
    """The terminal of a string's text; None: values of the schema are written as JSON."""
    if not isinstance(node, dict):
        return _ANY_TEXT
    values = [node["const"]] if "const" in node else node.get("enum")
    if isinstance(values, list) and values:
        if all(isinstance(value, str) for value in values):
            return " | ".join(json.dumps(value) for value in values)
        return None
    if node.get("type") != "string":
        return None if _may_be_other(node) else _ANY_TEXT
    node = dict(node)
    format_to_pattern(node)
    terminal = _ANY_TEXT
    if "minLength" in node or "maxLength" in node:
        low, high = node.get("minLength", 0), node.get("maxLength", "")
        terminal += f" & /(.|\\n){{{low},{high}}}/"
    if "pattern" in node:
        terminal += f" & /{_whole_pattern(node['pattern'])}/"
    return terminal


def _may_be_other(node: Mapping[str, Any]) -> bool:
    """Whether the schema says anything about the value, such as that it is no string."""
    return any(word in node for word in ("type", "anyOf", "oneOf", "allOf", "$ref", "properties"))


def _whole_pattern(pattern: object) -> str:
    """A pattern that whole texts match, with slashes escaped."""
    if not isinstance(pattern, str):
        raise InexactSchema("pattern must be a string")
    try:
        translated, _ = translate_pattern(pattern, in_json=False)
    except UnsupportedPattern as error:
        raise InexactSchema(f"a pattern with {error} is not supported") from None
    inner = translated.removeprefix("^")
    has_end = inner.endswith("$") and not inner.endswith("\\$")
    inner = inner[:-1] if has_end else inner
    if "|" in pattern and (inner != translated):
        raise InexactSchema("a pattern with an anchor beside | is not supported in this format")
    before = "" if translated.startswith("^") else r"(.|\n)*"
    after = "" if has_end else r"(.|\n)*"
    return f"{before}({inner}){after}".replace("\\/", "/").replace("/", "\\/")


def _resolve(node: object, root: Mapping[str, Any]) -> object:
    """What a $ref alone points to, or the node itself."""
    for _ in range(_MAX_REFERENCES):
        if not isinstance(node, dict) or not isinstance(target := node.get("$ref"), str):
            break
        place: object = root
        for part in target.removeprefix("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            place = place.get(key) if isinstance(place, dict) else None
        node = place
    return node
