"""Converts messages to the dictionaries that chat templates read, with users' texts guarded.

The dictionaries have the form that transformers' `apply_chat_template` passes on: no keys with
null, arguments as an object.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from app.prompts import ChatMessage, FunctionCall, ReservedCharacterError
from app.prompts.sandbox.json_object import JsonObject
from app.prompts.special_token_guard import guard_embedded_text, guard_special_tokens
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: Marks the end of the text to continue. Guarding a text never puts two guards in a row.
END_SENTINEL = SPECIAL_TOKEN_GUARD * 2
#: The space shows whether the template strips the text.
END_SENTINEL_AND_SPACE = END_SENTINEL + " "


def to_template_messages(
    messages: Sequence[ChatMessage],
    special_texts: tuple[str, ...],
    *,
    typed_content: bool = False,
    continue_final_message: bool = False,
) -> list[dict[str, Any]]:
    """One dictionary for each message.

    typed_content: write contents as lists of one text part. continue_final_message: append the
    sentinel to the last message.

    Raises:
        ReservedCharacterError: a message contains U+E0FF.
    """
    result = [_to_dict(index, message, special_texts) for index, message in enumerate(messages)]
    if continue_final_message:
        result[-1]["content"] += END_SENTINEL_AND_SPACE
    if typed_content:
        for message in result:
            if "content" in message:
                message["content"] = [{"type": "text", "text": message["content"]}]
    return result


def contains_escaped_guard(messages: Sequence[ChatMessage], more: Iterable[str] = ()) -> bool:
    """Whether a user wrote the escape sequence of the guard character, in a message or in one of
    `more` texts."""
    escaped = ascii(SPECIAL_TOKEN_GUARD).strip("'")
    texts = itertools.chain(more, *map(_texts, messages))
    return any(escaped in text.lower() for text in texts)


def _to_dict(index: int, message: ChatMessage, special_texts: tuple[str, ...]) -> dict[str, Any]:
    if SPECIAL_TOKEN_GUARD in message.text:
        raise ReservedCharacterError(index)
    if SPECIAL_TOKEN_GUARD in (message.reasoning_content or ""):
        raise ReservedCharacterError(index, "reasoning_content")
    if any(SPECIAL_TOKEN_GUARD in text for text in _texts(message)):
        raise ReservedCharacterError(index, "tool_calls")
    result: dict[str, Any] = {"role": message.role}
    if message.has_text:
        result["content"] = guard_special_tokens(message.text, special_texts)
    if message.reasoning_content is not None and message.role == "assistant":
        guarded = guard_special_tokens(message.reasoning_content, special_texts)
        result["reasoning_content"] = guarded
    if message.tool_calls:
        result["tool_calls"] = [_call_to_dict(call, special_texts) for call in message.tool_calls]
    for key, text in (("tool_call_id", message.tool_call_id), ("name", message.name)):
        if text is not None:
            result[key] = guard_embedded_text(text, special_texts)
    return result


def _call_to_dict(call: FunctionCall, special_texts: tuple[str, ...]) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else dict(call.arguments)
    guarded = _guard_json(arguments, special_texts)
    if call.arguments_text is not None:
        guarded = JsonObject(guarded, guard_embedded_text(call.arguments_text, special_texts))
    function = {"name": guard_embedded_text(call.name, special_texts), "arguments": guarded}
    result = {"type": "function", "function": function}
    if call.id is None:
        return result
    return {"id": guard_embedded_text(call.id, special_texts), **result}


def _guard_json(value: Any, special_texts: tuple[str, ...]) -> Any:
    """Guard every string of a JSON value, keys included."""
    if isinstance(value, str):
        return guard_embedded_text(value, special_texts)
    if isinstance(value, list):
        return [_guard_json(item, special_texts) for item in value]
    if isinstance(value, dict):
        return {
            guard_embedded_text(key, special_texts): _guard_json(item, special_texts)
            for key, item in value.items()
        }
    return value


def _texts(message: ChatMessage) -> list[str]:
    """All strings of a message, including those nested in arguments."""
    texts = [message.text, message.tool_call_id or "", message.name or ""]
    texts.append(message.reasoning_content or "")
    stack: list[Any] = []
    for call in message.tool_calls:
        texts += [call.name, call.id or ""]
        stack.append(call.arguments)
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += [*value, *value.values()]
    return texts
