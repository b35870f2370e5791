"""The JSON of an error, in the form that clients of a path expect.

A further family of routes, with errors of another form, adds its function and its prefix here.
"""

from __future__ import annotations

from collections.abc import Callable

from app.protocol.errors import Failure

ErrorBody = Callable[[Failure], dict[str, object]]


def openai_error_body(failure: Failure) -> dict[str, object]:
    """OpenAI's form of an error."""
    return {
        "error": {
            "message": failure.message,
            "type": failure.type,
            "param": failure.param,
            "code": failure.code,
        }
    }


#: By path prefix; the first that fits counts.
_BY_PREFIX: tuple[tuple[str, ErrorBody], ...] = (("/", openai_error_body),)


def error_body(failure: Failure, path: str) -> dict[str, object]:
    """The body of an error response, or of an error event, of `path`."""
    write = next(write for prefix, write in _BY_PREFIX if path.startswith(prefix))
    return write(failure)
