"""What the content blocks of a request may be, for the API's description."""

from __future__ import annotations

from app.protocol.fields import JsonSchema

_STRING: JsonSchema = {"type": "string"}
_NAME: JsonSchema = {"type": "string", "minLength": 1}


def _block(kind: str, required: dict[str, JsonSchema], **optional: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **required, **optional},
        "required": ["type", *required],
    }


_TEXT = _block("text", {"text": _STRING})
_RESULT_PARTS: JsonSchema = {
    "type": "array",
    "items": {"anyOf": [_TEXT, _block("tool_reference", {"tool_name": _STRING})]},
}
_TOOL_RESULT = _block(
    "tool_result",
    {"tool_use_id": _NAME},
    content={"anyOf": [{"type": ["string", "null"]}, _RESULT_PARTS]},
    is_error={"type": ["boolean", "null"]},
)
_OF_ASSISTANTS = [
    _TEXT,
    _block("thinking", {"thinking": _STRING}),
    _block("redacted_thinking", {}),
    _block("tool_use", {"id": _NAME, "name": _NAME, "input": {"type": "object"}}),
]


def block_schemas(role: str) -> list[JsonSchema]:
    """Of the blocks in a message of this role."""
    return {"user": [_TEXT, _TOOL_RESULT], "assistant": _OF_ASSISTANTS}.get(role, [_TEXT])
