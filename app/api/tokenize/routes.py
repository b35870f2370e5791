"""The routes from texts to tokens and back."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.route import ENGINE_ERRORS, LOOKUP_ERRORS, Route
from app.api.tokenize.request import DetokenizeSchema, TokenizeSchema
from app.api.tokenize.response_schema import Detokenized, Tokenized, TokenizerInfo
from app.api.tokenize.view import describe, detokenize, tokenize
from app.translations import Translation


def _example(texts: Translation) -> Mapping[str, object]:
    question = texts.examples["embedded"]["chat"][0]
    return {"messages": [{"role": "user", "content": question}]}


ROUTES = (
    Route(
        path="/tokenize",
        view=tokenize,
        request=TokenizeSchema,
        response=Tokenized,
        errors=ENGINE_ERRORS,
        example=_example,
    ),
    Route(
        path="/detokenize",
        view=detokenize,
        request=DetokenizeSchema,
        response=Detokenized,
        errors=ENGINE_ERRORS,
        example=lambda texts: {"tokens": [1, 300]},
    ),
    Route(path="/tokenizer_info", view=describe, response=TokenizerInfo, errors=LOOKUP_ERRORS),
)
