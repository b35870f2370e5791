"""The page's views: a form's request through the API's handlers, and the page with its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response, current_app, g, jsonify, render_template, request

from app.api.chat_completions.handler import start_chat
from app.api.completions.handler import start_completion
from app.api.embeddings.handler import start_embeddings
from app.api.json_http import request_context, text_engine
from app.connection.body import read_body
from app.connection.request_context import RequestContext
from app.connection.weighted_semaphore import parse_semaphore
from app.engine import EngineStatus
from app.engine.errors import EngineError
from app.generation.text_engine import TextEngine
from app.middleware.locale import chosen_language, page_language
from app.playground.csrf import is_cross_site
from app.playground.error_view import failure_text
from app.playground.examples import examples
from app.playground.forms import (
    Form,
    chat_request,
    completion_request,
    embeddings_request,
    history,
    parse_form,
)
from app.playground.model_card import ModelCard, model_card
from app.playground.parameters import MAX_TOKENS, PRESETS, parameters
from app.playground.results import EmbeddingRow, compare
from app.protocol.errors import (
    BadRequest,
    ClientGone,
    CrossSite,
    Failure,
    NotJson,
    RequestRefused,
    describe,
)
from app.translations import TRANSLATIONS
from app.translations.error_texts import ErrorText

KINDS = ("completion", "chat", "embeddings")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page shows besides empty forms: one form's fields and what came of them."""

    form: Form
    kind: str = ""  #: "completion", "chat" or "embeddings"
    text: str = ""
    turns: tuple[dict[str, str], ...] = ()
    rows: tuple[EmbeddingRow, ...] = ()
    failure: Failure | None = None


def refuse_other_sites() -> None:
    """Raises CrossSite for a form that another site's page posts."""
    headers = request.headers
    fetch_site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if request.method == "POST" and is_cross_site(fetch_site, origin, request.host):
        raise CrossSite("This form can only be sent from this server's own page")


def show() -> Response:
    """The page with empty forms."""
    return _page(Outcome(Form(())))


def completion() -> Response:
    """The completion form's answer."""
    return _answer("completion", _complete)


def chat() -> Response:
    """The chat form's next turn."""
    return _answer("chat", _chat)


def embeddings() -> Response:
    """The embeddings form's comparison."""
    return _answer("embeddings", _embed)


def model() -> Response:
    """The model's card and examples, for a page that was opened before the model was loaded."""
    card = _card()
    offered = examples(card.kind, page_language(), chinese=card.chinese)
    facts = {"rows": card.rows, "purpose": card.purpose, "why": offered.why}
    texts = {"chat": offered.chat, "instructions": offered.instructions}
    response = jsonify({**facts, **texts, "continuations": offered.continuations})
    response.headers["Cache-Control"] = "no-store"
    return response


def _card() -> ModelCard:
    return model_card(
        text_engine().served.model_name,
        current_app.config,
        current_app.extensions["engine"],
        TRANSLATIONS[page_language()],
    )


def _complete(form: Form, engine: TextEngine, context: RequestContext) -> Outcome:
    completion = start_completion(completion_request(form), engine, context)
    choices, _ = completion.stream.collect()
    return Outcome(form, "completion", text=choices[0].text)


def _chat(form: Form, engine: TextEngine, context: RequestContext) -> Outcome:
    (choice, *_), _ = start_chat(chat_request(form), engine, context).stream.collect()
    new = [
        {"role": "user", "content": form.text("message")},
        {"role": "assistant", "content": choice.text, "reasoning": choice.reasoning},
    ]
    # The turn has moved into the history; the field is empty for the next one.
    fields = tuple(pair for pair in form.fields if pair[0] != "message")
    return Outcome(Form(fields), "chat", turns=(*history(form), *new))


def _embed(form: Form, engine: TextEngine, context: RequestContext) -> Outcome:
    embeddings = start_embeddings(embeddings_request(form), engine, context)
    inputs = [str(item) for item in embeddings.request.text.inputs]
    return Outcome(form, "embeddings", rows=compare(inputs, embeddings.stream.collect()))


def _answer(kind: str, answer: Callable[[Form, TextEngine, RequestContext], Outcome]) -> Response:
    form = Form(())
    try:
        form = _read_form()
        outcome = answer(form, text_engine(), request_context())
    except ClientGone:
        raise
    except (RequestRefused, EngineError) as error:
        failure = describe(error, g.request_id)
        if failure.status == 500:
            _log.exception("a request failed", extra={"fields": {"request_id": g.request_id}})
        return _page(Outcome(form, kind, turns=_turns_kept(kind, form), failure=failure))
    return _page(outcome)


def _turns_kept(kind: str, form: Form) -> tuple[dict[str, str], ...]:
    try:
        return tuple(history(form)) if kind == "chat" else ()
    except BadRequest:
        return ()


def _read_form() -> Form:
    if request.mimetype != "application/x-www-form-urlencoded":
        raise NotJson("The form must be sent as application/x-www-form-urlencoded")
    limit_bytes = current_app.config["MAX_BODY_MB"] << 20
    body = read_body(request.stream, request.content_length, limit_bytes)
    with parse_semaphore.acquire(len(body)):
        return parse_form(body)


def _page(outcome: Outcome) -> Response:
    lang = page_language()
    failure = outcome.failure
    card = _card()
    page = render_template(
        "playground.html",
        t=TRANSLATIONS[lang].page,
        lang=lang,
        chosen=chosen_language(),
        outcome=outcome,
        forms={kind: outcome.form if outcome.kind == kind else _first(kind) for kind in KINDS},
        error_text=_error_text(outcome, TRANSLATIONS[lang].page),
        bad_field=(failure.param or "").split(".")[0] if failure else "",
        parameters={kind: parameters(kind) for kind in ("chat", "completion")},
        presets=PRESETS,
        examples=examples(card.kind, lang, chinese=card.chinese),
        card=card,
        **_template_context(lang),
    )
    response = Response(page, status=failure.status if failure else 200, mimetype="text/html")
    if failure is not None and failure.retry_after_s is not None:
        response.headers["Retry-After"] = str(failure.retry_after_s)
    return response


def _error_text(outcome: Outcome, words: Mapping[str, str]) -> ErrorText | None:
    failure = outcome.failure
    return failure_text(failure, words, outcome.kind, outcome.form) if failure else None


def _template_context(lang: str) -> dict[str, object]:
    """What the page knows about the server; `bootstrap` is the part its scripts read."""
    engine: EngineStatus = current_app.extensions["engine"]
    model = text_engine().served.model_name
    return {
        "model": model,
        "state": engine.state.value,
        "bootstrap": {
            "root": request.script_root,
            "model": model,
            "keyed": current_app.config["API_KEYS_FILE"] is not None,
            "presets": PRESETS,
            "maxTokens": MAX_TOKENS,
            "texts": TRANSLATIONS[lang].scripts,
        },
    }


def _first(kind: str) -> Form:
    # Without JavaScript nothing shows until the answer's end: it should not run on.
    return Form(()) if kind == "embeddings" else Form((("max_tokens", "256"),))
