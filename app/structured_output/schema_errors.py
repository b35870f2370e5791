"""What the grammar library says of a schema, in our words, or in none of its own.

Knows nothing about requests. The library's messages may hold traces, file names of its sources and
the grammar's insides; only what is known to speak of the schema itself is passed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.structured_output.schema_traversal import nodes, pointer

INVALID = "it is not a valid JSON schema"
CANNOT_BE_KEPT = "no answer can be kept to this schema"
TOO_LARGE = "it is too large or too intricate to keep an answer to it; simplify the schema"
TOO_SLOW = "it takes too long to make a grammar of it; simplify the schema"
_LONGEST = 160

_Words = Callable[[re.Match[str]], str]
_KNOWN: tuple[tuple[str, _Words], ...] = (
    (r"^Invalid schema", lambda m: INVALID),
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
    (r"[Uu]nsatisfiable schema|is unsatisfiable|Regex is empty", lambda m: CANNOT_BE_KEPT),
    (r"too large|too big|too many|too complex|fuel|limit|exceeded|Unable to determine|max is",
     lambda m: TOO_LARGE),
)  # fmt: skip


def in_our_words(message: str) -> str:
    """One line for the client."""
    for pattern, words in _KNOWN:
        if found := re.search(pattern, message):
            line = " ".join(words(found).split())
            return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return INVALID


def with_place(words: str, schema: object) -> str:
    """Our words with the first place in the schema that they are about, where they tell."""
    found = re.match(r"keywords that are not supported: ([$\w]+)|(format|type) '(.*?)' is", words)
    if found is None:
        return words
    keyword, value = found[1] or found[2], found[3]
    for path, node in sorted(nodes(schema), key=lambda each: each[0]):
        if keyword in node and (value is None or node[keyword] == value):
            return f"{words}; at {pointer((*path, keyword))}"
    return words
