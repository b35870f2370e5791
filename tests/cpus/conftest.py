"""What this machine itself answers, which other CPUs are compared with.

An emulated CPU takes one core for a minute and a half, and most tests leave one idle: it begins
with the first of them, at the lowest priority.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cpus.machines import Answers, Report, answers, emulated_python

PROMPTS, TOKENS = 4, 12
EMULATED_TOKENS = 10
LOWEST = ("nice", "-n", "19")

_beside = ThreadPoolExecutor(2)
_machine: list[Future[Report]] = []
_haswell: list[Future[Report]] = []


def _emulate(machine: Future[Report]) -> Report:
    """One answer on an emulated Haswell, fed the tokens of this machine's own."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        python = emulated_python(Path(folder, "haswell"), "Haswell")
        forced = [machine.result().answers[0][:EMULATED_TOKENS]]
        command = [*LOWEST, str(python)]
        kernels = str(Path(folder, "kernels"))
        return answers("full", 1, EMULATED_TOKENS, forced, command, NUMBA_CACHE_DIR=kernels)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin, if a test that wants it will run."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if session.config.option.collectonly or "haswell" not in wanted:
        return
    _machine.append(_beside.submit(answers, "full", PROMPTS, TOKENS))
    _haswell.append(_beside.submit(_emulate, _machine[0]))


@pytest.fixture(scope="session")
def haswell() -> Report:
    """What the emulated Haswell answered, and on what it believed to run."""
    return _haswell[0].result()


@pytest.fixture(scope="session")
def machine() -> Report:
    """In full precision, likeliest tokens taken."""
    return _machine[0].result() if _machine else answers("full", PROMPTS, TOKENS)


@pytest.fixture(scope="session")
def here(machine: Report) -> Answers:
    """Its answers alone."""
    return machine.answers


@pytest.fixture(scope="session")
def compiled(machine: Report) -> Callable[[str], Answers]:
    """Its answers in a precision of its compiled kernels, fed the same tokens."""
    assert "torch" not in machine.kernels, "this machine has no compiled kernels to compare with"

    @cache
    def in_precision(precision: str) -> Answers:
        if precision == "full":
            return machine.answers
        return answers(precision, PROMPTS, TOKENS, machine.answers).answers

    return in_precision
