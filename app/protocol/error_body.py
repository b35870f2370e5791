"""The JSON of an error, in the form of the API that the client speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.protocol.api_family import ApiFamily
from app.protocol.errors import Failure

#: From a failure and the request's id.
ErrorBody = Callable[[Failure, str | None], dict[str, object]]

#: Anthropic's types of errors; of other statuses below 500 the first, of others the last.
_ANTHROPIC_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    500: "api_error",
}


def _openai_error_body(failure: Failure, request_id: str | None) -> dict[str, object]:
    return {
        "error": {
            "message": failure.message,
            "type": failure.type,
            "param": failure.param,
            "code": failure.code,
        }
    }


def _anthropic_error_body(failure: Failure, request_id: str | None) -> dict[str, object]:
    fallback = _ANTHROPIC_TYPES[400 if failure.status < 500 else 500]
    kind = _ANTHROPIC_TYPES.get(failure.status, fallback)
    error = {"type": kind, "message": failure.message}
    return {"type": "error", "error": error, "request_id": request_id}


_BY_FAMILY: Mapping[ApiFamily, ErrorBody] = {
    ApiFamily.OPENAI: _openai_error_body,
    ApiFamily.ANTHROPIC: _anthropic_error_body,
}


def error_body(failure: Failure, family: ApiFamily, request_id: str | None) -> dict[str, object]:
    """The body of an error response, or of an error event; request_id: None before there is one."""
    return _BY_FAMILY[family](failure, request_id)
