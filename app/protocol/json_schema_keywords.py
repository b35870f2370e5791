"""Keys of a client's JSON schema that are not keywords: reported as ignored, and removed where the
grammar library would read them as options.

A keyword that is known but not supported is refused, in app/structured_output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.structured_output.schema_formats import FORMATS
from app.structured_output.schema_traversal import nodes

#: llguidance's key, and the names of the options it may hold (its JsonCompileOptions), which
#: other versions and servers read beside the schema's keywords.
_STEERING = frozenset(
    (
        "coerce_one_of",
        "item_separator",
        "json_allow_general_unicode_escapes",
        "json_allowed_escapes",
        "key_separator",
        "lenient",
        "retriever",
        "whitespace_flexible",
        "whitespace_pattern",
    )
)
#: Of all drafts, with those that say nothing about what is valid.
_KEYWORDS = frozenset(
    """
    $anchor $comment $defs $dynamicAnchor $dynamicRef $id $recursiveAnchor $recursiveRef $ref
    $schema $vocabulary additionalItems additionalProperties allOf anyOf const contains
    contentEncoding contentMediaType contentSchema default definitions dependencies
    dependentRequired dependentSchemas deprecated description else enum example examples
    exclusiveMaximum exclusiveMinimum format id if items maxContains maxItems maxLength
    maxProperties maximum minContains minItems minLength minProperties minimum multipleOf not
    oneOf pattern patternProperties prefixItems properties propertyNames readOnly required then
    title type unevaluatedItems unevaluatedProperties uniqueItems writeOnly
    """.split()
)
_PREFIXES = ("x-guidance", "x-llguidance")


def unread_keywords(schema: Mapping[str, Any]) -> Iterator[str]:
    """The dotted path of each such key, and of each format that JSON Schema does not define,
    at every depth, except extensions ("x-…"). A property may have any name."""
    for path, node in nodes(schema):
        for key, value in node.items():
            unknown = key not in _KEYWORDS and not key.startswith("x-")
            if unknown or _steers(key) or (key == "format" and _is_foreign(value)):
                yield ".".join((*path, key))


def without_steering(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without them; the given one stays as it is."""
    copy: dict[str, Any] = _copied(schema)
    for _, node in nodes(copy):
        for key in [key for key in node if _steers(key)]:
            del node[key]
    return copy


def _is_foreign(name: object) -> bool:
    return isinstance(name, str) and name not in FORMATS


def _steers(key: str) -> bool:
    return key in _STEERING or key.lower().startswith(_PREFIXES)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
