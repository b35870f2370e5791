"""The one table from exceptions to statuses."""

from __future__ import annotations

import inspect

import anthropic
import pytest

from app.engine import errors as engine_errors
from app.protocol import errors
from app.protocol.api_family import ApiFamily, api_family
from app.protocol.error_body import error_body


def made(kind: type[Exception]) -> Exception:
    if kind is errors.FieldRefused:
        return errors.FieldRefused(engine_errors.ContextExceeded("m"), "messages")
    if kind is engine_errors.UpstreamError:
        return engine_errors.UpstreamError("m", 502)
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
    elif issubclass(kind, engine_errors.UpstreamError):
        assert failure.status == 502
    elif issubclass(kind, engine_errors.InvalidRequest):
        assert failure.status == 400
        assert failure.param == made(kind).field in ("prompt", "structured_output")
    else:
        assert failure.status == 500


@pytest.mark.parametrize(("status", "error_type"), [(400, "invalid_request_error"),
    (404, "invalid_request_error"), (502, "server_error"), (504, "server_error")])  # fmt: skip
def test_an_upstreams_status_is_passed_on(status: int, error_type: str) -> None:
    error = engine_errors.UpstreamError("m", status, "c", param="top_k", retry_after_s=3)
    failure = errors.describe(error, "id")
    assert (failure.status, failure.type, failure.code) == (status, error_type, "c")
    assert (failure.message, failure.param, failure.retry_after_s) == ("m", "top_k", 3)


def test_field_refused_keeps_the_cause() -> None:
    failure = errors.describe(made(errors.FieldRefused), "id")
    assert (failure.status, failure.code) == (400, "context_length_exceeded")
    assert (failure.param, failure.message) == ("messages", "m")


def test_what_is_not_known_is_ours() -> None:
    failure = errors.describe(KeyError("/etc/passwd"), "the-id")
    assert failure.status == 500
    assert "the-id" in failure.message and "passwd" not in failure.message
    assert error_body(failure, ApiFamily.OPENAI, "the-id") == {
        "error": {
            "message": failure.message,
            "type": "server_error",
            "param": None,
            "code": None,
        }
    }


@pytest.mark.parametrize(
    ("path", "version", "family"),
    [
        ("/v1/messages", None, ApiFamily.ANTHROPIC),
        ("/v1/messages/count_tokens", None, ApiFamily.ANTHROPIC),
        ("/v1/messages/batches", "2023-06-01", ApiFamily.ANTHROPIC),
        ("/v1/messagesx", None, ApiFamily.OPENAI),
        ("/v1/models", None, ApiFamily.OPENAI),
        ("/v1/models", "2023-06-01", ApiFamily.ANTHROPIC),
        ("/v1/models/a/b", "2023-06-01", ApiFamily.ANTHROPIC),
        ("/v1/completions", "2023-06-01", ApiFamily.OPENAI),
        ("/", "2023-06-01", ApiFamily.OPENAI),
    ],
)
def test_families(path: str, version: str | None, family: ApiFamily) -> None:
    assert api_family(path, version) is family


@pytest.mark.parametrize("kind", kinds(errors, errors.RequestRefused))
def test_anthropics_types_are_those_of_its_package(kind: type[Exception]) -> None:
    failure = errors.describe(made(kind), "id")
    body = error_body(failure, ApiFamily.ANTHROPIC, "the-id")
    if kind is errors.BodyTooLarge:  # in Anthropic's documentation, but not in the package
        error = {"type": "request_too_large", "message": "m"}
        assert body == {"type": "error", "error": error, "request_id": "the-id"}
        return
    read = anthropic.types.ErrorResponse.model_validate(body, strict=True)
    assert (read.error.message, read.request_id) == ("m", "the-id")
    assert (read.error.type == "rate_limit_error") == (failure.status == 429)
