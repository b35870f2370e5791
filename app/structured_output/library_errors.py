"""Translates the grammar library's error messages for the client.

The library's messages may have stack traces, source file names and internals of the grammar, so
only the parts that are known to be about the client's text are passed on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from app.structured_output.schema_traversal import nodes, pointer
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind

INVALID: Mapping[StructuredOutputKind, str] = {
    StructuredOutputKind.JSON_SCHEMA: "it is not a valid JSON schema",
    StructuredOutputKind.REGEX: "it is not a regular expression",
    StructuredOutputKind.CHOICE: "it is not a list of choices",
    StructuredOutputKind.GRAMMAR: "it is not a Lark or GBNF grammar",
    StructuredOutputKind.STRUCTURAL_TAG: "these are no structural tags",
}
CANNOT_BE_KEPT = "no answer can be kept to it"
TOO_LARGE = "it is too large or too intricate to keep an answer to it; simplify it"
TOO_SLOW = "it takes too long to make a grammar of it; simplify it"
_MAX_CHARACTERS = 160
#: Faults in the text of a Lark grammar, which say nothing of the library.
_IN_LARK = re.compile(
    r"(?:at )?(\d+)\(\d+\): (lexer error|unknown name: .*|circular reference in token .*"
    r"|Expected token .*?(?= \(at|$)|& is only supported for tokens.*|duplicate (?:rule|token).*"
    r"|range end must be .*)"
)

_Template = Callable[[re.Match[str]], str]
_MESSAGES: tuple[tuple[str, _Template], ...] = (
    (r"^not a GBNF grammar: (Rule '[^']+' not found|No 'root' rule found)$", lambda m: m[1]),
    (r"^Invalid schema", lambda m: INVALID[StructuredOutputKind.JSON_SCHEMA]),
    (
        r"Unimplemented keys: \[(.*)\]",
        lambda m: "keywords that are not supported: " + m[1].replace('"', ""),
    ),
    (r"Unknown format: (.*)", lambda m: f"format {m[1]!r} is not supported"),
    (r"Invalid type: (.*)", lambda m: f"type {m[1]!r} is not one of JSON's"),
    (r"oneOf constraints are not supported", lambda m: "oneOf is supported only where its options "
     "cannot both hold, such as different types; use anyOf"),
    (r"Pointer '(.*?)' does not exist", lambda m: f"$ref points to #{m[1]}, which is not there"),
    (r"[Ee]xternal|[Rr]etriev|resolver", lambda m: "$ref is only for places in the same schema"),
    (r"lookarounds", lambda m: "an anchor or a word boundary in the midst of a pattern is not "
     "supported"),
    (r"not disjoint", lambda m: "patternProperties are supported only where no name can match two "
     "of the patterns"),
    (r"does not contain a multiple", lambda m: CANNOT_BE_KEPT),
    (r"look-around", lambda m: "a pattern uses look-around, which is not supported"),
    (r"backreferences", lambda m: "a pattern uses backreferences, which are not supported"),
    (r"regex parse error|[Ff]ailed to parse regex", lambda m: "a pattern is not a regular "
     "expression"),
    (r"multiple of|multipleOf", lambda m: "multipleOf must be a number over 0, of few digits"),
    (r"integer range|float range|minimum|maximum", lambda m: "minimum and maximum leave no number, "
     "or are too large"),
    (r"min/maxProperties only supported", lambda m: "minProperties and maxProperties are supported "
     "only where all properties are required"),
    (r"circular references", lambda m: "a $ref in a circle stands beside other keywords"),
    (r"[Uu]nsatisfiable schema|is unsatisfiable|Regex is empty|NoExtension",
     lambda m: CANNOT_BE_KEPT),
    (r"too large|too big|too many|too complex|fuel|limit|exceeded|Unable to determine|max is",
     lambda m: TOO_LARGE),
)  # fmt: skip


def client_message(message: str, output: StructuredOutput) -> str:
    """One line for the client, from the library's message about `output`."""
    if output.kind is StructuredOutputKind.GRAMMAR and (match := _IN_LARK.match(message)):
        rewritten = "::=" in output.text or "%json" in output.text  # its lines are others
        return _shortened(match[2] if rewritten else f"line {match[1]}: {match[2]}")
    for pattern, template in _MESSAGES:
        if match := re.search(pattern, message):
            line = " ".join(template(match).split())
            return _with_location(_shortened(line), output)
    return INVALID[output.kind]


def _shortened(line: str) -> str:
    return line if len(line) <= _MAX_CHARACTERS else line[: _MAX_CHARACTERS - 1] + "…"


def _with_location(message: str, output: StructuredOutput) -> str:
    """The message with the first location in a schema that it is about, if it names one."""
    match = re.match(r"keywords that are not supported: ([$\w]+)|(format|type) '(.*?)' is", message)
    if match is None or output.kind is not StructuredOutputKind.JSON_SCHEMA:
        return message
    keyword, value = match[1] or match[2], match[3]
    for path, node in sorted(nodes(json.loads(output.text)), key=lambda each: each[0]):
        if keyword in node and (value is None or node[keyword] == value):
            return f"{message}; at {pointer((*path, keyword))}"
    return message
