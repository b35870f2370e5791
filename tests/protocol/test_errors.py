"""The one table from exceptions to statuses."""

from __future__ import annotations

import inspect

import pytest

from app.engine import errors as engine_errors
from app.protocol import errors
from app.protocol.error_body import error_body


def made(kind: type[Exception]) -> Exception:
    if kind is errors.FieldRefused:
        return errors.FieldRefused(engine_errors.ContextExceeded("m"), "messages")
    return kind("m")


def kinds(module: object, base: type[Exception]) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
    return [kind for kind in found if issubclass(kind, base) and kind is not base]


@pytest.mark.parametrize("kind", kinds(errors, errors.RequestRefused))
def test_every_refusal_has_a_row(kind: type[Exception]) -> None:
    status = errors.describe(made(kind), "id").status
    assert 400 <= status < 500 or kind is errors.DeadlinePassed


@pytest.mark.parametrize("kind", kinds(engine_errors, engine_errors.EngineError))
def test_every_engine_error_has_a_status(kind: type[Exception]) -> None:
    failure = errors.describe(made(kind), "id")
    if issubclass(kind, engine_errors.Unavailable):
        assert failure.status == 503
        assert failure.retry_after_s == kind.retry_after_s
    elif issubclass(kind, engine_errors.InvalidRequest):
        assert failure.status == 400
        assert failure.param == made(kind).field in ("prompt", "json_schema")
    else:
        assert failure.status == 500


def test_field_refused_keeps_the_cause() -> None:
    failure = errors.describe(made(errors.FieldRefused), "id")
    assert (failure.status, failure.code) == (400, "context_length_exceeded")
    assert (failure.param, failure.message) == ("messages", "m")


def test_what_is_not_known_is_ours() -> None:
    failure = errors.describe(KeyError("/etc/passwd"), "the-id")
    assert failure.status == 500
    assert "the-id" in failure.message and "passwd" not in failure.message
    assert error_body(failure, "/v1/completions") == {
        "error": {
            "message": failure.message,
            "type": "server_error",
            "param": None,
            "code": None,
        }
    }
