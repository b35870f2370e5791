"""What this machine itself answers, which other CPUs are compared with."""

from __future__ import annotations

import pytest

from tests.cpus.machines import Answers, Report, answers

PROMPTS, TOKENS = 4, 12


@pytest.fixture(scope="session")
def machine() -> Report:
    """In full precision, likeliest tokens taken."""
    return answers("full", PROMPTS, TOKENS)


@pytest.fixture(scope="session")
def here(machine: Report) -> Answers:
    """Its answers alone."""
    return machine.answers
