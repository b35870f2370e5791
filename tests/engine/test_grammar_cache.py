"""GrammarCache: one compilation for all requests, turns for owners, limits of the cache."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine import compiled_grammars
from app.engine.errors import EngineError, InvalidRequest, UnsupportedGrammar
from app.engine.grammar_cache import GrammarCache
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.grammar_constraint import GrammarConstraint
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.validation_process import ValidationProcess
from app.tokenizer.tokenizer import load_tokenizer

Result = GrammarConstraint | EngineError
SMALL = '{"enum": ["ab", "cd"]}'


def json_schema(text: str) -> StructuredOutput:
    return StructuredOutput(StructuredOutputKind.JSON_SCHEMA, text)


@pytest.fixture
def grammars() -> Iterator[GrammarCache]:
    tokenizer = load_tokenizer(Path(__file__).parents[2] / "models" / "demo")
    yield GrammarCache(grammar_tokens(tokenizer, tokenizer.eos_ids))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process compiled, in order."""
    schemas, compile = list[str](), GrammarCompiler.compile

    def noted(self: GrammarCompiler, grammar: str) -> Any:
        schemas.append(without_options(grammar))
        return compile(self, grammar)

    monkeypatch.setattr(GrammarCompiler, "compile", noted)
    return schemas


def without_options(grammar: str) -> str:
    """The schema that a grammar was made of."""
    (schema,) = (each["json_schema"] for each in json.loads(grammar)["grammars"])
    del schema["x-guidance"]
    return json.dumps(schema)


def ask(of: GrammarCache, schema: str, answer_prefix: str = "", owner: str = "") -> list[Result]:
    """Request a grammar and wait for the result."""
    results, done = list[Result](), threading.Event()

    def on_compiled(each: Result) -> None:
        results.append(each)
        done.set()

    of.request(json_schema(schema), answer_prefix, handle(owner), on_compiled)
    assert done.wait(30)
    return results


def handle(owner: str = "") -> RequestHandle:
    return RequestHandle(1, 1, lambda: None, Owner(owner))


def test_a_schema_is_compiled_once(grammars: GrammarCache, compiled: list[str]) -> None:
    first, second = *ask(grammars, SMALL), *ask(grammars, SMALL)
    assert isinstance(first, GrammarConstraint) and isinstance(second, GrammarConstraint)
    assert first is not second and compiled == [SMALL]


def test_an_error_is_cached(grammars: GrammarCache, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = ask(grammars, '{"type": "no"}')
    assert isinstance(first, UnsupportedGrammar)

    def lost(*_: object) -> None:
        raise AssertionError("it is tried again")

    monkeypatch.setattr(ValidationProcess, "validate", lost)
    (second,) = ask(grammars, '{"type": "no"}')
    assert str(second) == str(first)


def test_the_cache_is_bounded(
    grammars: GrammarCache, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_grammars, "MAX_GRAMMARS", 2)
    schemas = [json.dumps({"const": number}) for number in range(3)]
    for schema in (*schemas, schemas[2], schemas[0]):
        ask(grammars, schema)
    assert compiled == [*schemas, schemas[0]]


def test_owners_take_turns(grammars: GrammarCache, compiled: list[str]) -> None:
    ask(grammars, SMALL)  # the child is there
    slow = json.dumps({"type": "integer", "multipleOf": 99_991})
    compiled_count = threading.Semaphore(0)
    handles = [handle("greedy") for _ in range(6)]
    for index, each in enumerate(handles):
        schema = json.dumps({**json.loads(slow), "multipleOf": 99_991 + 2 * index})
        grammars.request(json_schema(schema), "", each, lambda _: compiled_count.release())
    ask(grammars, '{"const": "mine"}', owner="modest")
    assert len(compiled) <= 4, "the modest one waited for all of the greedy one's"
    for each in handles:
        each.cancelled = True


def test_an_answer_prefix(grammars: GrammarCache) -> None:
    (fits,) = ask(grammars, SMALL, '"a')
    assert isinstance(fits, GrammarConstraint) and fits.allowed().sum() >= 1
    (refused,) = ask(grammars, SMALL, '"x')
    assert isinstance(refused, InvalidRequest) and refused.field == "prompt"
