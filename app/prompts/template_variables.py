"""Which variables, and which keys of messages, a chat template reads."""

from __future__ import annotations

import re
from functools import lru_cache

from jinja2 import meta

from app.prompts import ChatTemplateError
from app.prompts.chat_template import compile_template
from app.prompts.sandbox.environment import ChatEnvironment

#: How templates name the switch of a model's thinking: Qwen3, GLM, SmolLM3; DeepSeek-V3.1, Granite.
_THINKING_SWITCHES = ("enable_thinking", "thinking")
_NAME = re.compile(r"\bmessage(\.name\b|\[['\"]name['\"]\])")


@lru_cache(maxsize=4)
def template_variables(source: str) -> frozenset[str]:
    """The names of variables that a template reads and does not set; none if it is invalid."""
    try:
        compile_template(source)
    except ChatTemplateError:
        return frozenset()
    return frozenset(meta.find_undeclared_variables(ChatEnvironment().parse(source)))


@lru_cache(maxsize=4)
def shows_names(source: str) -> bool:
    """Whether a template reads the names of messages."""
    return _NAME.search(source) is not None


def thinking_switch(source: str | None) -> str | None:
    """The variable by which a template switches thinking on and off; None if it has none."""
    variables = template_variables(source) if source else frozenset[str]()
    return next((name for name in _THINKING_SWITCHES if name in variables), None)
