"""The built-in template, for one instruction and for many turns.

Knows nothing about tokenizers' own templates.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.prompts import Prompt, Turn
from app.prompts.tool_text import calls_as_text, results_as_text

INTRODUCTION = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)
ANSWER = "### Response: "
#: Between the texts of several system turns.
BETWEEN_SYSTEMS = "\n\n"

# The four blanks alone on the second line, and the last one, are what models were trained on.
_INSTRUCTION = INTRODUCTION + "\n    \n### Instruction:\n{prompt}\n\n" + ANSWER


def render_instruction(instruction: str) -> Prompt:
    """One instruction, up to where the answer begins."""
    return Prompt(_INSTRUCTION.replace("{prompt}", instruction), allow_special=False)


def render_turns(turns: Sequence[Turn], *, continued: bool = False) -> Prompt:
    """A conversation, up to where the next answer begins, or to the end of the last turn's
    text if that is to be `continued`. All system turns, wherever they stand, take the
    introduction's place; tool turns are written as text."""
    turns = results_as_text(calls_as_text(turns))
    system = INTRODUCTION
    if systems := [turn.text for turn in turns if turn.role == "system"]:
        system = BETWEEN_SYSTEMS.join(text for text in systems if text)
    parts: list[str] = []
    for turn in turns:
        if turn.role == "system":
            continue
        if turn.role == "user":
            parts.append(f"### Instruction:\n{turn.text}\n\n")
        else:
            parts.append(f"{ANSWER}{turn.text}\n\n")
    if continued:
        parts[-1] = f"{ANSWER}{turns[-1].text}"
    else:
        parts.append(ANSWER)
    return Prompt(f"{system}\n\n{''.join(parts)}", allow_special=False)
