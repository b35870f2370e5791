"""Every route that is documented, in the order in which the translations tell of them."""

from __future__ import annotations

from app.api.route import Route
from app.api.routes import ROUTES as API_ROUTES
from app.openapi.response_schemas import Readiness, Status
from app.translations import TRANSLATIONS

_MONITORING = (
    Route(path="/health", response=Status, needs_key=False),
    Route(path="/ready", response=Readiness, needs_key=False),
    Route(path="/metrics", errors=(401,)),
)
_ORDER = list(TRANSLATIONS["en"].routes)

ROUTES = tuple(sorted((*API_ROUTES, *_MONITORING), key=lambda route: _ORDER.index(route.path)))
