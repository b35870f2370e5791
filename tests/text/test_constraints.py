"""Masks of a schema: whatever is drawn from them is an instance of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from app.text.constraints import JsonConstraint
from app.text.grammar import GrammarCompiler, InvalidSchema, grammar_tokens
from app.text.tokenizer import Tokenizer, load_tokenizer

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
