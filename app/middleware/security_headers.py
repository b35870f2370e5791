"""What every answer tells its reader: its characters, and to run, frame and keep nothing unmeant.

Knows nothing about what is in the answers.
"""

from __future__ import annotations

from flask import Flask, Response

#: For pages: nothing but what this server itself has.
_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        # Text becomes markup in one place only: inside the page's sanitiser.
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)

#: For all else, which no browser should ever show as a page.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def add_security_headers(app: Flask) -> None:
    """Hook the headers into `app`."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        is_page = response.mimetype == "text/html"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"  # for browsers older than frame-ancestors
        headers["Content-Security-Policy"] = _PAGE_POLICY if is_page else _DATA_POLICY
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        # Not "no-referrer": with it some browsers post forms with the origin "null".
        headers["Referrer-Policy"] = "same-origin"
        if response.mimetype == "application/json":
            # JSON is UTF-8 by itself, but clients such as PowerShell 5.1 read Latin-1 unless told.
            headers["Content-Type"] = "application/json; charset=utf-8"
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"  # an answer is its asker's; files say otherwise
        return response
