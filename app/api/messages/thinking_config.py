"""`thinking` of Anthropic's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, as_integer, unread_keys

#: By type, whether to think; None: as the model, or the operator, decides.
_TYPES: Mapping[str, bool | None] = {
    "enabled": True,
    "disabled": False,
    "adaptive": None,
    "between_tools": None,
}
_DISPLAYS = ("summarized", "omitted")
_MAX_BUDGET = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ThinkingConfig:
    """Whether to think before the answer, and how long."""

    enabled: bool | None = None  #: None: as the model does by itself
    budget_tokens: int | None = None  #: tokens after which the thinking is ended


class ThinkingField(fields.Field[ThinkingConfig]):
    """An object with a type, and a budget where that is "enabled"."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> ThinkingConfig:
        if not isinstance(value, dict):
            raise ValidationError("must be an object with type")
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in _TYPES:
            raise ValidationError({"type": ["must be one of " + ", ".join(_TYPES)]})
        if value.get("display") not in (None, *_DISPLAYS):
            raise ValidationError({"display": ["must be one of " + ", ".join(_DISPLAYS)]})
        if kind != "enabled":
            return ThinkingConfig(_TYPES[kind])
        budget = as_integer(value.get("budget_tokens"))
        if budget is None or not 0 <= budget <= _MAX_BUDGET:
            raise ValidationError({"budget_tokens": ["must be a whole number, 0 or more"]})
        return ThinkingConfig(True, budget)

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys of other types, and the wish not to be shown the thinking, which is shown."""
        budget = ("budget_tokens",) if value["type"] == "enabled" else ()
        yield from unread_keys(value, "type", "display", *budget)
        if value.get("display") == "omitted":
            yield "display"

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        display = {"display": {"enum": [*_DISPLAYS, None]}}
        budget = {"type": "integer", "minimum": 0, "maximum": _MAX_BUDGET}
        enabled = {
            "type": "object",
            "properties": {"type": {"const": "enabled"}, "budget_tokens": budget, **display},
            "required": ["type", "budget_tokens"],
        }
        kinds = [kind for kind in _TYPES if kind != "enabled"]
        other = {
            "type": "object",
            "properties": {"type": {"enum": kinds}, **display},
            "required": ["type"],
        }
        return {"anyOf": [enabled, other]}
