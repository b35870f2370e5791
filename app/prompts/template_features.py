"""What a chat template makes of conversations of ours, before anybody else's are given to it.

Knows nothing about settings or where the template came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.prompts import Call, TemplateRefused, Turn
from app.prompts.chat_template import ChatTemplate, compiled, render_messages
from app.prompts.sandbox.budget import TooMuchWork

_SAID, _ANSWERED, _AGAIN = "westlake-question", "westlake-answer", "westlake-follow-up"
_USER = Turn("user", _SAID)
_OTHER = Turn("user", "西湖 7")  # nothing alike: templates may take one letter, or count them
_PLAIN: tuple[tuple[Turn, ...], ...] = (
    (_USER,),
    (Turn("system", "westlake-system"), _USER),
    (Turn("user", _AGAIN), Turn("assistant", _ANSWERED), _USER),
)
# Some templates take no id of another length.
_CALL = Call("westlake_tool", {"westlake_key": "westlake-value"}, "westlake1")
_CALLING = Turn("assistant", "", has_text=False, calls=(_CALL,))
_RESULT = Turn("tool", "westlake-result", call_id="westlake1", name="westlake_tool")


@dataclass(frozen=True, slots=True)
class Forms:
    """How a template wants what it is given."""

    in_parts: bool = False  #: contents as lists of parts; a string would vanish
    calls: bool = False  #: it has a form of its own for what the assistant calls
    empty_text: bool = False  #: … which wants a text beside it, if only an empty one
    results: bool = False  #: it has a form for tools' messages


@lru_cache(maxsize=4)
def forms_of(template: ChatTemplate) -> Forms:
    """Try a template out.

    Raises:
        TemplateRefused: it fails for every conversation, or leaves out what the user says.
    """
    compiled(template.source)
    forms = next((f for f in (Forms(), Forms(in_parts=True)) if _takes(template, f)), None)
    if forms is None:
        raise TemplateRefused(_why(template))
    with_text = replace(_CALLING, has_text=True)
    calls = _shows(template, forms, (_USER, _CALLING), _CALL.name, "westlake-value")
    empty = not calls and _shows(template, forms, (_USER, with_text), _CALL.name, "westlake-value")
    calling = _CALLING if calls else with_text if empty else Turn("assistant", _ANSWERED)
    results = _shows(template, forms, (_USER, calling, _RESULT), _RESULT.text)
    return Forms(forms.in_parts, calls or empty, empty, results)


def _takes(template: ChatTemplate, forms: Forms) -> bool:
    return any(_listens(template, forms, turns) for turns in _PLAIN)


def _listens(template: ChatTemplate, forms: Forms, turns: Sequence[Turn]) -> bool:
    """Whether it renders the turns, and what the user says makes a difference. It need not be
    there as it was said: templates may trim or quote it."""
    others = [_OTHER if turn == _USER else turn for turn in turns]
    try:
        one, other = (
            render_messages(each, template, in_parts=forms.in_parts).text
            for each in (turns, others)
        )
    except TooMuchWork:  # seconds each time: once is enough
        raise
    except TemplateRefused:
        return False
    return one != other


def _shows(template: ChatTemplate, forms: Forms, turns: Sequence[Turn], *texts: str) -> bool:
    try:
        prompt = render_messages(turns, template, in_parts=forms.in_parts)
    except TemplateRefused:
        return False
    return all(text in prompt.text for text in texts)


def _why(template: ChatTemplate) -> str:
    try:
        render_messages((_USER,), template)
    except TemplateRefused as error:
        return str(error)
    return "it leaves out what the user says"
