"""The format in which a model writes tool calls."""

from __future__ import annotations

from app.prompts.chat_template import ChatTemplate
from app.prompts.template_features import ToolsPlacement, tools_placement
from app.tool_calls.formats import ToolFormat, detect_format


def tool_format_of(template: ChatTemplate | None) -> ToolFormat:
    """What the template asks the model for. Hermes' where it does not say: our own text asks for it
    where a template shows no tools, or there is none.

    Raises:
        ChatTemplateError: the template fails for every conversation.
    """
    if template is None or tools_placement(template) is not ToolsPlacement.TEMPLATE:
        return ToolFormat.HERMES
    return detect_format(template.source) or ToolFormat.HERMES
