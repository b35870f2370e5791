"""Turns as the messages a chat template reads, with users' spellings broken up.

Knows nothing about templates. The shapes are those that transformers' `apply_chat_template`
hands on: no key that is null, arguments as an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.prompts import Call, ReservedCharacter, Turn
from app.prompts.special_token_guard import break_inside, break_up
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: The last message is marked at its end where it is to be continued. Breaking up spellings
#: never makes two in a row. The blank tells whether a template strips what it is given.
END = SPECIAL_TOKEN_GUARD * 2
MARK = END + " "


def to_messages(
    turns: Sequence[Turn],
    special_texts: tuple[str, ...],
    *,
    in_parts: bool = False,
    continued: bool = False,
) -> list[dict[str, Any]]:
    """One message for each turn. in_parts: contents as lists of one text part.

    Raises:
        ReservedCharacter: a turn holds U+E0FF.
    """
    messages = [_message(index, turn, special_texts) for index, turn in enumerate(turns)]
    if continued:
        messages[-1]["content"] += MARK
    if in_parts:
        for message in messages:
            if "content" in message:
                message["content"] = [{"type": "text", "text": message["content"]}]
    return messages


def holds_escaped_break(turns: Sequence[Turn]) -> bool:
    """Whether a user wrote what an escaped SPECIAL_TOKEN_GUARD looks like."""
    spelled = ascii(SPECIAL_TOKEN_GUARD).strip("'")
    return any(spelled in text.lower() for turn in turns for text in _texts(turn))


def _message(index: int, turn: Turn, special_texts: tuple[str, ...]) -> dict[str, Any]:
    if SPECIAL_TOKEN_GUARD in turn.text:
        raise ReservedCharacter(index)
    if any(SPECIAL_TOKEN_GUARD in text for text in _texts(turn)):
        raise ReservedCharacter(index, in_calls=True)
    message: dict[str, Any] = {"role": turn.role}
    if turn.has_text:
        message["content"] = break_up(turn.text, special_texts)
    if turn.calls:
        message["tool_calls"] = [_call(call, special_texts) for call in turn.calls]
    for key, text in (("tool_call_id", turn.call_id), ("name", turn.name)):
        if text is not None:
            message[key] = break_inside(text, special_texts)
    return message


def _call(call: Call, special_texts: tuple[str, ...]) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else dict(call.arguments)
    function = {
        "name": break_inside(call.name, special_texts),
        "arguments": _broken(arguments, special_texts),
    }
    shown = {"type": "function", "function": function}
    return shown if call.id is None else {"id": break_inside(call.id, special_texts), **shown}


def _broken(value: Any, special_texts: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return break_inside(value, special_texts)
    if isinstance(value, list):
        return [_broken(item, special_texts) for item in value]
    if isinstance(value, dict):
        return {
            break_inside(key, special_texts): _broken(item, special_texts)
            for key, item in value.items()
        }
    return value


def _texts(turn: Turn) -> list[str]:
    """Every text of a turn, the deepest included."""
    texts = [turn.text, turn.call_id or "", turn.name or ""]
    parts: list[Any] = []
    for call in turn.calls:
        texts += [call.name, call.id or ""]
        parts.append(call.arguments)
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            parts += [*part, *part.values()]
    return texts
