"""The process that validates schemas: what it inherits, survives, and how it ends."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.structured_output.grammar_compiler import grammar_tokens
from app.structured_output.library_grammar import library_grammar
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.validation_process import ValidationProcess, ValidationProcessDied
from app.structured_output.validation_worker import CPU_LIMIT_S
from app.tokenizer.tokenizer import load_tokenizer
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[2]


def schema(text: str) -> StructuredOutput:
    return StructuredOutput(StructuredOutputKind.JSON_SCHEMA, text)


VALID = schema('{"type": "integer"}')
#: Takes more CPU time than a validation may use.
SLOW = schema(json.dumps({"type": "integer", "multipleOf": 10_000_019}))
#: Children of this process that other tests have started.
OTHERS: set[int] = set()


@pytest.fixture
def process() -> Iterator[ValidationProcess]:
    tokenizer = load_tokenizer(ROOT / "models" / "demo")
    OTHERS.update(child.pid for child in psutil.Process().children())
    process = ValidationProcess(grammar_tokens(tokenizer, tokenizer.eos_ids))
    yield process
    process.end()


def never() -> bool:
    return False


def the_child() -> psutil.Process:
    (child,) = (each for each in psutil.Process().children() if each.pid not in OTHERS)
    return child


def chain(length: int) -> StructuredOutput:
    """A chain of references that overflows the library's stack."""
    links: dict[str, Any] = {
        f"d{n}": {"type": "object", "properties": {"n": {"$ref": f"#/$defs/d{n + 1}"}},
                  "required": ["n"]}
        for n in range(length)
    }  # fmt: skip
    return schema(
        json.dumps({"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {"type": "null"}}})
    )


def test_it_inherits_two_pipes_and_has_its_own_session(process: ValidationProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        assert process.validate(VALID, never)
    child = the_child()
    assert child.num_fds() == 3 and not child.net_connections()
    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    assert "torch" not in "".join(each.path for each in child.memory_maps())


@pytest.mark.parametrize("output", [chain(20_000), SLOW])
def test_a_crash_does_not_affect_the_next_validation(
    process: ValidationProcess, output: StructuredOutput
) -> None:
    assert process.validate(VALID, never)
    child = the_child()
    verdict = process.validate(output, never)
    assert verdict is not None and not verdict[0] and "simplify" in verdict[1]
    assert process.validate(VALID, never) is not None
    assert the_child() == child and not child.children()


def test_an_abandoned_validation_is_stopped(process: ValidationProcess) -> None:
    assert process.validate(VALID, never)
    looks, used = itertools.count(), sum(the_child().cpu_times()[:4])
    assert process.validate(SLOW, lambda: next(looks) >= 3) is None
    assert not the_child().children(), "the validation is still running"
    assert sum(the_child().cpu_times()[:4]) - used < CPU_LIMIT_S
    assert process.validate(VALID, never) == (
        True,
        library_grammar(VALID),
        pytest.approx(0, abs=1 << 24),
        True,
    )


def test_a_killed_child_is_replaced(process: ValidationProcess) -> None:
    assert process.validate(VALID, never)
    the_child().kill()
    for _ in range(2):
        try:
            verdict = process.validate(VALID, never)
            break
        except ValidationProcessDied:
            continue
    assert verdict is not None and verdict[0]


OWNER = """
import sys
from tests.structured_output.test_validation_process import *
tokenizer = load_tokenizer(ROOT / "models" / "demo")
process = ValidationProcess(grammar_tokens(tokenizer, tokenizer.eos_ids))
process.validate(VALID, never)
print(the_child().pid, flush=True)
process.validate(SLOW, never)
"""


def test_it_dies_with_its_parent_during_a_validation() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    child = psutil.Process(int(owner.stdout.readline()))
    wait_until(child.children, lambda: "no validation is running")
    fork = child.children()[0]
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    for process in (child, fork):
        wait_until(lambda p=process: ended(p), lambda: "left behind")  # type: ignore[misc]


def ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
