"""Answers the API's paths as they are meant: without /v1, with doubled or trailing slashes.

Knows nothing about Flask. A redirect would do for browsers only: clients follow it without the
body of their POST, or not at all. Other paths are left alone: a proxy in front may have rules for
/metrics, and they must hold for everything that is answered as /metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: A model's name may hold slashes of its own.
_MODEL_PATH = re.compile(r"/+(?:v1/+)?models/+(.*[^/])/*", re.DOTALL)
_MISSING_V1 = frozenset(("/completions", "/chat/completions", "/embeddings", "/models"))
_OUTSIDE_V1 = frozenset(("/tokenize", "/detokenize", "/tokenizer_info"))


class PathNormalizer:
    """WSGI middleware that puts PATH_INFO into the form the routes have."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = normalize_path(environ.get("PATH_INFO", ""))
        return self._app(environ, start)


def normalize_path(path: str) -> str:
    """The route's own path for one of the API's; any other as it is."""
    if match := _MODEL_PATH.fullmatch(path):
        return f"/v1/models/{match[1]}"
    normalized = re.sub("//+", "/", path).rstrip("/")
    if normalized in _MISSING_V1:
        return f"/v1{normalized}"
    return normalized if normalized in _OUTSIDE_V1 or normalized.startswith("/v1/") else path
