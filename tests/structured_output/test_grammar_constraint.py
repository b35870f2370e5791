"""Token masks of a schema: every text sampled with them is valid JSON for the schema."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.grammar_constraint import GrammarConstraint
from app.structured_output.json_schema_grammar import with_options
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.validation_worker import validate
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "tags": {"type": "array", "items": {"enum": ["红", "b"]}, "maxItems": 2},
        "count": {"type": "integer", "minimum": 0, "maximum": 999},
    },
    "required": ["name", "tags", "count"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(Path(__file__).parents[2] / "models" / "demo")


@pytest.fixture(scope="module")
def compiler(tokenizer: Tokenizer) -> GrammarCompiler:
    return GrammarCompiler(grammar_tokens(tokenizer, tokenizer.eos_ids))


def begin(compiler: GrammarCompiler, schema: str, tokenizer: Tokenizer) -> GrammarConstraint:
    return GrammarConstraint(compiler.compile(with_options(schema)), tokenizer.vocab_size)


def test_random_samples_are_valid(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    rng = random.Random(3)
    for _ in range(60):
        constraint, tokens = begin(compiler, json.dumps(SCHEMA), tokenizer), list[int]()
        while not constraint.complete:
            allowed = constraint.allowed()
            assert allowed.shape == (tokenizer.vocab_size,)
            tokens.append(int(rng.choice(np.flatnonzero(allowed))))
            constraint.accept(tokens[-1])
        text = b"".join(tokenizer.token_bytes[token] for token in tokens).decode()
        jsonschema.validate(json.loads(text), SCHEMA)


def test_a_copy_is_independent(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    first = begin(compiler, '{"enum": ["ab", "cd"]}', tokenizer)
    first.accept(int(np.flatnonzero(first.allowed())[0]))
    second = first.copy()
    before = second.allowed()
    while not first.complete:
        first.accept(int(np.flatnonzero(first.allowed())[0]))
    assert (second.allowed() == before).all()
    assert not second.complete


def test_special_tokens_are_not_allowed(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    constraint = begin(compiler, '{"type": "string"}', tokenizer)
    allowed = constraint.allowed()
    assert not any(allowed[token] for token in tokenizer.special_ids)


@pytest.mark.parametrize("schema", ["[1", '{"type": "nonsense"}', '{"$ref": "file:///etc/x"}'])
def test_invalid_schemas_give_one_line(compiler: GrammarCompiler, schema: str) -> None:
    output = StructuredOutput(StructuredOutputKind.JSON_SCHEMA, schema)
    valid, message, _, _ = validate(compiler, output)
    assert not valid and message and "\n" not in message


VALUE = {"name": "a b", "tags": ["红", "b"], "count": 7}
#: As models write it: on one line with and without spaces, and on several with common indents.
WRITTEN = [
    json.dumps(VALUE, ensure_ascii=False),
    json.dumps(VALUE, ensure_ascii=False, separators=(",", ":")),
    *(json.dumps(VALUE, ensure_ascii=False, indent=indent) for indent in (0, 1, 2, 3, 4, 8, "\t")),
    json.dumps(VALUE, ensure_ascii=False, indent=4).replace("\n", "\r\n"),
    '{ "name": "a b", "tags": [ "红", "b" ], "count": 7 }',
    '{"name" : "a b" , "tags" : ["红" , "b"] , "count" : 7}',
    '{\n"name": "a b", "tags": [\n\t\t"红", "b"], "count":\n    7}',
]


def accepts(constraint: GrammarConstraint, tokenizer: Tokenizer, text: str) -> bool:
    """Whether the constraint accepts `text`, always using the longest allowed token."""
    rest = text.encode()
    while rest:
        allowed = (tokenizer.token_bytes[token] for token in np.flatnonzero(constraint.allowed()))
        matching = [piece for piece in allowed if rest.startswith(piece)]
        if not matching:
            return False
        best = max(matching, key=len)
        constraint.accept(tokenizer.token_bytes.index(best))
        rest = rest[len(best) :]
    return constraint.complete


@pytest.mark.parametrize("text", WRITTEN)
def test_white_space_that_models_write(
    tokenizer: Tokenizer, compiler: GrammarCompiler, text: str
) -> None:
    assert json.loads(text) == VALUE
    assert accepts(begin(compiler, json.dumps(SCHEMA), tokenizer), tokenizer, text)


def test_ten_levels_of_indentation(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    value: object = 1
    schema: dict[str, object] = {"type": "integer"}
    for level in range(10):
        value = [value] if level % 2 else {"a": value}
        kind = {"items": schema} if level % 2 else {"properties": {"a": schema}}
        schema = {"type": "array" if level % 2 else "object", **kind}
    text = json.dumps(value, indent=4)
    assert accepts(begin(compiler, json.dumps(schema), tokenizer), tokenizer, text)


@pytest.mark.parametrize(
    "schema",
    [
        json.dumps(SCHEMA),
        '{"type": "object"}',
        '{"type": "array", "items": {"type": "array"}}',
        # an option of the library in the schema does not allow more
        '{"type": "array", "x-guidance": {"whitespace_pattern": "[ ]*"}}',
    ],
)
def test_white_space_is_bounded(
    tokenizer: Tokenizer, compiler: GrammarCompiler, schema: str
) -> None:
    """Even for a model that always prefers white space."""
    white = [
        token for token, piece in enumerate(tokenizer.token_bytes) if piece and not piece.strip()
    ]
    constraint, rng, output = begin(compiler, schema, tokenizer), random.Random(5), b""
    for _ in range(300):
        if constraint.complete:
            break
        allowed = constraint.allowed()
        white_tokens = [token for token in white if allowed[token]]
        if white_tokens and b'"' not in output[-1:]:
            token = rng.choice(white_tokens)
        else:
            token = int(rng.choice(np.flatnonzero(allowed)))
        constraint.accept(token)
        output += tokenizer.token_bytes[token]
    outside = re.sub(rb'"(?:[^"\\]|\\.)*("|$)', b'""', output)
    assert max(map(len, re.findall(rb"\s+", outside))) <= 42


@pytest.mark.parametrize("key", ["name", "items", "temperature", "杭州", "first name", "a_b-c.d"])
def test_keys_may_use_the_longest_tokens(
    tokenizer: Tokenizer, compiler: GrammarCompiler, key: str
) -> None:
    """A model must not be forced to write a key byte by byte."""
    schema = {"type": "object", "properties": {key: {"type": "null"}}, "required": [key]}
    constraint = begin(compiler, json.dumps(schema, ensure_ascii=False), tokenizer)
    assert constraint.accept_all(compiler.tokenize('{"'))
    output: list[bytes] = []
    while key.encode() not in b"".join(output):
        allowed = [tokenizer.token_bytes[token] for token in np.flatnonzero(constraint.allowed())]
        output.append(max(allowed, key=len))
        constraint.accept(tokenizer.token_bytes.index(output[-1]))
    pieces = [each for each in tokenizer.token_bytes if each and each in key.encode()]
    shortest = next(count for count in range(1, 100) if fits(key, pieces, count))
    assert len(output) <= shortest + 1


def fits(key: str, pieces: list[bytes], count: int) -> bool:
    """Whether `key` can be written with `count` pieces."""
    reached = {0}
    for _ in range(count):
        reached = {
            at + len(piece)
            for at in reached
            for piece in pieces
            if key.encode().startswith(piece, at)
        }
    return len(key.encode()) in reached
