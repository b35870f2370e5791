"""The fields of a chat request about tools, read together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.generation.request import ToolUse
from app.protocol.loading import field_error
from app.protocol.messages import Conversation
from app.protocol.tool_choice import ToolChoice
from app.protocol.tools import Tool


def read_tool_use(values: Mapping[str, Any], conversation: Conversation) -> ToolUse | None:
    """Which tools the answer may call; None without tools.

    Raises:
        BadRequest: the fields contradict each other, or the conversation is classic.
    """
    tools: tuple[Tool, ...] = values.get("tools", ())
    choice: ToolChoice = values.get("tool_choice", ToolChoice())
    if tools and conversation.classic:
        raise field_error("tools", "needs messages with content, not message")
    use = ToolUse.of(tools, choice, parallel=values.get("parallel_tool_calls", True))
    if use and values.get("num_beams", 1) > 1:
        raise field_error("tools", "is not supported with num_beams over 1")
    return use
