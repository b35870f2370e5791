"""Renders a chat template as transformers does, with bounded time and memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

from jinja2 import Template

from app.prompts import ChatMessage, ChatTemplateError, Prompt
from app.prompts.chat_messages import (
    END_SENTINEL,
    END_SENTINEL_AND_SPACE,
    contains_escaped_guard,
    to_template_messages,
)
from app.prompts.chat_template_kwargs import ChatTemplateKwargs, guard_kwargs, texts_of
from app.prompts.sandbox.budget import BUDGET, RenderBudget
from app.prompts.sandbox.environment import ChatEnvironment
from app.prompts.sandbox.instrument import add_counters
from app.prompts.sandbox.json_object import JsonObject, text_of
from app.prompts.tool_definitions import ToolDefinition, check_tools, to_template_tools
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: Concurrent renderings. They hold the GIL, so more would not be faster, and each may use as
#: much memory as its budget allows.
_RENDER_SLOTS = BoundedSemaphore(4)
_POLL_INTERVAL_S = 0.05
#: Maximum length of a template: about ten times the longest known; compiles within two seconds.
_MAX_CHARACTERS = 1 << 17
NO_KWARGS: ChatTemplateKwargs = {}
#: The guard character as an escape sequence of JSON or Python.
_ESCAPED_GUARD = re.compile(r"\\+u" + f"{ord(SPECIAL_TOKEN_GUARD):04x}")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A template's source, and the special tokens of the tokenizer that it is used with."""

    source: str
    #: Variables such as "bos_token" and their texts; tokens that do not exist are undefined.
    named_tokens: tuple[tuple[str, str], ...] = ()
    special_texts: tuple[str, ...] = ()


def never_cancelled() -> None:
    """A `check_cancelled` for renderings that are never cancelled."""


def render_messages(
    messages: Sequence[ChatMessage],
    template: ChatTemplate,
    *,
    tools: Sequence[ToolDefinition] = (),
    typed_content: bool = False,
    continue_final_message: bool = False,
    kwargs: ChatTemplateKwargs = NO_KWARGS,
    check_cancelled: Callable[[], None] = never_cancelled,
) -> Prompt:
    """Render `messages` with `template`, followed by the beginning of the next answer.

    tools: the template's variable of this name. typed_content: give the template contents as
    lists of one text part. continue_final_message: end the prompt with the last message's text
    instead. kwargs: more variables, checked by `check_chat_template_kwargs`. check_cancelled:
    called every few milliseconds; an exception that it raises ends the rendering and is raised
    here.

    Raises:
        ReservedCharacterError: a message or a tool contains U+E0FF.
        ChatTemplateError: the template rejects this conversation, or exceeds its budget.
    """
    if continue_final_message and "content" not in template.source:  # transformers' own test
        raise ChatTemplateError("it has no place to go on with a message from")
    check_tools(tools)
    template_messages = to_template_messages(
        messages,
        template.special_texts,
        typed_content=typed_content,
        continue_final_message=continue_final_message,
    )
    variables = {
        "tools": to_template_tools(tools, template.special_texts),
        "documents": None,
        **guard_kwargs(kwargs, template.special_texts),
        "add_generation_prompt": not continue_final_message,
        **dict(template.named_tokens),
        "messages": template_messages,
    }
    text = _render(template, variables, len(messages) + len(tools), check_cancelled)
    given = {"tools": list(tools), **kwargs}
    if "\\" in text and not contains_escaped_guard(messages, texts_of(given)):
        text = _ESCAPED_GUARD.sub(SPECIAL_TOKEN_GUARD, text)
    if continue_final_message:
        text = _cut_at_sentinel(text, messages[-1].text)
    return Prompt(text, allow_special=True)


def _cut_at_sentinel(text: str, last_text: str) -> str:
    """The prompt up to the end of the last message's text. As in transformers, white space at
    this end is removed if the template strips the text."""
    before, sentinel, after = text.rpartition(END_SENTINEL)
    if not sentinel or last_text.strip() not in text.replace(SPECIAL_TOKEN_GUARD, ""):
        raise ChatTemplateError("it leaves out the last message, or a part of it")
    before = before if after.startswith(" ") else before.rstrip()
    # The template may write the last message several times.
    return before.replace(END_SENTINEL_AND_SPACE, "").replace(END_SENTINEL, "")


def _render(
    template: ChatTemplate,
    variables: dict[str, Any],
    num_messages: int,
    check_cancelled: Callable[[], None],
) -> str:
    while not _RENDER_SLOTS.acquire(timeout=_POLL_INTERVAL_S):
        check_cancelled()
    budget = RenderBudget(num_messages, _approximate_bytes(variables), check_cancelled)
    token = BUDGET.set(budget)
    try:
        text = compile_template(template.source).render(variables)
    except ChatTemplateError:
        raise
    except Exception as error:  # a template can raise any exception
        if budget.error is not None:
            raise budget.error from None
        raise ChatTemplateError(_describe(error)) from error
    finally:
        BUDGET.reset(token)
        _RENDER_SLOTS.release()
    if budget.error is not None:  # a filter of Jinja caught it
        raise budget.error
    return text


def _describe(error: Exception) -> str:
    name, message = type(error).__name__, " ".join(str(error).split())[:500]
    if name == "TemplateError":  # raised by the template itself with raise_exception
        return message
    return f"{name}: {message}"


def _approximate_bytes(variables: dict[str, Any]) -> int:
    """The total length of the strings in the variables' values."""
    total, stack = 0, list[Any](variables.values())
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
            total += len(text_of(value)) if isinstance(value, JsonObject) else 0
    return total


# Compiling a large template takes milliseconds, and one process uses one or two templates.
@lru_cache(maxsize=4)
def compile_template(source: str) -> Template:
    """Compile a template, which can then be rendered within a `RenderBudget`.

    Raises:
        ChatTemplateError: it is not a valid template, or too long.
    """
    if len(source) > _MAX_CHARACTERS:
        raise ChatTemplateError(f"it has {len(source)} characters, over {_MAX_CHARACTERS}")
    environment = ChatEnvironment()
    try:
        return environment.from_string(add_counters(environment.parse(source)))
    except Exception as error:  # Jinja's errors, and errors of compiling its Python code
        raise ChatTemplateError(_describe(error)) from error
