"""Masks of a schema: whatever is drawn from them is an instance of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from app.text.constraints import InvalidSchema, maker_for
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


def test_random_draws_are_instances(tokenizer: Tokenizer) -> None:
    maker, rng = maker_for(tokenizer), random.Random(3)
    for _ in range(60):
        constraint, drawn = maker.make(json.dumps(SCHEMA)), list[int]()
        while not constraint.complete:
            allowed = constraint.allowed()
            assert allowed.shape == (tokenizer.vocab_size,)
            drawn.append(int(rng.choice(np.flatnonzero(allowed))))
            constraint.accept(drawn[-1])
        text = b"".join(tokenizer.token_bytes[token] for token in drawn).decode()
        jsonschema.validate(json.loads(text), SCHEMA)


def test_a_copy_goes_its_own_way(tokenizer: Tokenizer) -> None:
    first = maker_for(tokenizer).make('{"enum": ["ab", "cd"]}')
    first.accept(int(np.flatnonzero(first.allowed())[0]))
    second = first.copy()
    before = second.allowed()
    while not first.complete:
        first.accept(int(np.flatnonzero(first.allowed())[0]))
    assert (second.allowed() == before).all()
    assert not second.complete


def test_control_tokens_are_no_text(tokenizer: Tokenizer) -> None:
    constraint = maker_for(tokenizer).make('{"type": "string"}')
    allowed = constraint.allowed()
    assert not any(allowed[token] for token in tokenizer.special_ids)


@pytest.mark.parametrize("schema", ["[1", '{"type": "nonsense"}', '{"$ref": "file:///etc/x"}'])
def test_wrong_schemas_are_one_line(tokenizer: Tokenizer, schema: str) -> None:
    with pytest.raises(InvalidSchema) as refused:
        maker_for(tokenizer).make(schema)
    assert str(refused.value) and "\n" not in str(refused.value)
