"""`reasoning` of /v1/responses: how much to think, and how to send it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, unread_keys
from app.protocol.template_fields import REASONING_EFFORTS

_SUMMARIES = ("auto", "concise", "detailed")


@dataclass(frozen=True, slots=True)
class ReasoningOptions:
    """As the request gives them."""

    effort: str | None = None
    summary: str | None = None  #: None: the thinking is sent as it is


class ReasoningField(fields.Field[ReasoningOptions]):
    """`reasoning`: how much to think, and whether to send the thinking as a summary."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> ReasoningOptions:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        effort = _one_of(value, "effort", REASONING_EFFORTS)
        older = _one_of(value, "generate_summary", _SUMMARIES)
        return ReasoningOptions(effort, _one_of(value, "summary", _SUMMARIES) or older)

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside these."""
        return unread_keys(value, "effort", "summary", "generate_summary")

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        summary = {"enum": [*_SUMMARIES, None]}
        effort = {"enum": [*REASONING_EFFORTS, None]}
        properties = {"effort": effort, "summary": summary, "generate_summary": summary}
        return {"type": "object", "properties": properties}


def _one_of(value: Mapping[str, object], key: str, choices: tuple[str, ...]) -> str | None:
    given = value.get(key)
    if given is None:
        return None
    if not isinstance(given, str) or given not in choices:
        known = ", ".join(f'"{choice}"' for choice in choices)
        raise ValidationError({key: [f"must be one of {known}"]})
    return given
