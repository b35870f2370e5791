"""Which web pages of other origins may call the API from a browser: none, unless told.

Knows nothing about keys: a preflight carries none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

#: The API; neither the page nor its forms.
_API_PATHS = r"/(v1/.*|tokenize|detokenize|tokenizer_info|health|ready|openapi\.json)"
_EXPOSED_HEADERS = ("X-Request-Id", "X-Ignored-Parameters", "X-Max-Tokens-Cut", "Retry-After")
_PREFLIGHT_MAX_AGE_S = 600


def enable_cors(app: Flask, origins: Sequence[str]) -> None:
    """Answer the browsers of pages of `origins`, such as https://example.org, or "*"."""
    if origins:
        # Compiled, because flask-cors guesses from a text whether it is a pattern: http://[::1] is.
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
