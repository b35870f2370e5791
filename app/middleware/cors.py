"""CORS: the origins whose web pages may call the API from a browser. Default: none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

#: Not the playground's page and forms.
_API_PATHS = r"/(v1/.*|tokenize|detokenize|tokenizer_info|health|ready|openapi\.json)"
_EXPOSED_HEADERS = (
    "X-Request-Id",
    "Request-Id",
    "X-Ignored-Parameters",
    "X-Max-Tokens-Cut",
    "Retry-After",
)
_PREFLIGHT_MAX_AGE_S = 600


def enable_cors(app: Flask, origins: Sequence[str]) -> None:
    """Allow `origins`, such as https://example.org, or "*"."""
    if origins:
        # flask-cors guesses whether a string is a pattern and takes http://[::1] for one: so
        # pass compiled patterns.
        exact = [re.compile(rf"{re.escape(origin)}\Z", re.IGNORECASE) for origin in origins]
        CORS(
            app,
            resources=_API_PATHS,
            origins="*" if "*" in origins else exact,
            methods=["GET", "POST", "OPTIONS"],
            expose_headers=list(_EXPOSED_HEADERS),
            max_age=_PREFLIGHT_MAX_AGE_S,
            send_wildcard=True,
            always_send=False,
        )
