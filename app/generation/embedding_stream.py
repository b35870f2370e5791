"""An accepted embedding request's vectors."""

from __future__ import annotations

from app.connection.request_context import RequestContext
from app.engine.events import Embedding
from app.engine.request_handle import RequestHandle


class EmbeddingStream:
    """One request's vectors. Used by one HTTP thread."""

    def __init__(self, handle: RequestHandle, inputs: int, context: RequestContext) -> None:
        """inputs: how many vectors will come."""
        self._handle, self._inputs, self._context = handle, inputs, context

    @property
    def prompt_tokens(self) -> int:
        """Of all inputs; an upstream tells it with the vectors."""
        return self._handle.prompt_tokens

    def collect(self) -> tuple[bytes, ...]:
        """Wait for all vectors, little-endian float32 each.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """
        vectors = [b""] * self._inputs
        with self._context.cancel_on_disconnect(self._handle.cancel):
            while not self._handle.done:
                for event in self._handle.next_events(self._context.wait_timeout_s()):
                    if isinstance(event, Embedding):
                        vectors[event.index] = event.values
                self._context.raise_if_disconnected()
        return tuple(vectors)
