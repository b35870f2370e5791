"""Detects which message formats a chat template supports, by rendering sample conversations.

llama.cpp detects a template's capabilities in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.prompts import ChatMessage, ChatTemplateError, FunctionCall
from app.prompts.chat_template import ChatTemplate, compile_template, render_messages
from app.prompts.sandbox.budget import RenderBudgetExceeded

_USER = ChatMessage("user", "westlake-question")
# Has no character in common with the question: templates may use one letter, or count letters.
_OTHER_USER = ChatMessage("user", "西湖 7")
_ANSWER = ChatMessage("assistant", "westlake-answer")
_SAMPLES: tuple[tuple[ChatMessage, ...], ...] = (
    (_USER,),
    (ChatMessage("system", "westlake-system"), _USER),
    (ChatMessage("user", "westlake-follow-up"), _ANSWER, _USER),
)
# Some templates accept only ids of nine characters.
_CALL = FunctionCall("westlake_tool", {"westlake_key": "westlake-value"}, "westlake1")
_CALL_MESSAGE = ChatMessage("assistant", "", has_text=False, tool_calls=(_CALL,))
_RESULT_MESSAGE = ChatMessage(
    "tool", "westlake-result", tool_call_id="westlake1", name="westlake_tool"
)


@dataclass(frozen=True, slots=True)
class TemplateFeatures:
    """The message formats that a template supports."""

    requires_typed_content: bool = False  #: ignores contents that are strings, not lists of parts
    supports_tool_calls: bool = False
    requires_content: bool = False  #: renders tool calls only beside a content, even an empty one
    supports_tool_results: bool = False  #: messages of the role "tool"


@lru_cache(maxsize=4)
def detect_features(template: ChatTemplate) -> TemplateFeatures:
    """Detect the features of `template`.

    Raises:
        ChatTemplateError: it fails for every conversation, or ignores the user's messages.
    """
    compile_template(template.source)
    typed = next((typed for typed in (False, True) if _renders_any_sample(template, typed)), None)
    if typed is None:
        raise ChatTemplateError(_failure_reason(template))
    with_content = replace(_CALL_MESSAGE, has_text=True)
    expected = (_CALL.name, "westlake-value")
    without = _renders_texts(template, typed, (_USER, _CALL_MESSAGE), *expected)
    requires_content = not without and _renders_texts(
        template, typed, (_USER, with_content), *expected
    )
    call = _CALL_MESSAGE if without else with_content if requires_content else _ANSWER
    results = _renders_texts(template, typed, (_USER, call, _RESULT_MESSAGE), _RESULT_MESSAGE.text)
    return TemplateFeatures(typed, without or requires_content, requires_content, results)


def _renders_any_sample(template: ChatTemplate, typed_content: bool) -> bool:
    return any(_renders_user_text(template, typed_content, messages) for messages in _SAMPLES)


def _renders_user_text(
    template: ChatTemplate, typed_content: bool, messages: Sequence[ChatMessage]
) -> bool:
    """Whether the template renders `messages`, and the result depends on the user's text. The
    text itself is not searched for: templates may trim or quote it."""
    others = [_OTHER_USER if message == _USER else message for message in messages]
    try:
        first, second = (
            render_messages(each, template, typed_content=typed_content).text
            for each in (messages, others)
        )
    except RenderBudgetExceeded:  # takes seconds: do not try the other samples
        raise
    except ChatTemplateError:
        return False
    return first != second


def _renders_texts(
    template: ChatTemplate, typed_content: bool, messages: Sequence[ChatMessage], *texts: str
) -> bool:
    try:
        prompt = render_messages(messages, template, typed_content=typed_content)
    except ChatTemplateError:
        return False
    return all(text in prompt.text for text in texts)


def _failure_reason(template: ChatTemplate) -> str:
    try:
        render_messages((_USER,), template)
    except ChatTemplateError as error:
        return str(error)
    return "it leaves out what the user says"
