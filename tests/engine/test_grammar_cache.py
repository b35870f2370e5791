"""Grammars: one compilation for all who ask, turns for those who wait, bounds on what is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine import grammar_cache
from app.engine.errors import EngineError, InvalidRequest, UnsupportedSchema
from app.engine.grammar_cache import Grammars
from app.engine.request_handle import RequestHandle
from app.engine.types import Owner
from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.json_constraint import JsonConstraint
from app.structured_output.validation_process import TrialProcess
from app.tokenizer.tokenizer import load_tokenizer

Found = JsonConstraint | EngineError
SMALL = '{"enum": ["ab", "cd"]}'


@pytest.fixture
def found() -> Iterator[Grammars]:
    tokenizer = load_tokenizer(Path(__file__).parents[2] / "models" / "demo")
    yield Grammars(grammar_tokens(tokenizer, tokenizer.eos_ids))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process compiled, in order."""
    schemas, compile = list[str](), GrammarCompiler.compile

    def noted(self: GrammarCompiler, schema: str) -> Any:
        schemas.append(schema)
        return compile(self, schema)

    monkeypatch.setattr(GrammarCompiler, "compile", noted)
    return schemas


def ask(of: Grammars, schema: str, continued: str = "", owner: str = "") -> list[Found]:
    """Ask, and wait for what is told."""
    told, done = list[Found](), threading.Event()

    def on_found(each: Found) -> None:
        told.append(each)
        done.set()

    of.find(schema, continued, handle(owner), on_found)
    assert done.wait(30)
    return told


def handle(owner: str = "") -> RequestHandle:
    return RequestHandle(1, 1, lambda: None, Owner(owner))


def test_a_schema_is_compiled_once(found: Grammars, compiled: list[str]) -> None:
    first, second = *ask(found, SMALL), *ask(found, SMALL)
    assert isinstance(first, JsonConstraint) and isinstance(second, JsonConstraint)
    assert first is not second and compiled == [SMALL]


def test_a_refusal_is_remembered(found: Grammars, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = ask(found, '{"type": "no"}')
    assert isinstance(first, UnsupportedSchema)

    def lost(*_: object) -> None:
        raise AssertionError("it is tried again")

    monkeypatch.setattr(TrialProcess, "ask", lost)
    (second,) = ask(found, '{"type": "no"}')
    assert str(second) == str(first)


def test_what_is_kept_is_bounded(
    found: Grammars, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_cache, "MAX_GRAMMARS", 2)
    schemas = [json.dumps({"const": number}) for number in range(3)]
    for schema in (*schemas, schemas[2], schemas[0]):
        ask(found, schema)
    assert compiled == [*schemas, schemas[0]]


def test_owners_take_turns(found: Grammars, compiled: list[str]) -> None:
    ask(found, SMALL)  # the child is there
    slow = json.dumps({"type": "integer", "multipleOf": 99_991})
    told = threading.Semaphore(0)
    held = [handle("greedy") for _ in range(6)]
    for number, each in enumerate(held):
        schema = json.dumps({**json.loads(slow), "multipleOf": 99_991 + 2 * number})
        found.find(schema, "", each, lambda _: told.release())
    ask(found, '{"const": "mine"}', owner="modest")
    assert len(compiled) <= 4, "the modest one waited for all of the greedy one's"
    for each in held:
        each.cancelled = True


def test_a_text_that_is_gone_on_with(found: Grammars) -> None:
    (fits,) = ask(found, SMALL, '"a')
    assert isinstance(fits, JsonConstraint) and fits.allowed().sum() >= 1
    (refused,) = ask(found, SMALL, '"x')
    assert isinstance(refused, InvalidRequest) and refused.field == "prompt"
