"""Tool calls by grammar: what is sampled at random parses in its format, and matches its schema."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.grammar_constraint import GrammarConstraint
from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.structured_output import StructuredOutput
from app.structured_output.tool_call_grammar import ToolCallSyntax, tool_call_output
from app.structured_output.validation_worker import validate
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer
from app.tool_calls.events import ArgumentsPiece, CallBegin, CallEnd, ContentText
from app.tool_calls.formats import ToolFormat, new_parser

SYNTAXES = {
    ToolFormat.HERMES: ToolCallSyntax(
        '<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>",
        separator="\n", trigger="<tool_call>",
    ),
    ToolFormat.LLAMA3_JSON: ToolCallSyntax('{"name": "', '", "parameters": ', "}", separator="\n"),
    ToolFormat.MISTRAL: ToolCallSyntax(
        '{"name": "', '", "arguments": ', "}",
        begin="[TOOL_CALLS][", separator=", ", end="]", trigger="[TOOL_CALLS]",
    ),
    ToolFormat.QWEN3_CODER: ToolCallSyntax(
        "<tool_call>\n<function=", ">\n", "</function>\n</tool_call>",
        separator="\n", trigger="<tool_call>", xml_parameters=True,
    ),
}  # fmt: skip
TOOLS: dict[str, dict[str, Any]] = {
    "get": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 1, "maxLength": 6},
            "days": {"$ref": "#/$defs/days"},
            "unit": {"enum": ["℃", "℃/h", "</x>"]},
            "code": {"type": "string", "pattern": "^[a-c/]{2,3}$"},
            "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
        "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
    },
    "get_time": {"type": "object", "properties": {}, "additionalProperties": False},
}
#: Special tokens of the embedded model's vocabulary, and the tags that they stand for.
SPECIAL = {"<tool_call>": 1, "[TOOL_CALLS]": 0}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(Path(__file__).parents[2] / "models" / "demo")


@pytest.fixture(scope="module")
def compiler(tokenizer: Tokenizer) -> GrammarCompiler:
    return GrammarCompiler(grammar_tokens(tokenizer, tokenizer.eos_ids))


def begin(
    compiler: GrammarCompiler, output: StructuredOutput, tokenizer: Tokenizer
) -> GrammarConstraint:
    verdict = validate(compiler, output)
    assert verdict.valid, (verdict.text, output.text)
    return GrammarConstraint(compiler.compile(verdict.text), tokenizer.vocab_size)


def text_of(tokenizer: Tokenizer, tokens: list[int], special: dict[str, int]) -> str:
    shown = {token: text.encode() for text, token in special.items()}
    return b"".join(shown.get(token, tokenizer.token_bytes[token]) for token in tokens).decode()


def sample(
    constraint: GrammarConstraint, tokenizer: Tokenizer, rng: random.Random
) -> list[int] | None:
    """Tokens chosen at random, up to the end; None: it did not come soon enough."""
    tokens: list[int] = []
    while not constraint.complete and len(tokens) < 400:
        tokens.append(int(rng.choice(np.flatnonzero(constraint.allowed()))))
        if tokens[-1] in tokenizer.eos_ids:
            return tokens[:-1]
        constraint.accept(tokens[-1])
    return tokens if constraint.complete else None


def calls_in(kind: ToolFormat, text: str) -> list[tuple[str, Any]]:
    """Names and arguments; nothing else may be in the text."""
    parser = new_parser(kind, TOOLS)
    calls: list[tuple[str, str]] = []
    for event in [*parser.feed(text), *parser.finish()]:
        match event:
            case CallBegin(_, name):
                calls.append((name, ""))
            case ArgumentsPiece(_, piece):
                calls[-1] = (calls[-1][0], calls[-1][1] + piece)
            case ContentText(content):
                assert not content.strip(), (content, text)
            case CallEnd():
                pass
    return [(name, json.loads(arguments)) for name, arguments in calls]


@pytest.mark.parametrize("special", [{}, SPECIAL], ids=["text", "special"])
@pytest.mark.parametrize("kind", SYNTAXES)
def test_random_calls_match_their_schemas(
    kind: ToolFormat, special: dict[str, int], tokenizer: Tokenizer, compiler: GrammarCompiler
) -> None:
    rng, found = random.Random(7), 0
    output = tool_call_output(SYNTAXES[kind], TOOLS, special, max_calls=3)
    initial = begin(compiler, output, tokenizer)
    for _ in range(25):
        tokens = sample(initial.copy(), tokenizer, rng)
        if tokens is None:
            continue
        text = text_of(tokenizer, tokens, special)
        calls = calls_in(kind, text)
        assert 1 <= len(calls) <= 3, text
        for name, arguments in calls:
            jsonschema.validate(arguments, TOOLS[name])
        found += 1
    assert found >= 10


TEXTS = {
    ToolFormat.HERMES: '<tool_call>\n{"name": "get", "arguments": {"city": "a", "days": 3}}\n'
    "</tool_call>",
    ToolFormat.LLAMA3_JSON: '{"name": "get", "parameters": {"city": "a", "days": 3}}',
    ToolFormat.MISTRAL: '[TOOL_CALLS][{"name": "get", "arguments": {"city": "a", "days": 3}}]',
    ToolFormat.QWEN3_CODER: "<tool_call>\n<function=get>\n<parameter=city>\na\n</parameter>\n"
    "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
}


def accepts(
    initial: GrammarConstraint, compiler: GrammarCompiler, text: str, special: dict[str, int]
) -> bool:
    """Whether it is a whole answer, with the tags as special tokens where they are some."""
    constraint, rest = initial.copy(), text
    while rest:
        tag = next((tag for tag in special if rest.startswith(tag)), None)
        end = min((at for tag in special if (at := rest.find(tag)) >= 0), default=len(rest))
        piece = tag or rest[:end]
        rest = rest[len(piece) :]
        if not constraint.accept_all([special[tag]] if tag else compiler.tokenize(piece)):
            return False
    return constraint.can_end


@pytest.mark.parametrize("special", [{}, SPECIAL], ids=["text", "special"])
@pytest.mark.parametrize("kind", SYNTAXES)
def test_text_is_free_where_it_may_be(
    kind: ToolFormat, special: dict[str, int], tokenizer: Tokenizer, compiler: GrammarCompiler
) -> None:
    good = TEXTS[kind]
    bad = good.replace('"get"', '"no"').replace("=get>", "=no>")
    output = tool_call_output(SYNTAXES[kind], TOOLS, special, may_answer=True)
    initial = begin(compiler, output, tokenizer)
    allowed = ["", "杭州\n{", "  hi", good]
    if SYNTAXES[kind].trigger:
        allowed += [f"Wait.\n{good}", f"{good}\nDone.", f"{good}\n{good}"]
    for text in allowed:
        assert accepts(initial, compiler, text, special), text
    assert not accepts(initial, compiler, bad, special)
    only_calls = begin(compiler, tool_call_output(SYNTAXES[kind], TOOLS, special), tokenizer)
    assert accepts(only_calls, compiler, good, special)
    assert not any(accepts(only_calls, compiler, text, special) for text in ("", "hi", bad))


@pytest.mark.parametrize("kind", SYNTAXES)
def test_one_call(kind: ToolFormat, tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    for may_answer in (False, True):
        output = tool_call_output(SYNTAXES[kind], TOOLS, {}, may_answer=may_answer, max_calls=1)
        initial = begin(compiler, output, tokenizer)
        assert accepts(initial, compiler, TEXTS[kind], {})
        assert not accepts(initial, compiler, f"{TEXTS[kind]}\n{TEXTS[kind]}", {})


@pytest.mark.parametrize("pattern", ["^a|b$", r"a\b", "(?=a)"])
def test_what_xml_cannot_keep_to_is_refused(pattern: str) -> None:
    tools = {"f": {"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}}}
    with pytest.raises(InexactSchema):
        tool_call_output(SYNTAXES[ToolFormat.QWEN3_CODER], tools, {})
