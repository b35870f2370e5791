"""Every error a client can get, and the one table from exceptions to HTTP statuses.

RequestRefused
├── BadRequest              JSON, a field, its type or its value
├── ModelNotFound           a model's name that is not served
├── NotJson                 a body of another content type
├── BodyTooLarge            over `MAX_BODY_MB`
├── CrossSite               a form posted from another site's page
├── FieldRefused            the engine's InvalidRequest, under the client's field name
├── KeyRefused              no API key, or a wrong one
├── RateLimited             this client's requests are too many
├── DeadlinePassed          longer than `REQUEST_TIMEOUT`
└── ClientGone              the client has closed its connection
"""

from __future__ import annotations

from dataclasses import dataclass

from app.engine import errors as engine_errors


class RequestRefused(Exception):
    """Base of the refusals made on the HTTP side; the message is for the client."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class BadRequest(RequestRefused):
    """The body, a field, its type or its value is wrong."""


class ModelNotFound(RequestRefused):
    """The request names a model that is not served."""


class NotJson(RequestRefused):
    """The body's content type is not the one the route reads."""


class BodyTooLarge(RequestRefused):
    """The body is over the limit."""


class CrossSite(RequestRefused):
    """A page of another site posted a form here."""


class FieldRefused(RequestRefused):
    """The engine refused the request; `param` is the field as the client spelled it."""

    def __init__(self, cause: engine_errors.InvalidRequest, param: str) -> None:
        super().__init__(str(cause), param)
        self.cause = cause


class KeyRefused(RequestRefused):
    """The server has API keys, and the request none of them."""


class RateLimited(RequestRefused):
    """This client has made its requests; it may make another after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlinePassed(RequestRefused):
    """The request took longer than the server allows."""


class ClientGone(RequestRefused):
    """The client has closed its connection; the answer cannot be delivered."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What the client gets to see of an exception."""

    status: int
    message: str
    type: str
    code: str | None = None
    param: str | None = None
    retry_after_s: int | None = None


INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"
RATE_LIMITED = "rate_limit_error"

#: (exception, status, type, code); the first row an exception is an instance of counts.
_TABLE: tuple[tuple[type[Exception], int, str, str | None], ...] = (
    (ModelNotFound, 404, INVALID_REQUEST, "model_not_found"),
    (NotJson, 415, INVALID_REQUEST, None),
    (BodyTooLarge, 413, INVALID_REQUEST, None),
    (CrossSite, 403, INVALID_REQUEST, None),
    (KeyRefused, 401, INVALID_REQUEST, "invalid_api_key"),
    (RateLimited, 429, RATE_LIMITED, "rate_limit_exceeded"),
    (DeadlinePassed, 504, SERVER_ERROR, "request_timeout"),
    (ClientGone, 499, INVALID_REQUEST, None),
    (BadRequest, 400, INVALID_REQUEST, None),
    (engine_errors.ContextExceeded, 400, INVALID_REQUEST, "context_length_exceeded"),
    (engine_errors.InvalidRequest, 400, INVALID_REQUEST, None),
    (engine_errors.ModelLoading, 503, SERVER_ERROR, "model_loading"),
    (engine_errors.Overloaded, 503, SERVER_ERROR, "overloaded"),
    (engine_errors.OutOfMemory, 503, SERVER_ERROR, "overloaded"),
    (engine_errors.ShuttingDown, 503, SERVER_ERROR, "shutting_down"),
    (engine_errors.UpstreamUnreachable, 503, SERVER_ERROR, "upstream_unreachable"),
    (engine_errors.Unavailable, 503, SERVER_ERROR, "overloaded"),
    (engine_errors.StructuredOutputFailed, 500, SERVER_ERROR, "json_schema_failed"),
)


def describe(exc: Exception, request_id: str) -> Failure:
    """What to tell the client about `exc`; an exception that is no refusal is a fault of
    ours, of which the client learns the request's id and nothing else."""
    if isinstance(exc, engine_errors.UpstreamError):
        return _of_upstream(exc)
    cause = exc.cause if isinstance(exc, FieldRefused) else exc
    for kind, status, error_type, code in _TABLE:
        if isinstance(cause, kind):
            return Failure(
                status=status,
                message=str(exc),
                type=error_type,
                code=code,
                param=_param(exc),
                retry_after_s=_retry_after_s(exc),
            )
    message = f"The server failed on this request. Its id, for whoever runs it: {request_id}"
    return Failure(status=500, message=message, type=SERVER_ERROR)


def _of_upstream(error: engine_errors.UpstreamError) -> Failure:
    usual = SERVER_ERROR if error.status >= 500 else INVALID_REQUEST
    usual = RATE_LIMITED if error.status == 429 else usual
    return Failure(
        status=error.status,
        message=str(error),
        type=error.error_type or usual,
        code=error.code,
        param=error.param,
        retry_after_s=error.retry_after_s,
    )


def _param(exc: Exception) -> str | None:
    if isinstance(exc, RequestRefused):
        return exc.param
    return exc.field if isinstance(exc, engine_errors.InvalidRequest) else None


def _retry_after_s(exc: Exception) -> int | None:
    if isinstance(exc, engine_errors.Unavailable | RateLimited):
        return exc.retry_after_s
    return None
