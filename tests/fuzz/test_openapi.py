"""schemathesis against our own description: what fits it and what does not, over all routes."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.fuzz.answers import check_answer

schema = schemathesis.openapi.from_wsgi(
    "/openapi.json", create_app(Config(PROMPT_TEMPLATE="none"), ScriptedEngine())
)
QUICK = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def check(case: schemathesis.Case) -> None:
    # What fits the description may still be refused: fields limit each other (n and best_of),
    # and the vocabulary and the context are the model's.
    response = case.call_and_validate(excluded_checks=[positive_data_acceptance])
    kind, sent = response.headers["content-type"][0], {name.lower() for name in case.headers or ()}
    check_answer(response.status_code, kind, response.content, case.operation.path, sent)


@schema.parametrize()
@QUICK
def test_every_operation(case: schemathesis.Case) -> None:
    check(case)


@pytest.mark.figures
@schema.parametrize()
@settings(QUICK, max_examples=1_000, derandomize=False)
def test_every_operation_for_long(case: schemathesis.Case) -> None:
    check(case)
