"""The views of /openapi.json and /docs."""

from __future__ import annotations

import json

from flask import Response, current_app, render_template, request

from app.api.json_http import text_engine
from app.engine import EngineStatus
from app.engine.errors import EngineError
from app.middleware.locale import chosen_language, page_language
from app.openapi.document import Document
from app.openapi.page import describe_routes
from app.translations import TRANSLATIONS


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
        lang = page_language()
        page = render_template(
            "docs.html",
            t=TRANSLATIONS[lang].docs,
            lang=lang,
            chosen=chosen_language(),
            model=text_engine().served.model_name,
            routes=describe_routes(self._document, lang, chinese=_knows_chinese()),
            root=request.url_root.rstrip("/"),
        )
        return Response(page, mimetype="text/html")


def _knows_chinese() -> bool:
    """Whether the served model may be asked in Chinese, as far as is known now."""
    engine: EngineStatus = current_app.extensions["engine"]
    try:
        return engine.info.facts.chinese
    except EngineError:
        return True
