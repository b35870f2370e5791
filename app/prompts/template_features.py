"""Detects which message formats a chat template supports, by rendering sample conversations.

llama.cpp detects a template's capabilities in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from app.prompts import ChatMessage, ChatTemplateError, FunctionCall
from app.prompts.chat_template import ChatTemplate, compile_template, render_messages
from app.prompts.sandbox.budget import RenderBudgetExceeded
from app.prompts.tool_definitions import ToolDefinition
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

_USER = ChatMessage("user", "westlake-question")
# Has no character in common with the question: templates may use one letter, or count letters.
_OTHER_USER = ChatMessage("user", "西湖 7")
_ANSWER = ChatMessage("assistant", "westlake-answer")
_WITH_SYSTEM = (ChatMessage("system", "westlake-system"), _USER)
_SAMPLES: tuple[tuple[ChatMessage, ...], ...] = (
    (_USER,),
    _WITH_SYSTEM,
    (ChatMessage("user", "westlake-follow-up"), _ANSWER, _USER),
)
_TOOL_NAME = "westlake_tool"
# Some templates accept only ids of nine characters.
_CALL = FunctionCall(_TOOL_NAME, {"westlake_key": "westlake-value"}, "westlake1")
_CALL_MESSAGE = ChatMessage("assistant", "", has_text=False, tool_calls=(_CALL,))
_RESULT_MESSAGE = ChatMessage("tool", "westlake-result", tool_call_id="westlake1", name=_TOOL_NAME)
_PARAMETER = {"type": "string", "description": "westlake-parameter"}
_PARAMETERS = {
    "type": "object",
    "properties": {"westlake_key": _PARAMETER},
    "required": ["westlake_key"],
}
_TOOL = {
    "type": "function",
    "function": {
        "name": _TOOL_NAME,
        "description": "westlake-description",
        "parameters": _PARAMETERS,
    },
}


@dataclass(frozen=True, slots=True)
class TemplateFeatures:
    """The message formats that a template supports."""

    requires_typed_content: bool = False  #: ignores contents that are strings, not lists of parts
    supports_tool_calls: bool = False
    requires_content: bool = False  #: renders tool calls only beside a content, even an empty one
    supports_tool_results: bool = False  #: messages of the role "tool"


class ToolsPlacement(Enum):
    """Where the tools that a request offers are told to the model."""

    TEMPLATE = "template"  #: by the template itself
    SYSTEM = "system"  #: as text in the system message
    USER = "user"  #: as text in the first user message: the template has no system messages


@lru_cache(maxsize=8)
def detect_features(template: ChatTemplate, *, with_tools: bool = False) -> TemplateFeatures:
    """Detect the features of `template`. with_tools: as they are in a request that offers tools.

    Raises:
        ChatTemplateError: it fails for every conversation, or ignores the user's messages.
    """
    compile_template(template.source)
    tools = (_TOOL,) if with_tools else ()
    probes = (_Probe(template, typed, tools) for typed in (False, True))
    probe = next((each for each in probes if each.renders_any_sample()), None)
    if probe is None:
        raise ChatTemplateError(_failure_reason(template, tools))
    with_content = replace(_CALL_MESSAGE, has_text=True)
    expected = (_CALL.name, "westlake-value")
    without = probe.renders_texts((_USER, _CALL_MESSAGE), *expected)
    requires_content = not without and probe.renders_texts((_USER, with_content), *expected)
    call = _CALL_MESSAGE if without else with_content if requires_content else _ANSWER
    results = probe.renders_texts((_USER, call, _RESULT_MESSAGE), _RESULT_MESSAGE.text)
    supports_calls = without or requires_content
    return TemplateFeatures(probe.typed_content, supports_calls, requires_content, results)


@lru_cache(maxsize=8)
def requires_short_ids(template: ChatTemplate, *, with_tools: bool = False) -> bool:
    """Detect whether `template`, which shows calls, takes only ids of nine characters, as
    Mistral's do. with_tools: see `detect_features`.

    Raises:
        ChatTemplateError: it fails for every conversation, or ignores the user's messages.
    """
    features = detect_features(template, with_tools=with_tools)
    call = replace(_CALL, id="westlake-long-id")
    message = replace(_CALL_MESSAGE, has_text=features.requires_content, tool_calls=(call,))
    result = replace(_RESULT_MESSAGE, tool_call_id=call.id)
    messages = (_USER, message, result) if features.supports_tool_results else (_USER, message)
    probe = _Probe(template, features.requires_typed_content, (_TOOL,) if with_tools else ())
    return features.supports_tool_calls and not probe.renders_texts(messages, _CALL.name)


@lru_cache(maxsize=8)
def shows_later_system(template: ChatTemplate, *, with_tools: bool = False) -> bool:
    """Detect whether `template` shows system messages that stand within a conversation, beside the
    first. with_tools: see `detect_features`.

    Raises:
        ChatTemplateError: it fails for every conversation, or ignores the user's messages.
    """
    features = detect_features(template, with_tools=with_tools)
    probe = _Probe(template, features.requires_typed_content, (_TOOL,) if with_tools else ())
    later = ChatMessage("system", "westlake-later")
    texts = _WITH_SYSTEM[0].text, later.text
    samples = (*_WITH_SYSTEM, later), (*_WITH_SYSTEM, later, _ANSWER, _OTHER_USER)
    return all(probe.renders_texts(messages, *texts) for messages in samples)


@lru_cache(maxsize=4)
def tools_placement(template: ChatTemplate) -> ToolsPlacement:
    """Detect whether `template` shows the tools of a request, and what to do if it does not.

    Raises:
        ChatTemplateError: it fails for every conversation, or ignores the user's messages.
    """
    if _shows_tools(template):
        return ToolsPlacement.TEMPLATE
    probe = _Probe(template, detect_features(template).requires_typed_content)
    shows_system = probe.renders_texts(_WITH_SYSTEM, _WITH_SYSTEM[0].text)
    return ToolsPlacement.SYSTEM if shows_system else ToolsPlacement.USER


def _shows_tools(template: ChatTemplate) -> bool:
    try:
        typed = detect_features(template, with_tools=True).requires_typed_content
    except ChatTemplateError:  # it refuses tools
        return False
    probe = _Probe(template, typed, (_TOOL,))
    return any(probe.renders_texts(messages, _TOOL_NAME) for messages in _SAMPLES)


@dataclass(frozen=True, slots=True)
class _Probe:
    """Renders samples in one way."""

    template: ChatTemplate
    typed_content: bool
    tools: tuple[ToolDefinition, ...] = ()

    def renders_any_sample(self) -> bool:
        return any(map(self._renders_user_text, _SAMPLES))

    def renders_texts(self, messages: Sequence[ChatMessage], *texts: str) -> bool:
        """Whether all of `texts` are in the prompt."""
        try:
            prompt = self._render(messages)
        except ChatTemplateError:
            return False
        # A guard may be in a word that is also a part of a special token's text.
        text = prompt.replace(SPECIAL_TOKEN_GUARD, "")
        return all(each in text for each in texts)

    def _renders_user_text(self, messages: Sequence[ChatMessage]) -> bool:
        """Whether the template renders `messages`, and the result depends on the user's text. The
        text itself is not searched for: templates may trim or quote it."""
        others = [_OTHER_USER if message == _USER else message for message in messages]
        try:
            return self._render(messages) != self._render(others)
        except RenderBudgetExceeded:  # takes seconds: do not try the other samples
            raise
        except ChatTemplateError:
            return False

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        return render_messages(
            messages, self.template, tools=self.tools, typed_content=self.typed_content
        ).text


def _failure_reason(template: ChatTemplate, tools: tuple[ToolDefinition, ...]) -> str:
    try:
        render_messages((_USER,), template, tools=tools)
    except ChatTemplateError as error:
        return str(error)
    return "it leaves out what the user says"
