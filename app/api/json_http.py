"""JSON in and out of HTTP, and what a view gets from the app: its engine and its client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from flask import Response, current_app, g, request

from app.api.response_headers import ResponseHeaders
from app.connection.body import read_body
from app.connection.request_context import RequestContext
from app.connection.weighted_semaphore import parse_semaphore
from app.generation.text_engine import TextEngine
from app.protocol.errors import NotJson
from app.protocol.strict_json import parse_object

NO_HEADERS = ResponseHeaders()


def text_engine() -> TextEngine:
    """The engine this app was made with."""
    engine: TextEngine = current_app.extensions["text_engine"]
    return engine


def request_context() -> RequestContext:
    """The client of the current request."""
    context: RequestContext = g.request_context
    return context


def read_object() -> dict[str, object]:
    """The current request's body.

    Raises:
        NotJson: another content type, or a compressed body.
        BodyTooLarge: over `MAX_BODY_MB`.
        BadRequest: see `parse_object`.
        Unavailable: too many large ones at once.
    """
    if request.mimetype != "application/json":
        raise NotJson("The request must have the header Content-Type: application/json")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise NotJson("Compressed bodies are not read; send the JSON as it is")
    limit_bytes = current_app.config["MAX_BODY_MB"] << 20
    body = read_body(request.stream, request.content_length, limit_bytes)
    with parse_semaphore.acquire(len(body)):
        return parse_object(body)


def read_work() -> dict[str, object]:
    """As `read_object`, of a request for the engine: unread when it has no capacity.

    Raises:
        Unavailable: the engine takes nothing, or nothing of this client, now.
    """
    text_engine().check_capacity(request_context().owner)
    return read_object()


def json_response(body: Mapping[str, object], headers: ResponseHeaders = NO_HEADERS) -> Response:
    """`body` as UTF-8 JSON."""
    return json_pieces([encode_json(body)], headers)


def json_pieces(pieces: Iterable[str], headers: ResponseHeaders = NO_HEADERS) -> Response:
    """JSON that comes in pieces, sent as one body."""
    body = b"".join(piece.encode() for piece in pieces)
    response = Response(body, mimetype="application/json")
    headers.write(response)
    return response


def encode_json(value: Mapping[str, object]) -> str:
    """JSON with Chinese unescaped, and without any character that a client may take for the end
    of a line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("\u2028", "\u2029", "\x85"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
