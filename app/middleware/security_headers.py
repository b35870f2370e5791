"""Security headers on every response: CSP, framing, MIME sniffing, referrer, caching."""

from __future__ import annotations

from flask import Flask, Response

#: For pages: resources of this server only.
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
        # Only the sanitizer (DOMPurify) may turn text into HTML.
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)

#: For all other responses, which browsers should not show as a page.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def add_security_headers(app: Flask) -> None:
    """Set the headers on each response of `app`."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        is_page = response.mimetype == "text/html"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"  # for browsers older than frame-ancestors
        headers["Content-Security-Policy"] = _PAGE_POLICY if is_page else _DATA_POLICY
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        # With "no-referrer" some browsers post forms with the origin "null".
        headers["Referrer-Policy"] = "same-origin"
        if response.mimetype == "application/json":
            # JSON is always UTF-8, but PowerShell 5.1 reads Latin-1 without a charset.
            headers["Content-Type"] = "application/json; charset=utf-8"
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = (
                "no-store"  # responses are private; static files override this
            )
        return response
