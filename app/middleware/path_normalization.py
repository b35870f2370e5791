"""Normalizes the API's paths: adds a missing /v1, removes doubled and trailing slashes.

A redirect does not work for API clients: they follow it without the POST body, or not at all.
Other paths stay as they are: a proxy's rule for /metrics must match every path that this server
treats as /metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: A model's name may contain slashes.
_MODEL_PATH = re.compile(r"/+(?:v1/+)?models/+(.*[^/])/*", re.DOTALL)
_MISSING_V1 = frozenset(
    (
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/messages",
        "/messages/count_tokens",
        "/models",
        "/responses",
        "/responses/input_tokens",
    )
)
#: A base URL that ends in /v1, of clients that add it themselves, as Anthropic's.
_DOUBLED_V1 = "/v1/v1/"
_OUTSIDE_V1 = frozenset(("/tokenize", "/detokenize", "/tokenizer_info"))


class PathNormalizer:
    """WSGI middleware that normalizes PATH_INFO."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = normalize_path(environ.get("PATH_INFO", ""))
        return self._app(environ, start)


def normalize_path(path: str) -> str:
    """The route's path if `path` belongs to the API, else `path` unchanged."""
    if match := _MODEL_PATH.fullmatch(path):
        return f"/v1/models/{match[1]}"
    normalized = re.sub("//+", "/", path).rstrip("/")
    if normalized.startswith(_DOUBLED_V1):
        normalized = normalized.removeprefix("/v1")
    if normalized in _MISSING_V1:
        return f"/v1{normalized}"
    return normalized if normalized in _OUTSIDE_V1 or normalized.startswith("/v1/") else path
