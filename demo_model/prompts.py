"""Renders instructions and conversations exactly as the server sends them to a model.

Knows nothing about tokens, training or where the texts come from.
"""

from collections.abc import Sequence

SYSTEM_TEXT = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)

# The four blanks on the second line and the last blank are part of what clients have always sent.
COMPLETION_TEMPLATE = SYSTEM_TEXT + "\n    \n### Instruction:\n{prompt}\n\n### Response: "


def completion_prompt(instruction: str) -> str:
    """Wraps one instruction the way the completions route does."""
    return COMPLETION_TEMPLATE.replace("{prompt}", instruction)


def chat_prompt(turns: Sequence[str], system: str = SYSTEM_TEXT) -> str:
    """Renders alternating user and assistant texts, user first and last, up to the open answer."""
    parts = [f"{system}\n\n"]
    for index, text in enumerate(turns):
        is_user = index % 2 == 0
        parts.append(f"### Instruction:\n{text}\n\n" if is_user else f"### Response: {text}\n\n")
    parts.append("### Response: ")
    return "".join(parts)
