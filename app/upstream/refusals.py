"""An upstream's refusals and failures as ours, with its words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.engine.errors import UpstreamError
from app.generation.request import FieldNames
from app.upstream.server_kind import ServerKind

MAX_ERROR_BYTES = 1 << 16
_NOTHING: Mapping[str, object] = {}
#: The first of several tokens, as vLLM lists them.
_LISTED = re.compile(r"\[(-?[0-9]{1,18})[],]")
_MAX_WORDS = 2000
#: Statuses of an upstream that are about its client's request, and passed on.
_PASSED_ON = frozenset((400, 404, 409, 413, 415, 422, 429))
_TOO_LONG = re.compile(
    r"maximum context length|exceed_context_size|exceeds the available context|context_length",
    re.IGNORECASE,
)


def refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    kind: ServerKind,
    names: FieldNames,
    sent: Mapping[str, object] = _NOTHING,
) -> UpstreamError:
    """What the client gets for a response that is no answer. sent: the request's body."""
    error = _error_of(body)
    words = str(error.get("message") or f"status {status}, without a reason")[:_MAX_WORDS]
    retry_after_s = _seconds(headers.get("retry-after"))
    if 300 <= status < 400:
        return _failure(f"the upstream redirects, which is not followed (status {status})")
    if status in (401, 403):
        return _failure(f"the upstream refuses this server's key (status {status}): {words}")
    if status == 503:
        code = error.get("code")
        return UpstreamError(
            f"the upstream is not available: {words}",
            503,
            code if isinstance(code, str) else "overloaded",
            retry_after_s=retry_after_s or 1,
        )
    if status not in _PASSED_ON:
        return _failure(f"the upstream failed (status {status}): {words}")
    if status == 429:
        return UpstreamError(words, 429, "rate_limit_exceeded", retry_after_s=retry_after_s or 1)
    return _of_the_request(status, words, error, kind, names, sent)


def _of_the_request(
    status: int,
    words: str,
    error: Mapping[str, Any],
    kind: ServerKind,
    names: FieldNames,
    sent: Mapping[str, object],
) -> UpstreamError:
    code = error.get("code")
    code = code if isinstance(code, str) and code else None
    param = error.get("param")
    if isinstance(param, str):
        param = _as_the_client_has_it(param, kind, names) + _item(words, sent.get(param))
    else:
        param = None
    if _TOO_LONG.search(f"{words} {error.get('type')} {code}"):
        code = "context_length_exceeded"
        param = param or names.prompt
        words = _with_clients_words(words, error)
    return UpstreamError(words, 400 if status == 422 else status, code, param=param)


def _item(words: str, value: object) -> str:
    """The rest of the path, where the words list tokens of the field's value that are wrong."""
    listed = _LISTED.search(words)
    if listed is None:
        return ""
    if isinstance(value, dict) and listed[1] in value:
        return f".{listed[1]}"
    if isinstance(value, list) and int(listed[1]) in value:
        return f".{value.index(int(listed[1]))}"
    return ""


def _with_clients_words(words: str, error: Mapping[str, Any]) -> str:
    """With the words and the code that clients search for."""
    context = error.get("n_ctx")
    if "maximum context length" not in words and isinstance(context, int):
        words = f"This model's maximum context length is {context} tokens; {words}"
    return words if "context_length_exceeded" in words else f"{words} (context_length_exceeded)"


def _as_the_client_has_it(param: str, kind: ServerKind, names: FieldNames) -> str:
    """The path of a field under the name that the client gave it."""
    ours = {theirs: name for name, theirs in kind.renamed.items()}
    first, dot, rest = param.partition(".")
    first = ours.get(first, first)
    if first in ("response_format", "structured_outputs"):
        return names.structured_output
    given = {
        "max_tokens": names.max_tokens,
        "thinking_budget": names.thinking_budget,
        "messages": names.prompt if names.prompt != "prompt" else "messages",
    }
    return given.get(first, first) + dot + rest


def _error_of(body: bytes) -> Mapping[str, Any]:
    """The error in a body: OpenAI's shape, FastAPI's, or text."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        text = " ".join(body[:500].decode("utf-8", "replace").split())
        return {} if text.startswith("<") else {"message": text}
    if not isinstance(parsed, dict):
        return {"message": str(parsed)}
    error = parsed.get("error") or parsed.get("detail") or parsed
    return error if isinstance(error, dict) else {"message": str(error)}


def _failure(message: str) -> UpstreamError:
    return UpstreamError(message, 502, "upstream_error")


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,6}", text) else None
