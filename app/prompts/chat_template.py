"""A chat template, rendered as transformers renders it, within bounds of time and size.

Knows nothing about the tokenizer but the spellings of its control tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

from jinja2 import Template

from app.prompts import Prompt, TemplateRefused, Turn
from app.prompts.chat_messages import END, MARK, holds_escaped_break, to_messages
from app.prompts.sandbox.budget import METER, Meter
from app.prompts.sandbox.environment import ChatEnvironment
from app.prompts.sandbox.instrument import add_counters
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: Renderings at once. One holds Python's lock all the time it works: more gain nothing, and
#: each may hold as much memory as a meter allows.
_PLACES = BoundedSemaphore(4)
_WAIT_S = 0.05
#: Characters of a template: some ten times the longest in use; compiled within two seconds.
_LONGEST = 1 << 17
#: A SPECIAL_TOKEN_GUARD as JSON's and Python's own escapes spell it.
_ESCAPED = re.compile(r"\\+u" + f"{ord(SPECIAL_TOKEN_GUARD):04x}")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The template's source, and what it may write of the tokenizer's."""

    source: str
    #: "bos_token" … and their spellings; those the tokenizer has none of are undefined.
    named_tokens: tuple[tuple[str, str], ...] = ()
    special_texts: tuple[str, ...] = ()


def no_check() -> None:
    """The check of a rendering that nothing calls off."""


def render_messages(
    turns: Sequence[Turn],
    template: ChatTemplate,
    *,
    in_parts: bool = False,
    continued: bool = False,
    check: Callable[[], None] = no_check,
) -> Prompt:
    """The conversation as the template writes it, up to where the next answer begins, or to
    the end of the last turn's text if that is to be `continued`.

    in_parts: contents are given as lists of one text part. check: called now and then; what
    it raises ends the rendering and is raised here.

    Raises:
        ReservedCharacter: a turn holds U+E0FF.
        TemplateRefused: the template does not take this conversation, or does too much.
    """
    if continued and "content" not in template.source:  # transformers' own test
        raise TemplateRefused("it has no place to go on with a message from")
    messages = to_messages(turns, template.special_texts, in_parts=in_parts, continued=continued)
    text = _render(template, messages, continued, check)
    if "\\" in text and not holds_escaped_break(turns):
        text = _ESCAPED.sub(SPECIAL_TOKEN_GUARD, text)
    if continued:
        text = _up_to_mark(text, turns[-1].text)
    return Prompt(text, allow_special=True)


def _up_to_mark(text: str, last: str) -> str:
    """The prompt up to the end of the last message, as transformers cuts it there: without
    the blanks before that where the template strips them."""
    before, end, after = text.rpartition(END)
    if not end or last.strip() not in text.replace(SPECIAL_TOKEN_GUARD, ""):
        raise TemplateRefused("it leaves out the last message, or a part of it")
    before = before if after.startswith(" ") else before.rstrip()
    return before.replace(MARK, "").replace(END, "")  # where it stands twice


def _render(
    template: ChatTemplate,
    messages: list[dict[str, Any]],
    continued: bool,
    check: Callable[[], None],
) -> str:
    while not _PLACES.acquire(timeout=_WAIT_S):
        check()
    meter = Meter(len(messages), _size(messages), check)
    token = METER.set(meter)
    try:
        text = compiled(template.source).render(
            {
                "tools": None,
                "documents": None,
                "add_generation_prompt": not continued,
                **dict(template.named_tokens),
                "messages": messages,
            }
        )
    except TemplateRefused:
        raise
    except Exception as error:  # a template can raise whatever Python can
        if meter.fault is not None:
            raise meter.fault from None
        raise TemplateRefused(_in_words(error)) from error
    finally:
        METER.reset(token)
        _PLACES.release()
    if meter.fault is not None:  # a filter of Jinja's took it for its own
        raise meter.fault
    return text


def _in_words(error: Exception) -> str:
    name, words = type(error).__name__, " ".join(str(error).split())[:500]
    if name == "TemplateError":  # the template's own words
        return words
    return f"{name}: {words}"


def _size(messages: list[dict[str, Any]]) -> int:
    """About how many bytes the messages are."""
    total, parts = 0, list[Any](messages)
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            total += len(part)
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            parts += part.values()
    return total


# A large template takes milliseconds to compile, and one process has one or two.
@lru_cache(maxsize=4)
def compiled(source: str) -> Template:
    """The template, ready to render inside a meter.

    Raises:
        TemplateRefused: it is none, or too long.
    """
    if len(source) > _LONGEST:
        raise TemplateRefused(f"it has {len(source)} characters, over {_LONGEST}")
    environment = ChatEnvironment()
    try:
        return environment.from_string(add_counters(environment.parse(source)))
    except Exception as error:  # Jinja's own, and what Python finds wrong with its code
        raise TemplateRefused(_in_words(error)) from error
