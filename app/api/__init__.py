"""The API's routes, one folder each, and what they share: JSON in and out, streams, headers."""

from __future__ import annotations

from flask import Blueprint

import app.api.chat_completions.view as chat_completions
import app.api.completions.view as completions
import app.api.embeddings.view as embeddings
import app.api.models.view as models
import app.api.tokenize.view as tokenize


def v1_blueprint() -> Blueprint:
    """The routes that OpenAI has too."""
    blueprint = Blueprint("v1", __name__, url_prefix="/v1")
    for path, method, view in (
        ("/completions", "POST", completions.create),
        ("/chat/completions", "POST", chat_completions.create),
        ("/embeddings", "POST", embeddings.create),
        ("/models", "GET", models.list_all),
        ("/models/<path:model_id>", "GET", models.retrieve),
    ):
        blueprint.add_url_rule(path, endpoint=path, view_func=view, methods=[method])
    return blueprint


def tokens_blueprint() -> Blueprint:
    """The routes from texts to tokens and back."""
    blueprint = Blueprint("tokens", __name__)
    blueprint.add_url_rule("/tokenize", view_func=tokenize.tokenize, methods=["POST"])
    blueprint.add_url_rule("/tokenizer_info", view_func=tokenize.describe, methods=["GET"])
    blueprint.add_url_rule("/detokenize", view_func=tokenize.detokenize, methods=["POST"])
    return blueprint
