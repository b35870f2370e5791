"""The formats of tool calls: which one a chat template teaches, and the parser of each."""

from __future__ import annotations

from enum import StrEnum

from app.tool_calls.hermes import HermesParser
from app.tool_calls.llama3_json import Llama3JsonParser
from app.tool_calls.mistral import MistralParser
from app.tool_calls.offered_tools import OfferedTools
from app.tool_calls.parser import ToolCallParser
from app.tool_calls.plain_json import PlainJsonParser
from app.tool_calls.qwen3_coder import Qwen3CoderParser


class ToolFormat(StrEnum):
    """By the names of vLLM's parsers, where it has one."""

    HERMES = "hermes"
    LLAMA3_JSON = "llama3_json"
    MISTRAL = "mistral"
    QWEN3_CODER = "qwen3_coder"
    JSON = "json"


_PARSERS: dict[ToolFormat, type[ToolCallParser]] = {
    ToolFormat.HERMES: HermesParser,
    ToolFormat.LLAMA3_JSON: Llama3JsonParser,
    ToolFormat.MISTRAL: MistralParser,
    ToolFormat.QWEN3_CODER: Qwen3CoderParser,
    ToolFormat.JSON: PlainJsonParser,
}
#: What stands in the templates of each format, the more special ones first. All of a row must.
_MARKS: tuple[tuple[ToolFormat, tuple[str, ...]], ...] = (
    (ToolFormat.MISTRAL, ("[TOOL_CALLS]",)),
    (ToolFormat.QWEN3_CODER, ("<function=", "<parameter=")),
    (ToolFormat.HERMES, ("<tool_call>",)),
    (ToolFormat.LLAMA3_JSON, ("<|python_tag|>",)),
    (ToolFormat.LLAMA3_JSON, ('"name": ', '"parameters": ')),
    (ToolFormat.JSON, ('"name": ', '"arguments": ')),
)


def detect_format(template: str | None) -> ToolFormat | None:
    """The format that a chat template (Jinja source) teaches the model; None: none of these."""
    source = (template or "").replace('\\"', '"')
    matching = (kind for kind, marks in _MARKS if all(mark in source for mark in marks))
    return next(matching, None)


def special_texts(kind: ToolFormat) -> tuple[str, ...]:
    """Texts that must be in an answer's text also where they are special tokens."""
    return _PARSERS[kind].special_texts


def new_parser(kind: ToolFormat, tools: OfferedTools) -> ToolCallParser:
    """A parser for one answer."""
    return _PARSERS[kind](tools)
