"""The route of /v1/usage."""

from __future__ import annotations

from app.api.route import LOOKUP_ERRORS, Route
from app.api.usage.response_schema import KeyUsage
from app.api.usage.view import show

ROUTES = (Route(path="/v1/usage", view=show, response=KeyUsage, errors=LOOKUP_ERRORS),)
