"""A tokenizer's own chat template, rendered in a sandbox.

Knows nothing about the tokenizer but three spellings: BOS, EOS and all control tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, UndefinedError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.prompts import BREAK, Prompt, ReservedCharacter, TemplateRefused, Turn
from app.prompts.spellings import break_up
from app.prompts.tool_text import calls_as_text, results_as_text


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The template's source and the spellings it may write."""

    source: str
    bos_text: str
    eos_text: str
    special_texts: tuple[str, ...]


#: Ends the text that is to be continued. Breaking up spellings never makes two in a row that
#: anything follows.
_END = BREAK * 2


def render_with_template(
    turns: Sequence[Turn], template: ChatTemplate, *, continued: bool = False
) -> Prompt:
    """The conversation as the template writes it, up to where the next answer begins, or to
    the end of the last turn's text if that is to be `continued`.

    It may begin with a BOS of the template's own, which encoding must not double.

    Raises:
        ReservedCharacter: a turn holds U+E0FF.
        TemplateRefused: the template does not take this conversation.
    """
    turns = results_as_text(calls_as_text(turns))
    messages = []
    for index, turn in enumerate(turns):
        if BREAK in turn.text:
            raise ReservedCharacter(index)
        messages.append({"role": turn.role, "content": break_up(turn.text, template.special_texts)})
    if continued:
        messages[-1]["content"] += _END
    try:
        text = compiled(template.source).render(
            messages=messages,
            add_generation_prompt=not continued,
            bos_token=template.bos_text,
            eos_token=template.eos_text,
        )
    except UndefinedError as error:  # it expects what this conversation does not have
        raise TemplateRefused(str(error)[:500]) from error
    if continued:
        text, end, _ = text.rpartition(_END)
        if not end:
            raise TemplateRefused("it leaves out the last message")
    return Prompt(text, allow_special=True)


# A large template takes milliseconds to compile, and one process has one or two.
@lru_cache(maxsize=4)
def compiled(source: str) -> Template:
    """The template, ready to render. Raises jinja2.TemplateError where it is none."""
    # The names and switches are those that templates on the Hub are written for.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment.from_string(source)


def _to_json(value: Any, indent: int | None = None) -> str:
    # Jinja's own filter escapes for HTML, which a model would read.
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: object) -> NoReturn:
    raise TemplateRefused(str(message)[:500])


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)
