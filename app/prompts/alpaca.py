"""The built-in Alpaca template, for one instruction and for conversations."""

from __future__ import annotations

from collections.abc import Sequence

from app.prompts import ChatMessage, Prompt
from app.prompts.tool_definitions import ToolDefinition
from app.prompts.tool_text import (
    tool_calls_as_text,
    tool_results_as_text,
    tools_in_system_message,
)

INTRODUCTION = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)
RESPONSE_HEADER = "### Response: "
SYSTEM_SEPARATOR = "\n\n"

# The four spaces on the second line and the space at the end are as in the models' training.
_INSTRUCTION = INTRODUCTION + "\n    \n### Instruction:\n{prompt}\n\n" + RESPONSE_HEADER


def render_instruction(instruction: str) -> Prompt:
    """A single instruction."""
    return Prompt(_INSTRUCTION.replace("{prompt}", instruction), allow_special=False)


def render_alpaca_chat(
    messages: Sequence[ChatMessage],
    *,
    tools: Sequence[ToolDefinition] = (),
    continue_final_message: bool = False,
) -> Prompt:
    """A conversation. The texts of all system messages replace the introduction. Tools follow the
    first of them, or the introduction; they, tool calls and their results are written as text.

    continue_final_message: end the prompt with the last message's text instead of the header of
    a new response.
    """
    messages = tool_results_as_text(tool_calls_as_text(messages))
    messages = tools_in_system_message(messages, tools, default_text=INTRODUCTION)
    introduction = INTRODUCTION
    if systems := [message.text for message in messages if message.role == "system"]:
        introduction = SYSTEM_SEPARATOR.join(text for text in systems if text)
    parts: list[str] = []
    for message in messages:
        if message.role == "system":
            continue
        if message.role == "user":
            parts.append(f"### Instruction:\n{message.text}\n\n")
        else:
            parts.append(f"{RESPONSE_HEADER}{message.text}\n\n")
    if continue_final_message:
        parts[-1] = f"{RESPONSE_HEADER}{messages[-1].text}"
    else:
        parts.append(RESPONSE_HEADER)
    return Prompt(f"{introduction}\n\n{''.join(parts)}", allow_special=False)
