"""The web page at GET /; its three forms also work without JavaScript."""

from __future__ import annotations

from flask import Blueprint

from app.playground import views


def playground_blueprint() -> Blueprint:
    """The page and its forms."""
    blueprint = Blueprint("playground", __name__)
    blueprint.before_request(views.refuse_other_sites)
    blueprint.add_url_rule("/", view_func=views.show, methods=["GET"])
    blueprint.add_url_rule("/playground/model", view_func=views.model, methods=["GET"])
    for view in (views.completion, views.chat, views.embeddings):
        blueprint.add_url_rule(f"/playground/{view.__name__}", view_func=view, methods=["POST"])
    return blueprint
