"""The API's HTTP verbs, under /v1 and beside it: read, call, write.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Blueprint

from app.api import chat, completions, embeddings, models, tokens


def v1_blueprint() -> Blueprint:
    """The routes that OpenAI has too."""
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


def tokens_blueprint() -> Blueprint:
    """The routes from texts to tokens and back."""
    blueprint = Blueprint("tokens", __name__)
    blueprint.add_url_rule("/tokenize", view_func=tokens.tokenize, methods=["POST"])
    blueprint.add_url_rule("/tokenizer_info", view_func=tokens.describe, methods=["GET"])
    blueprint.add_url_rule("/detokenize", view_func=tokens.detokenize, methods=["POST"])
    return blueprint
