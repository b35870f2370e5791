"""An accepted completion as an HTTP response: whole, or as server-sent events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from flask import Response

from app.api.chunks import Chunks
from app.api.json_http import json_response
from app.api.response_headers import ResponseHeaders
from app.api.sse import sse_response
from app.generation.text_stream import TextStream
from app.protocol.sampling import Streaming


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCompletion(ABC):
    """A request that the engine has accepted; a route adds the shapes of its answer."""

    stream: TextStream
    streaming: Streaming
    ignored: tuple[str, ...]  #: paths of what was not read

    @property
    def headers(self) -> ResponseHeaders:
        """What was ignored, or not shown to the model, and what was cut."""
        ignored = sorted((*self.ignored, *self.stream.unread_fields))
        return ResponseHeaders(tuple(ignored), self.stream.max_tokens_cut)

    @abstractmethod
    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """

    @abstractmethod
    def chunks(self) -> Chunks:
        """The shapes of the answer's chunks."""


def respond(completion: AcceptedCompletion) -> Response:
    """The response that the client asked for."""
    if completion.streaming.stream:
        return sse_response(completion.stream, completion.chunks(), completion.headers)
    return json_response(completion.body(), completion.headers)
