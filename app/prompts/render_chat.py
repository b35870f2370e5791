"""A conversation through a chat template, in the forms the template has.

Knows nothing about settings, tokens or where the template came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.prompts import Prompt, Turn
from app.prompts.chat_template import ChatTemplate, no_check, render_messages
from app.prompts.template_features import Forms, forms_of
from app.prompts.tool_text import calls_as_text, results_as_text


def render_with_template(
    turns: Sequence[Turn],
    template: ChatTemplate,
    *,
    continued: bool = False,
    check: Callable[[], None] = no_check,
) -> Prompt:
    """The conversation as the template writes it, up to where the next answer begins, or to
    the end of the last turn's text if that is to be `continued`. Tool turns that the template
    has no form for are written as text. check: see `render_messages`.

    Raises:
        ReservedCharacter: a turn holds U+E0FF.
        TemplateRefused: the template does not take this conversation, or does too much.
    """
    forms = forms_of(template)
    return render_messages(
        _in_forms(turns, forms),
        template,
        in_parts=forms.in_parts,
        continued=continued,
        check=check,
    )


def _in_forms(turns: Sequence[Turn], forms: Forms) -> Sequence[Turn]:
    if not forms.calls:
        turns = calls_as_text(turns)
    elif forms.empty_text:
        turns = [replace(turn, has_text=True) for turn in turns]
    return turns if forms.results else results_as_text(turns)
