"""The shapes of a route's stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from app.api.sse_format import OPENAI_SSE, SseFormat
from app.engine.events import OutputDelta
from app.generation.results import Usage


class Chunks(ABC):
    """Makes a request's deltas into what the route calls its chunks, or its events. One HTTP
    thread uses it; the methods are called in the order they stand here."""

    sse_format: ClassVar[SseFormat] = OPENAI_SSE
    #: Whether the client wants comments on queue and prompt before the first text, and the stop
    #: string that ended a choice.
    return_progress = False

    def opening(self, usage: Usage) -> list[dict[str, object]]:
        """Chunks to send at once, before the model has read the prompt."""
        return []

    @abstractmethod
    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """Chunks for new text, the end of a choice, or both."""

    @abstractmethod
    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """Chunks after the last choice's end."""

    def stop_reason(self, delta: OutputDelta) -> dict[str, object]:
        """A field of a choice's last chunk: the stop string that ended it, by vLLM's name, for a
        client that wants to know. A server of ours in front needs it, for APIs that name it."""
        if self.return_progress and delta.stop_reason is not None:
            return {"stop_reason": delta.stop_reason}
        return {}

    def failed(self, error: dict[str, object]) -> list[dict[str, object]]:
        """Chunks that end a stream which failed, instead of `closing`. error: the body that an
        error response of the route has."""
        return [error]
