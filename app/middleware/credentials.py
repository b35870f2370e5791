"""Reads API keys from the Authorization and X-Api-Key headers."""

from __future__ import annotations

import base64
import binascii

#: Longer headers are ignored; gunicorn accepts up to 8,190 bytes.
MAX_HEADER_BYTES = 4096
_WHITESPACE = " \t"


def presented_keys(authorization: str | None, x_api_key: str | None) -> list[bytes]:
    """The keys of both headers (WSGI strings). Some clients put the user's key in one and a
    placeholder in the other, so both are tried."""
    as_bearer = None if x_api_key is None else f"Bearer {x_api_key}"
    return [key for key in map(presented_key, (authorization, as_bearer)) if key is not None]


def presented_key(header: str | None) -> bytes | None:
    """The key of `Bearer KEY`, or the password of `Basic ...`, which browsers send when a form
    is used without JavaScript. None: missing or malformed.

    header: a WSGI string, in which each character is one byte (Latin-1).

    werkzeug's `request.authorization` is not enough: it reads `Bearer a=b` as parameters without
    a token, and it decodes Basic as UTF-8 only.
    """
    if header is None or len(header) > MAX_HEADER_BYTES:
        return None
    # Strip spaces and tabs only: other whitespace of Latin-1 may be part of a UTF-8 character.
    scheme, _, rest = header.strip(_WHITESPACE).partition(" ")
    try:
        credentials = rest.strip(_WHITESPACE).encode("latin-1")
    except UnicodeEncodeError:
        return None
    if scheme.lower() == "bearer":
        return credentials or None
    if scheme.lower() == "basic":
        return _password(credentials)
    return None


def _password(encoded: bytes) -> bytes | None:
    try:
        _, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return None
    return password if colon and password else None
