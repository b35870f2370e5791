"""JSON schemas to grammars of the grammar library."""

from __future__ import annotations

import json
from typing import Any

from app.structured_output.grammar_compiler import InvalidGrammar
from app.structured_output.schema_dialect import forbid_additional_properties, translate_schema
from app.structured_output.schema_exactness import narrow_to_exact
from app.structured_output.schema_satisfiability import remove_unsatisfiable

#: White space allowed between the parts of a JSON text: what models write. Without it they give
#: other answers (an empty list, where they would begin a new line), and without a limit small
#: models never stop.
_WHITE_SPACE = r" |\r?\n( {0,40}|\t{0,10})"
_OPTIONS: dict[str, Any] = {"whitespace_flexible": True, "whitespace_pattern": _WHITE_SPACE}
#: Without \u: a name written with it would not be recognised as the name that it is.
_ESCAPES = 'nrbtf"\\'
_CONTROLS = {*map(chr, range(32)), "\x7f"} - set("\n\r\b\t\f")


def json_schema_grammar(schema: str) -> str:
    """The library's grammar of a JSON schema.

    schema: JSON text.

    Raises:
        InvalidGrammar: it is invalid.
        UnsatisfiableSchema: it has no instance.
        InexactSchema: it uses something that could be kept only approximately.
    """
    try:
        value: Any = json.loads(schema)
    except ValueError as error:
        raise InvalidGrammar(str(error)) from None
    changed = translate_schema(value)
    changed |= remove_unsatisfiable(value)
    changed |= narrow_to_exact(value)
    text = json.dumps(value) if changed else schema
    if _may_need_unicode_escapes(text):
        forbid_additional_properties(value)
        text = json.dumps(value)
    return with_options(text)


def inline_schema(schema: str) -> str:
    """The schema to write after `%json` in a Lark grammar; see `json_schema_grammar`."""
    (grammar,) = json.loads(json_schema_grammar(schema))["grammars"]
    return json.dumps(grammar["json_schema"])


def with_options(schema: str) -> str:
    """The library's grammar of a schema in its own dialect.

    Raises:
        InvalidGrammar: it is not JSON.
    """
    from llguidance import LLMatcher  # imported with the first schema

    options: Any = {**_OPTIONS, "json_allowed_escapes": _escapes(schema)}
    try:
        return LLMatcher.grammar_from_json_schema(schema, overrides=options)
    except ValueError as error:
        raise InvalidGrammar(str(error)) from None


def _may_need_unicode_escapes(schema: str) -> bool:
    """Whether an instance of the schema may need a character written as \\u…"""
    return any(each in schema or f"\\u{ord(each):04x}" in schema for each in _CONTROLS)


def _escapes(schema: str) -> str:
    """The letters allowed after a backslash: u only if a character cannot be written without."""
    return _ESCAPES + "u" if _may_need_unicode_escapes(schema) else _ESCAPES
