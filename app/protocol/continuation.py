"""`continue_final_message` and `add_generation_prompt`, which chats and /tokenize share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.protocol.loading import field_error
from app.protocol.messages import Conversation


def read_continue_final_message(values: Mapping[str, Any], conversation: Conversation) -> bool:
    """Whether the model continues the last message.

    Raises:
        BadRequest: there is nothing to continue, or a prompt without either is asked for.
    """
    continued: bool = values.get("continue_final_message", False)
    last = conversation.messages[-1]
    if continued and (last.role != "assistant" or not last.has_text or last.tool_calls):
        raise field_error("continue_final_message", "is only for a last text of the assistant's")
    if values.get("add_generation_prompt", not continued) is continued:
        message = "cannot be true" if continued else "can be false only"
        raise field_error("add_generation_prompt", f"{message} with continue_final_message true")
    return continued
