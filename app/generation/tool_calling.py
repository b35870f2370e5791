"""What offering tools changes in a request to the engine."""

from __future__ import annotations

from dataclasses import replace

from app.engine.model_info import ModelInfo
from app.engine.request import GenerationRequest
from app.generation.rendering import source_in_use, template_in_use
from app.generation.request import ToolUse
from app.generation.served_model import ServedModel
from app.generation.tool_grammar import tool_grammar
from app.prompts.tool_format import tool_format_of
from app.tool_calls.formats import ToolFormat, special_texts


def format_in_use(served: ServedModel, info: ModelInfo) -> ToolFormat:
    """The format in which the model writes calls: of --tool_parser, or the chat template's."""
    template, _ = template_in_use(served.chat_template, info, with_tools=True)
    return served.tool_format or tool_format_of(template)


def with_tool_calls(
    generation: GenerationRequest,
    tool_use: ToolUse,
    kind: ToolFormat,
    served: ServedModel,
    info: ModelInfo,
) -> GenerationRequest:
    """The same request, with the tags of the format `kind` in the answer's text, and calls held
    by grammar where they are guaranteed.

    Raises:
        BadRequest: a tool's schema cannot be kept to.
    """
    output = generation.structured_output
    grammar = tool_grammar(
        tool_use,
        kind,
        source_in_use(served.chat_template, info, with_tools=True),
        dict(zip(info.special_texts, info.special_ids, strict=True)),
        output.text if output else None,
    )
    generation = replace(generation, shown_special_texts=special_texts(kind))
    if grammar is None:
        return generation
    # A text that is continued is no part of a call.
    prefix = generation.answer_prefix if output and not tool_use.required else ""
    return replace(generation, structured_output=grammar, answer_prefix=prefix)
