"""The API's description: /openapi.json, made from the routes' schemas, and its page at /docs."""

from __future__ import annotations

from flask import Blueprint

from app.openapi.document import build_document
from app.openapi.views import DocumentViews


def openapi_blueprint() -> Blueprint:
    """Both routes, over a document that is built once."""
    blueprint = Blueprint("openapi", __name__)
    views = DocumentViews(build_document())
    blueprint.add_url_rule("/openapi.json", view_func=views.document, methods=["GET"])
    blueprint.add_url_rule("/docs", view_func=views.page, methods=["GET"])
    return blueprint
