"""System messages within a conversation as a user's, for templates that refuse them there or leave
them out: agents remind the model of something in this way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.prompts import ChatMessage


def has_later_system(messages: Sequence[ChatMessage]) -> bool:
    """Whether a system message comes after one of another role."""
    roles = [message.role for message in messages]
    first = next((i for i, role in enumerate(roles) if role != "system"), len(roles))
    return "system" in roles[first:]


def later_system_as_user(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same messages with those as a part of the user's message beside them, or as one: many
    templates require alternating roles."""
    result: list[ChatMessage] = []
    joins = False  #: the last one was a system message, or is followed by one
    for message in messages:
        is_later = message.role == "system" and any(each.role != "system" for each in result)
        turn = replace(message, role="user") if is_later else message
        follows_user = bool(result) and result[-1].role == "user"
        if turn.role == "user" and follows_user and (is_later or joins):
            text = "\n\n".join(filter(None, (result[-1].text, turn.text)))
            result[-1] = replace(result[-1], text=text)
        else:
            result.append(turn)
        joins = is_later
    return result
