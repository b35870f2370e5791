"""What a request sets of its chat template's variables: `chat_template_kwargs`, and two fields of
their own for thinking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.prompts.chat_template_kwargs import (
    NAME,
    RESERVED_NAMES,
    SPECIAL_TOKENS,
    ChatTemplateKwargs,
    KwargsRefused,
    check_chat_template_kwargs,
)
from app.protocol.fields import JsonSchema, StrictBoolean, StrictString
from app.protocol.loading import field_error
from app.protocol.messages import Conversation

NO_THINKING = "none"
_NAMES = ("chat_template_kwargs", "enable_thinking", "reasoning_effort")
REASONING_EFFORTS = (NO_THINKING, "minimal", "low", "medium", "high", "xhigh", "max")


class KwargsField(fields.Field[ChatTemplateKwargs]):
    """`chat_template_kwargs`: variables of the template by name."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> ChatTemplateKwargs:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        try:
            check_chat_template_kwargs(value)
        except KwargsRefused as error:
            message = str(error)
            raise ValidationError({error.path: [message]} if error.path else message) from None
        return value

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        allowed = {"pattern": f"^(?!{SPECIAL_TOKENS}$){NAME}$"}
        names = {**allowed, "not": {"enum": sorted(RESERVED_NAMES)}}
        return {"type": "object", "propertyNames": names}


class TemplateFieldsSchema(Schema):
    """The fields that chats and /tokenize share."""

    chat_template_kwargs = KwargsField()
    enable_thinking = StrictBoolean()
    reasoning_effort = StrictString(*REASONING_EFFORTS)


@dataclass(frozen=True, slots=True)
class TemplateFields:
    """As the request gives them."""

    chat_template_kwargs: ChatTemplateKwargs = field(default_factory=dict)
    enable_thinking: bool | None = None
    reasoning_effort: str | None = None
    reasoning_effort_name: str = "reasoning_effort"  #: what the client calls it
    enable_thinking_name: str = "enable_thinking"  #: the same of this one

    @property
    def thinking(self) -> bool | None:
        """Whether to think, where the request says so outside of `chat_template_kwargs`."""
        if self.enable_thinking is None and self.reasoning_effort == NO_THINKING:
            return False
        return self.enable_thinking


def read_template_fields(
    values: Mapping[str, Any], conversation: Conversation | None
) -> TemplateFields:
    """The request's template fields; conversation: None if it has no messages.

    Raises:
        BadRequest: they come without messages, or with classic ones.
    """
    given = {name: values[name] for name in _NAMES if name in values}
    for name in given:
        if conversation is None:
            raise field_error(name, "is only for messages")
        if conversation.classic:
            raise field_error(name, "needs messages with content, not message")
    return TemplateFields(**given)
