"""A request's JSON in, an answer's JSON out, and the engine and settings of this app.

Knows nothing about any one route.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from flask import Response, current_app, g, request

from app.api.response_headers import ResponseHeaders
from app.connection import large_input
from app.connection.body import read_body
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.generation import ServedModel
from app.protocol.errors import NotJson
from app.protocol.strict_json import parse_object

NO_HEADERS = ResponseHeaders()


def engine() -> Engine:
    """The engine this app was made with."""
    found: Engine = current_app.extensions["engine"]
    return found


def served() -> ServedModel:
    """The settings that answering depends on."""
    found: ServedModel = current_app.extensions["served"]
    return found


def caller() -> RequestContext:
    """The client of the current request."""
    found: RequestContext = g.caller
    return found


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
    with large_input.parsing.place(len(body)):
        return parse_object(body)


def read_call() -> dict[str, object]:
    """As `read_object`, of a request for the engine: unread when that has no room.

    Raises:
        Unavailable: the engine takes nothing, or nothing of this caller, now.
    """
    engine().check_capacity(caller().owner)
    return read_object()


def json_response(body: Mapping[str, object], notes: ResponseHeaders = NO_HEADERS) -> Response:
    """`body` as UTF-8 JSON."""
    return json_pieces([encode_json(body)], notes)


def json_pieces(pieces: Iterable[str], notes: ResponseHeaders = NO_HEADERS) -> Response:
    """JSON that comes in pieces, sent as one body."""
    body = b"".join(piece.encode() for piece in pieces)
    response = Response(body, mimetype="application/json")
    notes.write(response)
    return response


def encode_json(value: Mapping[str, object]) -> str:
    """JSON with Chinese as itself, on one line for whatever a client calls a line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("\u2028", "\u2029", "\x85"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
