"""Structured outputs to grammars of the grammar library: Lark, or the library's JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from app.structured_output.grammar_compiler import InvalidGrammar
from app.structured_output.json_schema_grammar import inline_schema, json_schema_grammar
from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.schema_patterns import translate_pattern
from app.structured_output.schema_satisfiability import UnsatisfiableSchema
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind


def library_grammar(output: StructuredOutput) -> str:
    """The grammar that keeps an answer to `output`.

    Raises:
        InvalidGrammar: it is invalid.
        UnsatisfiableSchema: a schema has no instance.
        InexactSchema: a schema uses something that could be kept only approximately.
        UnsupportedPattern: a regular expression uses something that is not supported.
    """
    return _GRAMMARS[output.kind](output.text)


def _regex_grammar(pattern: str) -> str:
    from llguidance import LLMatcher

    translated, _ = translate_pattern(pattern, in_json=False)
    return LLMatcher.grammar_from_regex(translated)


def _choice_grammar(choices: str) -> str:
    # One terminal: the lexer takes a choice that begins another one as well as the longer one.
    literals = " | ".join(json.dumps(choice) for choice in json.loads(choices))
    return f"start: CHOICE\nCHOICE: {literals}\n"


def _lark_grammar(text: str) -> str:
    from llguidance.gbnf_to_lark import any_to_lark

    try:
        return _with_exact_schemas(any_to_lark(text))
    except (InvalidGrammar, InexactSchema, UnsatisfiableSchema, RecursionError):
        raise
    except Exception as error:  # the converter raises Exception itself
        raise InvalidGrammar(f"not a GBNF grammar: {error}") from None


def _structural_tag_grammar(text: str) -> str:
    from llguidance import StructTag

    value = json.loads(text)
    tags = [
        StructTag(
            trigger=next(each for each in value["triggers"] if tag["begin"].startswith(each)),
            begin=tag["begin"],
            grammar=inline_schema(json.dumps(tag["schema"])),
            end=tag["end"],
        )
        for tag in value["structures"]
    ]
    return StructTag.to_grammar(tags, assume_special=False)


#: A string, a regular expression, a comment, or what comes before a JSON schema.
_LARK_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/|//[^\n]*|(%json)\s*(?=\{)')


def _with_exact_schemas(lark: str) -> str:
    """A Lark grammar with its JSON schemas in the library's dialect."""
    parts, position = [], 0
    while part := _LARK_PART.search(lark, position):
        parts.append(lark[position : part.end()])
        position = part.end()
        if part[1]:
            try:
                schema, position = json.JSONDecoder().raw_decode(lark, position)
            except ValueError:
                raise InvalidGrammar("%json without a schema") from None
            parts.append(inline_schema(json.dumps(schema)))
    return "".join((*parts, lark[position:]))


_GRAMMARS: Mapping[StructuredOutputKind, Callable[[str], str]] = {
    StructuredOutputKind.JSON_SCHEMA: json_schema_grammar,
    StructuredOutputKind.REGEX: _regex_grammar,
    StructuredOutputKind.CHOICE: _choice_grammar,
    StructuredOutputKind.GRAMMAR: _lark_grammar,
    StructuredOutputKind.STRUCTURAL_TAG: _structural_tag_grammar,
}
