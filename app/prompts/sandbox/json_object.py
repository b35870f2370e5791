"""JSON objects that templates write as the text they were read from.

A model wrote the text, token by token: written otherwise, the prompt would no longer begin with
the tokens that are in the cache.
"""

from __future__ import annotations

import json
from typing import Any


class JsonObject(dict[str, Any]):
    """A dictionary with the JSON text that spells it."""

    __slots__ = ("_text",)  # a template's `object.text` must be the key

    def __init__(self, items: dict[str, Any], text: str) -> None:
        super().__init__(items)
        self._text = text


def text_of(value: JsonObject) -> str:
    """The JSON text that it was read from."""
    return value._text


def dump_json(value: Any) -> str:
    """As `json.dumps` without ASCII escapes, but for these objects in it."""
    if not _has_text(value):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, JsonObject):
        return text_of(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(dump_json, value))}]"
    members = (f"{json.dumps(key, ensure_ascii=False)}: {dump_json(value[key])}" for key in value)
    return f"{{{', '.join(members)}}}"


def _has_text(value: Any) -> bool:
    """Whether one of these objects is in the value, where all keys around it are strings."""
    if isinstance(value, JsonObject):
        return True
    if isinstance(value, list | tuple):
        return any(map(_has_text, value))
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return any(map(_has_text, value.values()))
    return False
