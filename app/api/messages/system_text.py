"""`system` of Anthropic's API: the system prompt, as one text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields

from app.api.messages.block_schemas import block_schemas
from app.api.messages.content_block_param import TextParam, read_block, unread_in_blocks
from app.protocol.fields import JsonSchema, read_items

#: Claude Code writes it at the top of its system prompt. Some versions put a number into it that
#: differs in each request, so that no prompt would begin as the one before.
_BILLING_LINE = re.compile(r"^x-anthropic-billing-header:[^\n]*(\n|\Z)", re.MULTILINE | re.ASCII)


class SystemText(fields.Field[str]):
    """A text, or a list of text blocks, joined by line breaks."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str):
            return without_billing_line(value)
        if not isinstance(value, list):
            raise ValidationError("must be a string or a list of text blocks")
        blocks = read_items(value, lambda block: read_block(block, "system"))
        texts = (block.text for block in blocks if isinstance(block, TextParam))
        return "\n".join(filter(None, map(without_billing_line, texts)))

    def unread(self, value: object) -> Iterator[str]:
        """Keys beside those of a text block."""
        yield from unread_in_blocks(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        blocks = {"type": "array", "items": {"anyOf": block_schemas("system")}}
        return {"anyOf": [{"type": "string"}, blocks]}


def without_billing_line(text: str) -> str:
    """A system text without the line that is for Anthropic's own servers."""
    return _BILLING_LINE.sub("", text)
