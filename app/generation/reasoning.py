"""Whether an answer may begin with thinking, and where it stands at the end of the prompt."""

from __future__ import annotations

from app.engine import Engine
from app.engine.request import Reasoning
from app.generation.request import ChatInput
from app.prompts.reasoning_tags import END_TAG, START_TAG, mentions_reasoning_tags


def reasoning_of(
    chat: ChatInput, source: str | None, prompt: str, engine: Engine, *, drop_space: bool
) -> Reasoning | None:
    """What the engine needs to know about the answer's thinking; None: all of it is text, because
    the template does not know the tags, or the prompt has closed the thinking or continues an
    answer.

    source: of the template in use; prompt: the rendered text; drop_space: see `Reasoning`.
    """
    if not mentions_reasoning_tags(source):
        return None
    end = prompt.rstrip()
    starts_inside = end.endswith(START_TAG) or _continues_thinking(chat.continued_text)
    if not starts_inside and (chat.continue_final_message or end.endswith(END_TAG)):
        return None
    return Reasoning(
        start_tag=START_TAG,
        end_tag=END_TAG,
        starts_inside=starts_inside,
        drop_space=drop_space,
        end_ids=engine.encode(END_TAG, allow_special=True),
        budget=chat.thinking_budget,
    )


def _continues_thinking(text: str) -> bool:
    """Whether a text to be continued ends inside its thinking."""
    return text.lstrip().startswith(START_TAG) and END_TAG not in text
