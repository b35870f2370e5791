"""The page for people at GET /.

Knows nothing about fields or defaults: its forms go through the API's own calls.
"""

from __future__ import annotations

from flask import Blueprint


def playground_blueprint() -> Blueprint:
    """The page and its forms."""
    return Blueprint("playground", __name__)
