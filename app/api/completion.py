"""An accepted completion as an HTTP response: whole, or as server-sent events."""

from __future__ import annotations

from typing import Protocol

from flask import Response

from app.api.json_http import json_response
from app.api.response_headers import ResponseHeaders
from app.api.sse import Chunks, sse_response
from app.generation.text_stream import TextStream


class AcceptedCompletion(Protocol):
    """A request that the engine has accepted, with its route's shapes."""

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""

    @property
    def stream(self) -> TextStream:
        """The request's text."""

    @property
    def headers(self) -> ResponseHeaders:
        """What the response's headers say about the request."""

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """

    def chunks(self) -> Chunks:
        """The shapes of the answer's chunks."""


def respond(completion: AcceptedCompletion) -> Response:
    """The response that the client asked for."""
    if completion.streamed:
        return sse_response(completion.stream, completion.chunks(), completion.headers)
    return json_response(completion.body(), completion.headers)
