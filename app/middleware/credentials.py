"""The keys that a request presents: in its Authorization header, or in X-Api-Key.

Knows nothing about which keys are right.
"""

from __future__ import annotations

import base64
import binascii

#: Longer ones are no keys; gunicorn itself takes 8,190 bytes in a header.
MAX_HEADER_BYTES = 4096
_WHITESPACE = " \t"


def presented_keys(authorization: str | None, x_api_key: str | None) -> list[bytes]:
    """The keys of both headers, as WSGI has them. Some clients fill one with what a user gave
    them and the other with a placeholder, so either may be the right one."""
    as_bearer = None if x_api_key is None else f"Bearer {x_api_key}"
    return [key for key in map(presented_key, (authorization, as_bearer)) if key is not None]


def presented_key(header: str | None) -> bytes | None:
    """The key of `Bearer KEY`, or the password of `Basic ...`, which is how browsers send one
    from a form without JavaScript. None: there is none, or it cannot be read.

    header: as WSGI has it, each byte as one Latin-1 character.

    werkzeug's `request.authorization` does not do: it reads `Bearer a=b` as parameters without
    a token, and it decodes Basic as UTF-8 only.
    """
    if header is None or len(header) > MAX_HEADER_BYTES:
        return None
    # Blanks and tabs alone: what Latin-1 takes for others may be the end of a UTF-8 character.
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
