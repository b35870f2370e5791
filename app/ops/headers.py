"""What every page tells the browser: run, load and send nothing that is not this server's.

Knows nothing about the pages.
"""

from __future__ import annotations

from flask import Flask, Response

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def secure_pages(app: Flask) -> None:
    """Hook the headers into `app`."""

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = _POLICY
            # Not "no-referrer": with it some browsers post forms with the origin "null".
            response.headers["Referrer-Policy"] = "same-origin"
        return response
