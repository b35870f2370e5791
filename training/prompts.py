"""Renders instructions and conversations exactly as the server sends them to a model.

Knows nothing about tokens, training or where the texts come from.
"""

from collections.abc import Sequence

SYSTEM_TEXT = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)

# Servers differ in which of the two they put before a chat without a system message.
FIRST_SENTENCE = "Below is an instruction that describes a task."

# What people write into system messages: the model should not mind any of them.
OTHER_SYSTEM_TEXTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant. 你是一个乐于助人的助手。",
    "你是一个乐于助人的助手。",
    "你是杭州的导游，请用简短的话回答。",
    "你是一个中文助手。",
    "Answer briefly.",
    "请简短地回答问题。",
    "You are a friendly guide.",
    "You are a concise assistant that answers in one sentence.",
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


def transcript_parts(texts: Sequence[str], system: str = SYSTEM_TEXT) -> list[str]:
    """A whole chat as prompt, answer, prompt, answer, …; each prompt begins where an answer ends.

    Joined, they are what `chat_prompt` renders, the last answer included.
    """
    parts: list[str] = []
    for index, text in enumerate(texts):
        before = "\n\n" if index else f"{system}\n\n"
        is_user = index % 2 == 0
        parts.append(f"{before}### Instruction:\n{text}\n\n### Response: " if is_user else text)
    return parts
