"""Tools that a request offers to the model, in the form that chat templates read: OpenAI's
dictionaries, with clients' texts guarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.prompts import ReservedCharacterError
from app.prompts.chat_template_kwargs import texts_of
from app.prompts.special_token_guard import guard_embedded_text
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: {"type": "function", "function": {"name", "description", "parameters": a JSON schema}}
ToolDefinition = Mapping[str, Any]

#: Names and types that templates look up or compare. A guard in one would hide it from them, and
#: they are nothing that a client makes up.
_WORDS = frozenset(
    """type function name description parameters strict return
    object array string number integer boolean null
    properties required items enum const default title format examples nullable pattern
    additionalProperties anyOf oneOf allOf not $ref $defs definitions
    minimum maximum minLength maxLength minItems maxItems""".split()
)


def check_tools(tools: Sequence[ToolDefinition]) -> None:
    """Raises ReservedCharacterError for the first tool that contains U+E0FF."""
    for index, tool in enumerate(tools):
        if any(SPECIAL_TOKEN_GUARD in text for text in texts_of({"tool": dict(tool)})):
            raise ReservedCharacterError(tool_index=index)


def to_template_tools(
    tools: Sequence[ToolDefinition], special_texts: tuple[str, ...]
) -> list[dict[str, Any]] | None:
    """The tools as a template's variable; None without any, as in transformers."""
    return [_guarded(dict(tool), special_texts) for tool in tools] or None


def _guarded(value: Any, special_texts: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return value if value in _WORDS else guard_embedded_text(value, special_texts)
    if isinstance(value, list):
        return [_guarded(item, special_texts) for item in value]
    if isinstance(value, dict):
        return {
            _guarded(key, special_texts): _guarded(item, special_texts)
            for key, item in value.items()
        }
    return value
