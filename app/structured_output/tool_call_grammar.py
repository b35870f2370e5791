"""Grammars of tool calls that must match their schemas, in the form that a model was taught."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.xml_parameters import xml_parameter_rules

#: The JSON schema of each tool's arguments, by the tool's name.
ToolSchemas = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ToolCallSyntax:
    """How a model writes its calls: `begin`, calls with `separator` between them, `end`. A call is
    `before_name`, the tool's name, `before_arguments`, the arguments, `after_arguments`. Texts of
    special tokens in these stand for the tokens.

    Hermes: before_name='<tool_call>\\n{"name": "', before_arguments='", "arguments": ',
    after_arguments='}\\n</tool_call>', separator="\\n", trigger="<tool_call>".
    """

    before_name: str
    before_arguments: str
    after_arguments: str
    begin: str = ""
    separator: str = ""
    end: str = ""
    #: What text of an answer may not contain without going on with a call; `begin`, or without one
    #: `before_name`, begins with it. Empty: calls are only told by an answer's first character, {.
    trigger: str = ""
    xml_parameters: bool = False  #: arguments are <parameter=key>\nvalue\n</parameter>\n, not JSON


def tool_call_output(
    syntax: ToolCallSyntax,
    tools: ToolSchemas,
    special_ids: Mapping[str, int],
    *,
    may_answer: bool = False,
    answer_schema: str | None = None,
    max_calls: int | None = None,
) -> StructuredOutput:
    """What an answer must match so that it calls tools, and all its calls match their schemas.

    tools: one at least, with names of letters, digits, _ . and -; special_ids: the vocabulary's
    special tokens by their texts; may_answer: text is allowed too, before, between, after and
    instead of calls; answer_schema: JSON that may be there instead of calls must match it, and no
    other text is allowed; max_calls: None: no limit.

    Raises:
        InexactSchema: a parameter in XML has a schema that could be kept only approximately.
    """
    rules = _Rules(special_ids)
    call = rules.calls(syntax, tools, "call")
    if may_answer and answer_schema is not None:
        calls = rules.sequence(syntax, call, call, max_calls)
        return rules.output(f"start: {calls} | answer\nanswer: %json {answer_schema}")
    if not may_answer:
        calls = rules.sequence(syntax, call, call, max_calls)
        return rules.output(f"start: {calls}")
    if not syntax.trigger:
        calls = rules.sequence(syntax, call, call, max_calls)
        return rules.output(f"start: {calls} | NO_CALL\nNO_CALL: /(\\s*[^\\s{{](.|\\n)*)?/")
    opened = _after_trigger(syntax)
    first = call if syntax.begin else rules.calls(opened, tools, "opened")
    calls = rules.sequence(opened, first, call, max_calls)
    start = f"head {calls} | TEXT" if max_calls == 1 else f"(head {calls})* TEXT"
    return rules.output(f"start: {start}\n{rules.head(syntax.trigger)}\nTEXT: /(.|\\n)*/")


def _after_trigger(syntax: ToolCallSyntax) -> ToolCallSyntax:
    """The syntax of what follows the trigger."""
    if not (syntax.begin or syntax.before_name).startswith(syntax.trigger):
        raise ValueError("calls must begin with the trigger")
    if syntax.begin:
        return replace(syntax, begin=syntax.begin.removeprefix(syntax.trigger))
    return replace(syntax, before_name=syntax.before_name.removeprefix(syntax.trigger))


class _Rules:
    """The rules of a Lark grammar."""

    def __init__(self, special_ids: Mapping[str, int]) -> None:
        self._special_ids = special_ids
        longest_first = sorted(filter(None, special_ids), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._rules: list[str] = []

    def output(self, start: str) -> StructuredOutput:
        """The whole grammar."""
        text = "\n".join(("%llguidance {}", start, *self._rules, ""))
        return StructuredOutput(StructuredOutputKind.GRAMMAR, text)

    def calls(self, syntax: ToolCallSyntax, tools: ToolSchemas, name: str) -> str:
        """A rule for one call of any of the tools; returns its name."""
        options = []
        for index, (tool, schema) in enumerate(tools.items()):
            before = self._literal(syntax.before_name + tool + syntax.before_arguments)
            arguments = f"arguments_{index}"
            options.append(f"{before} {arguments} {self._literal(syntax.after_arguments)}")
            if not any(rule.startswith(f"{arguments}:") for rule in self._rules):
                self._rules += _arguments(arguments, schema, xml=syntax.xml_parameters)
        self._rules.append(f"{name}: " + "\n    | ".join(options))
        return name

    def sequence(self, syntax: ToolCallSyntax, first: str, call: str, max_calls: int | None) -> str:
        """One or more calls."""
        limit = "*" if max_calls is None else f"{{0,{max_calls - 1}}}"
        more = "" if max_calls == 1 else f"({self._literal(syntax.separator)} {call}){limit}"
        return f"{self._literal(syntax.begin)} {first} {more} {self._literal(syntax.end)}"

    def head(self, trigger: str) -> str:
        """A rule for text up to a trigger."""
        if trigger in self._special_ids:
            return f"head: TEXT {self._literal(trigger)}"
        return f"head[lazy]: TEXT {self._literal(trigger)}"

    def _literal(self, text: str) -> str:
        return " ".join(self._parts(text))

    def _parts(self, text: str) -> Iterator[str]:
        position = 0
        for match in self._special.finditer(text):
            if match.start() > position:
                yield json.dumps(text[position : match.start()])
            yield f"<[{self._special_ids[match[0]]}]>"
            position = match.end()
        if position < len(text):
            yield json.dumps(text[position:])


def _arguments(name: str, schema: Mapping[str, Any], *, xml: bool) -> Iterator[str]:
    """The rules of a tool's arguments."""
    if xml:
        yield from xml_parameter_rules(name, schema)
    else:
        yield f"{name}: %json {json.dumps({'type': 'object', **schema})}"
