"""The HTTP verbs under /v1: read, call, write.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Blueprint

from app.api import chat, completions, embeddings, models


def v1_blueprint() -> Blueprint:
    """All routes of the API."""
    blueprint = Blueprint("v1", __name__, url_prefix="/v1")
    for path, method, view in (
        ("/completions", "POST", completions.create),
        ("/chat/completions", "POST", chat.create),
        ("/embeddings", "POST", embeddings.create),
        ("/models", "GET", models.list_all),
        ("/models/<path:model_id>", "GET", models.retrieve),
    ):
        blueprint.add_url_rule(path, endpoint=path, view_func=view, methods=[method])
    return blueprint
