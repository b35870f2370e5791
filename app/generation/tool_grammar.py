"""The grammar that holds an answer's tool calls, where they are guaranteed."""

from __future__ import annotations

from collections.abc import Mapping

from app.generation.request import ToolUse
from app.protocol.json_schema_keywords import without_steering
from app.protocol.loading import field_error
from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.structured_output import StructuredOutput
from app.structured_output.tool_call_grammar import ToolCallSyntax, tool_call_output
from app.tool_calls.formats import ToolFormat

_ANY_ARGUMENTS: Mapping[str, object] = {"type": "object"}
_HERMES = ToolCallSyntax(
    before_name='<tool_call>\n{"name": "',
    before_arguments='", "arguments": ',
    after_arguments="}\n</tool_call>",
    separator="\n",
    trigger="<tool_call>",
)
_SYNTAXES: Mapping[ToolFormat, ToolCallSyntax] = {
    ToolFormat.HERMES: _HERMES,
    ToolFormat.LLAMA3_JSON: ToolCallSyntax(
        before_name='{"name": "',
        before_arguments='", "parameters": ',
        after_arguments="}",
        separator="\n",
    ),
    ToolFormat.MISTRAL: ToolCallSyntax(
        begin="[TOOL_CALLS][",
        before_name='{"name": "',
        before_arguments='", "arguments": ',
        after_arguments="}",
        separator=", ",
        end="]",
        trigger="[TOOL_CALLS]",
    ),
    ToolFormat.QWEN3_CODER: ToolCallSyntax(
        before_name="<tool_call>\n<function=",
        before_arguments=">\n",
        after_arguments="</function>\n</tool_call>",
        separator="\n",
        trigger="<tool_call>",
        xml_parameters=True,
    ),
    ToolFormat.JSON: ToolCallSyntax(
        before_name='{"name": "',
        before_arguments='", "arguments": ',
        after_arguments="}",
        separator="\n",
    ),
}
#: Of Mistral's models since 2025, whose templates have the tag [ARGS].
_MISTRAL_ARGS = ToolCallSyntax(
    before_name="[TOOL_CALLS]",
    before_arguments="[ARGS]",
    after_arguments="",
    trigger="[TOOL_CALLS]",
)


def tool_grammar(
    tool_use: ToolUse,
    kind: ToolFormat,
    template: str | None,
    special_ids: Mapping[str, int],
    answer_schema: str | None = None,
) -> StructuredOutput | None:
    """What the answer must match; None where its calls are left to the model.

    A call that is required keeps to its tool's schema; so does any call of a strict tool. Where
    one call is all there may be, the answer ends with it. template: the chat template in use;
    special_ids: of the vocabulary's special tokens, by their texts; answer_schema: what an answer
    without calls must match; it has no text beside calls then.

    Raises:
        BadRequest: a schema cannot be kept to.
    """
    strict = any(tool.strict for tool in tool_use.tools)
    is_free = tool_use.parallel and answer_schema is None and not (tool_use.required or strict)
    if not tool_use.tools or is_free:
        return None
    is_mistral_args = kind is ToolFormat.MISTRAL and "[ARGS]" in (template or "")
    schemas = {
        tool.name: without_steering(tool.parameters)
        if tool_use.required or tool.strict
        else _ANY_ARGUMENTS
        for tool in tool_use.tools
    }
    try:
        return tool_call_output(
            _MISTRAL_ARGS if is_mistral_args else _SYNTAXES[kind],
            schemas,
            special_ids,
            may_answer=not tool_use.required,
            answer_schema=answer_schema,
            max_calls=None if tool_use.parallel else 1,
        )
    except InexactSchema as error:
        raise field_error("tools", str(error)) from error
