"""Masks of a schema: whatever is drawn from them is an instance of it."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from app.structured_output.grammar_compiler import GrammarCompiler, InvalidSchema, grammar_tokens
from app.structured_output.json_constraint import JsonConstraint
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


def begin(compiler: GrammarCompiler, schema: str, tokenizer: Tokenizer) -> JsonConstraint:
    return JsonConstraint(compiler.compile(schema), tokenizer.vocab_size)


def test_random_draws_are_instances(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    rng = random.Random(3)
    for _ in range(60):
        constraint, drawn = begin(compiler, json.dumps(SCHEMA), tokenizer), list[int]()
        while not constraint.complete:
            allowed = constraint.allowed()
            assert allowed.shape == (tokenizer.vocab_size,)
            drawn.append(int(rng.choice(np.flatnonzero(allowed))))
            constraint.accept(drawn[-1])
        text = b"".join(tokenizer.token_bytes[token] for token in drawn).decode()
        jsonschema.validate(json.loads(text), SCHEMA)


def test_a_copy_goes_its_own_way(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    first = begin(compiler, '{"enum": ["ab", "cd"]}', tokenizer)
    first.accept(int(np.flatnonzero(first.allowed())[0]))
    second = first.copy()
    before = second.allowed()
    while not first.complete:
        first.accept(int(np.flatnonzero(first.allowed())[0]))
    assert (second.allowed() == before).all()
    assert not second.complete


def test_control_tokens_are_no_text(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    constraint = begin(compiler, '{"type": "string"}', tokenizer)
    allowed = constraint.allowed()
    assert not any(allowed[token] for token in tokenizer.special_ids)


@pytest.mark.parametrize("schema", ["[1", '{"type": "nonsense"}', '{"$ref": "file:///etc/x"}'])
def test_wrong_schemas_are_one_line(compiler: GrammarCompiler, schema: str) -> None:
    with pytest.raises(InvalidSchema) as refused:
        compiler.compile(schema)
    assert str(refused.value) and "\n" not in str(refused.value)


VALUE = {"name": "a b", "tags": ["红", "b"], "count": 7}
#: As models write it: in one line, tight and loose, and over several with all usual indents.
WRITTEN = [
    json.dumps(VALUE, ensure_ascii=False),
    json.dumps(VALUE, ensure_ascii=False, separators=(",", ":")),
    *(json.dumps(VALUE, ensure_ascii=False, indent=indent) for indent in (0, 1, 2, 3, 4, 8, "\t")),
    json.dumps(VALUE, ensure_ascii=False, indent=4).replace("\n", "\r\n"),
    '{ "name": "a b", "tags": [ "红", "b" ], "count": 7 }',
    '{"name" : "a b" , "tags" : ["红" , "b"] , "count" : 7}',
    '{\n"name": "a b", "tags": [\n\t\t"红", "b"], "count":\n    7}',
]


def spell(constraint: JsonConstraint, tokenizer: Tokenizer, text: str) -> bool:
    """Whether the text may be said, in the longest tokens that are allowed each time."""
    rest = text.encode()
    while rest:
        allowed = (tokenizer.token_bytes[token] for token in np.flatnonzero(constraint.allowed()))
        fitting = [piece for piece in allowed if rest.startswith(piece)]
        if not fitting:
            return False
        best = max(fitting, key=len)
        constraint.accept(tokenizer.token_bytes.index(best))
        rest = rest[len(best) :]
    return constraint.complete


@pytest.mark.parametrize("text", WRITTEN)
def test_white_space_as_models_write_it(
    tokenizer: Tokenizer, compiler: GrammarCompiler, text: str
) -> None:
    assert json.loads(text) == VALUE
    assert spell(begin(compiler, json.dumps(SCHEMA), tokenizer), tokenizer, text)


def test_ten_levels_of_indentation(tokenizer: Tokenizer, compiler: GrammarCompiler) -> None:
    value: object = 1
    schema: dict[str, object] = {"type": "integer"}
    for level in range(10):
        value = [value] if level % 2 else {"a": value}
        kind = {"items": schema} if level % 2 else {"properties": {"a": schema}}
        schema = {"type": "array" if level % 2 else "object", **kind}
    text = json.dumps(value, indent=4)
    assert spell(begin(compiler, json.dumps(schema), tokenizer), tokenizer, text)


@pytest.mark.parametrize(
    "schema",
    [
        json.dumps(SCHEMA),
        '{"type": "object"}',
        '{"type": "array", "items": {"type": "array"}}',
        # what a client writes for the library itself gives no more room
        '{"type": "array", "x-guidance": {"whitespace_pattern": "[ ]*"}}',
    ],
)
def test_white_space_ends(tokenizer: Tokenizer, compiler: GrammarCompiler, schema: str) -> None:
    """Even for a model that would rather say nothing else."""
    white = [
        number for number, piece in enumerate(tokenizer.token_bytes) if piece and not piece.strip()
    ]
    constraint, rng, said = begin(compiler, schema, tokenizer), random.Random(5), b""
    for _ in range(300):
        if constraint.complete:
            break
        allowed = constraint.allowed()
        blanks = [token for token in white if allowed[token]]
        if blanks and b'"' not in said[-1:]:
            token = rng.choice(blanks)
        else:
            token = int(rng.choice(np.flatnonzero(allowed)))
        constraint.accept(token)
        said += tokenizer.token_bytes[token]
    outside = re.sub(rb'"(?:[^"\\]|\\.)*("|$)', b'""', said)
    assert max(map(len, re.findall(rb"\s+", outside))) <= 42


@pytest.mark.parametrize("key", ["name", "items", "temperature", "杭州", "first name", "a_b-c.d"])
def test_keys_are_said_in_whole_tokens(
    tokenizer: Tokenizer, compiler: GrammarCompiler, key: str
) -> None:
    """A model that has to spell a word byte by byte does not know it."""
    schema = {"type": "object", "properties": {key: {"type": "null"}}, "required": [key]}
    constraint = begin(compiler, json.dumps(schema, ensure_ascii=False), tokenizer)
    assert constraint.accept_all(compiler.tokenize('{"'))
    said: list[bytes] = []
    while key.encode() not in b"".join(said):
        allowed = [tokenizer.token_bytes[token] for token in np.flatnonzero(constraint.allowed())]
        said.append(max(allowed, key=len))
        constraint.accept(tokenizer.token_bytes.index(said[-1]))
    pieces = [each for each in tokenizer.token_bytes if each and each in key.encode()]
    shortest = next(count for count in range(1, 100) if fits(key, pieces, count))
    assert len(said) <= shortest + 1


def fits(key: str, pieces: list[bytes], count: int) -> bool:
    """Whether `count` pieces can spell the key."""
    reached = {0}
    for _ in range(count):
        reached = {
            at + len(piece)
            for at in reached
            for piece in pieces
            if key.encode().startswith(piece, at)
        }
    return len(key.encode()) in reached
