"""GET /v1/usage."""

from __future__ import annotations

from flask import Response

from app.api.json_http import json_response, request_context, text_engine
from app.api.usage.response import usage_body


def show() -> Response:
    """What the key of this request has used today."""
    owner = request_context().owner
    return json_response(usage_body(owner.key_name, text_engine().usage_today(owner)))
