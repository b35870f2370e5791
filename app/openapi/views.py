"""Serves the document to programs, and as a page to people.

Knows nothing about what is in it beyond OpenAPI's own structure.
"""

from __future__ import annotations

import json

from flask import Response, current_app, render_template, request

from app.openapi.document import Document
from app.openapi.page import describe_routes
from app.words import WORDS


class DocumentViews:
    """Both views of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def document(self) -> Response:
        """The document, with the path this server lies under."""
        located = {**self._document, "servers": [{"url": request.script_root or "/"}]}
        return Response(json.dumps(located, ensure_ascii=False), mimetype="application/json")

    def page(self) -> Response:
        """The document to read."""
        chosen = request.args.get("lang", "")
        accepted = request.accept_languages.best_match(WORDS, "en")
        lang = chosen if chosen in WORDS else accepted
        page = render_template(
            "docs.html",
            t=WORDS[lang].docs,
            lang=lang,
            chosen=chosen if chosen in WORDS else None,
            model=current_app.config["MODEL_NAME"],
            routes=describe_routes(self._document, lang),
            root=request.url_root.rstrip("/"),
        )
        response = Response(page, mimetype="text/html")
        response.headers["Vary"] = "Accept-Language"
        return response
