"""Every error the engine raises towards its callers.

Knows nothing about HTTP: `app.protocol.errors` turns these into statuses.

    EngineError
    ├── InvalidRequest          the request cannot be served as asked
    │   ├── ContextExceeded     a prompt that leaves no room for an answer
    │   ├── EmptyPrompt         no tokens
    │   ├── UnknownToken        an id that is not in the vocabulary
    │   └── UnsupportedSchema       a JSON schema that no answer can be kept to
    ├── Unavailable             not now
    │   ├── ModelLoading
    │   ├── Overloaded          more than `max_in_flight`
    │   ├── OutOfMemory         accepted, then given up so that others could go on
    │   └── ShuttingDown
    ├── GenerationFailed        accepted, then lost to a fault of ours
    └── StructuredOutputFailed            accepted, then its answer could not be kept to the schema
"""

from __future__ import annotations

from typing import Literal


class EngineError(Exception):
    """Base of all errors the engine raises."""


class InvalidRequest(EngineError):
    """The request cannot be served as asked; `field` says which part is wrong, and `item` which
    of the prompts or inputs."""

    item: int = 0

    def __init__(
        self, message: str, field: Literal["prompt", "max_tokens", "json_schema"] = "prompt"
    ) -> None:
        super().__init__(message)
        self.field = field


class ContextExceeded(InvalidRequest):
    """The prompt does not fit the context, or leaves no room for an answer."""

    @classmethod
    def of(cls, limit_tokens: int, problem: str) -> ContextExceeded:
        """With the words and the code by which clients know this error: they look for both in
        the message. problem: what does not fit."""
        return cls(
            f"This model's maximum context length is {limit_tokens} tokens, prompt and answer "
            f"together; {problem} (context_length_exceeded)"
        )


class EmptyPrompt(InvalidRequest):
    """A prompt or an input has no tokens."""


class UnknownToken(InvalidRequest):
    """A token id is not in the vocabulary."""


class UnsupportedSchema(InvalidRequest):
    """The JSON schema is wrong, or says something that cannot be kept to."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "json_schema")


class Unavailable(EngineError):
    """Not now; the client may try again after `retry_after_s` seconds."""

    retry_after_s: int = 1


class ModelLoading(Unavailable):
    """The model's weights are still being read."""

    retry_after_s = 2


class Overloaded(Unavailable):
    """As many requests are in flight as the server allows."""


class OutOfMemory(Unavailable):
    """Memory ran out in the middle of a step, and this request was given up for the others."""

    retry_after_s = 2


class ShuttingDown(Unavailable):
    """The server is stopping, or its engine is dead."""

    retry_after_s = 5


class GenerationFailed(EngineError):
    """An accepted request was lost to a fault of the server."""


class StructuredOutputFailed(EngineError):
    """The grammar of a request's schema broke one of its bounds in the middle of an answer."""
