"""Renders a conversation in the message format that its chat template supports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.prompts import ChatMessage, Prompt
from app.prompts.chat_template import ChatTemplate, never_cancelled, render_messages
from app.prompts.template_features import TemplateFeatures, detect_features
from app.prompts.tool_text import tool_calls_as_text, tool_results_as_text


def render_with_template(
    messages: Sequence[ChatMessage],
    template: ChatTemplate,
    *,
    continue_final_message: bool = False,
    check_cancelled: Callable[[], None] = never_cancelled,
) -> Prompt:
    """Render `messages` with `template`. Tool calls and results that the template does not
    support are written as text. See `render_messages` for the other arguments.

    Raises:
        ReservedCharacterError: a message contains U+E0FF.
        ChatTemplateError: the template rejects this conversation, or exceeds its budget.
    """
    features = detect_features(template)
    return render_messages(
        _adapt_messages(messages, features),
        template,
        typed_content=features.requires_typed_content,
        continue_final_message=continue_final_message,
        check_cancelled=check_cancelled,
    )


def _adapt_messages(
    messages: Sequence[ChatMessage], features: TemplateFeatures
) -> Sequence[ChatMessage]:
    """The same messages in the form that a template with `features` reads."""
    if not features.supports_tool_calls:
        messages = tool_calls_as_text(messages)
    elif features.requires_content:
        messages = [replace(message, has_text=True) for message in messages]
    return messages if features.supports_tool_results else tool_results_as_text(messages)
