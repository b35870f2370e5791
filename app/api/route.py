"""One route of the API: its path and view, and what /openapi.json says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Response
from marshmallow import Schema

from app.api.sse_format import OPENAI_SSE, SseFormat
from app.translations import Translation

#: Statuses of a route that reads a body and asks the engine, and of one that only looks up.
ENGINE_ERRORS = (400, 401, 404, 413, 415, 429, 500, 502, 503, 504)
LOOKUP_ERRORS = (401, 429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path with one method: POST if it has a request schema, GET otherwise.

    Its summary, and the meaning of its fields, stand in app/translations by path and name.
    """

    path: str  #: as in OpenAPI: "/v1/models/{model_id}"; a parameter may hold slashes
    view: Callable[..., Response] | None = None  #: None: middleware answers it
    request: type[Schema] | None = None
    response: type[Schema] | None = None  #: None: plain text
    #: Instead, for requests with the header anthropic-version.
    anthropic_response: type[Schema] | None = None
    chunk: type[Schema] | None = None  #: an event of its stream, if it streams
    sse_format: SseFormat = OPENAI_SSE  #: how these are written
    errors: tuple[int, ...] = ()
    needs_key: bool = True
    defaults: Mapping[str, object] = field(default_factory=dict)  #: of the request's fields
    classic_defaults: Mapping[str, object] = field(default_factory=dict)  #: in the classic dialect
    example: Callable[[Translation], Mapping[str, object]] | None = (
        None  #: a request, in a language
    )

    @property
    def method(self) -> str:
        """The route's one HTTP method."""
        return "GET" if self.request is None else "POST"
