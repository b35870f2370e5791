"""Error responses: JSON for API clients, a page for browsers.

`app.protocol.errors.describe` maps exceptions to status, message and code.
"""

from __future__ import annotations

import json
import logging
import re

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, SecurityError

from app.middleware.locale import page_language
from app.protocol.api_family import ANTHROPIC_VERSION, api_family
from app.protocol.error_body import error_body
from app.protocol.errors import INVALID_REQUEST, SERVER_ERROR, Failure, describe
from app.translations import TRANSLATIONS
from app.translations.error_texts import error_text

_log = logging.getLogger(__name__)
_SERVER_ERROR_STATUS = 500
_API_PREFIXES = (
    "/v1/",
    "/tokenize/",
    "/detokenize/",
    "/tokenizer_info/",
    "/health/",
    "/ready/",
    "/metrics/",
    "/openapi.json/",
)
_SCRIPT_ROUTE = "/playground/model"
_RULE_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def register_error_handlers(app: Flask) -> None:
    """Handle all exceptions of `app`'s views."""

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = _response(_http_failure(app, error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def other_error(error: Exception) -> Response:
        failure = describe(error, g.request_id)
        if failure.status == _SERVER_ERROR_STATUS:
            _log.exception("a request failed", extra={"fields": {"request_id": g.request_id}})
        return _response(failure)


def _http_failure(app: Flask, error: HTTPException) -> Failure:
    status = error.code or _SERVER_ERROR_STATUS
    message = error.description or error.name
    if isinstance(error, SecurityError):
        message = "The Host header is not one of --trusted_hosts"
    if isinstance(error, NotFound):
        message = f"No such route: {_path_for_message()}. Available: {_routes(app)}"
    elif isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"}))
        message = f"{_path_for_message()} accepts only {allowed}"
    return Failure(
        status, message, INVALID_REQUEST if status < _SERVER_ERROR_STATUS else SERVER_ERROR
    )


def _response(failure: Failure) -> Response:
    if _wants_page():
        page = _page(failure)
        response = Response(page, status=failure.status, mimetype="text/html")
    else:
        response = _json(failure)
    if failure.retry_after_s is not None:
        response.headers["Retry-After"] = str(failure.retry_after_s)
    if failure.status == 401:
        _challenge(response)
    if failure.code == "request_timeout":
        response.headers["X-Should-Retry"] = "false"  # OpenAI's clients would repeat it
    return response


def _json(failure: Failure) -> Response:
    family = api_family(request.path, request.headers.get(ANTHROPIC_VERSION))
    body = json.dumps(error_body(failure, family, g.request_id), ensure_ascii=False)
    return Response(body, status=failure.status, mimetype="application/json")


def _page(failure: Failure) -> str:
    lang = page_language()
    words = TRANSLATIONS[lang].page
    placeholders = {"seconds": failure.retry_after_s or 1}
    return render_template(
        "error.html",
        failure=failure,
        error_text=error_text(words, failure.status, [failure.code], placeholders=placeholders),
        request_id=g.request_id,
        t=words,
        lang=lang,
    )


def _challenge(response: Response) -> None:
    """Set WWW-Authenticate. "Basic" makes browsers ask for a password, which the forms need
    without JavaScript; requests by scripts must not cause it."""
    response.headers["WWW-Authenticate"] = 'Bearer realm="Westlake"'
    if response.mimetype == "text/html":
        response.headers["WWW-Authenticate"] = 'Basic realm="Westlake", charset="UTF-8"'


def _wants_page() -> bool:
    if isinstance(request.routing_exception, SecurityError):
        return False  # a page contains links with the untrusted host
    if request.path == _SCRIPT_ROUTE:
        return False  # a page's 401 would make the browser ask for a password
    if request.path == "/" or request.path.startswith("/playground/"):
        return True
    if f"{request.path}/".startswith(_API_PREFIXES):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _path_for_message() -> str:
    path = request.path
    return path if len(path) <= 100 else path[:99] + "…"


def _routes(app: Flask) -> str:
    lines = []
    for rule in app.url_map.iter_rules():
        if f"{rule.rule}/".startswith(_API_PREFIXES):
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            path = _RULE_VARIABLE.sub(r"{\1}", rule.rule)
            lines.append(f"{'/'.join(methods)} {path}")
    return ", ".join(sorted(lines, key=lambda line: line.split()[1]))
