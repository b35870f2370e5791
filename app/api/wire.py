"""A request's JSON in, an answer's JSON out, and the engine and settings of this app.

Knows nothing about any one route.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from flask import Response, current_app, g, request

from app.calls import Served
from app.calls.body import read_body
from app.calls.caller import Caller
from app.engine import Engine
from app.schemas.errors import NotJson
from app.schemas.strict_json import parse_object

_MAX_IGNORED_NAMES = 16
_MAX_IGNORED_BYTES = 512


def engine() -> Engine:
    """The engine this app was made with."""
    found: Engine = current_app.extensions["engine"]
    return found


def served() -> Served:
    """The settings that answering depends on."""
    found: Served = current_app.extensions["served"]
    return found


def caller() -> Caller:
    """The client of the current request."""
    found: Caller = g.caller
    return found


def read_object() -> dict[str, object]:
    """The current request's body.

    Raises:
        NotJson: another content type, or a compressed body.
        BodyTooLarge: over `MAX_BODY_MB`.
        BadRequest: see `parse_object`.
    """
    if request.mimetype != "application/json":
        raise NotJson("The request must have the header Content-Type: application/json")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise NotJson("Compressed bodies are not read; send the JSON as it is")
    limit_bytes = current_app.config["MAX_BODY_MB"] << 20
    return parse_object(read_body(request.stream, request.content_length, limit_bytes))


def read_call() -> dict[str, object]:
    """As `read_object`, of a request for the engine: unread when that has no room.

    Raises:
        Unavailable: the engine takes nothing now.
    """
    engine().check_room()
    return read_object()


def json_response(body: Mapping[str, object], ignored: Sequence[str] = ()) -> Response:
    """`body` as UTF-8 JSON."""
    return json_pieces([encode_json(body)], ignored)


def json_pieces(pieces: Iterable[str], ignored: Sequence[str] = ()) -> Response:
    """JSON that comes in pieces, sent as one body."""
    body = b"".join(piece.encode() for piece in pieces)
    response = Response(body, mimetype="application/json")
    name_ignored(response, ignored)
    return response


def encode_json(value: Mapping[str, object]) -> str:
    """JSON with Chinese as itself, on one line for whatever a client calls a line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("\u2028", "\u2029", "\x85"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def name_ignored(response: Response, names: Sequence[str]) -> None:
    """Tell the client which of its fields this server does not know."""
    shown: list[str] = []
    for name in names:
        quoted = quote(name, safe="")
        if quoted and len(", ".join([*shown, quoted])) <= _MAX_IGNORED_BYTES:
            shown.append(quoted)
        if len(shown) == _MAX_IGNORED_NAMES:
            break
    if shown:
        response.headers["X-Ignored-Parameters"] = ", ".join(shown)
