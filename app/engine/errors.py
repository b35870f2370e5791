"""The errors that the engine raises. `app.protocol.errors` maps them to HTTP statuses.

EngineError
├── InvalidRequest          the request cannot be served as asked
│   ├── ContextExceeded     a prompt that leaves no tokens for an answer
│   ├── EmptyPrompt         no tokens
│   ├── UnknownToken        an id that is not in the vocabulary
│   └── UnsupportedSchema   a JSON schema that is invalid or not supported
├── Unavailable             not now
│   ├── ModelLoading
│   ├── Overloaded          too many requests in flight
│   ├── OutOfMemory         accepted, then failed to free memory for the others
│   └── ShuttingDown
├── GenerationFailed        accepted, then failed by a fault of the server
└── StructuredOutputFailed  accepted, then the schema's grammar exceeded a limit
"""

from __future__ import annotations

from typing import Literal


class EngineError(Exception):
    """Base of all errors the engine raises."""


class InvalidRequest(EngineError):
    """The request cannot be served as asked. `field` says which part is wrong, `item` the index of
    the prompt or input, or the key of the bias."""

    item: int = 0

    def __init__(
        self,
        message: str,
        field: Literal["prompt", "max_tokens", "json_schema", "logit_bias"] = "prompt",
    ) -> None:
        super().__init__(message)
        self.field = field


class ContextExceeded(InvalidRequest):
    """The prompt does not fit the context, or leaves no tokens for an answer."""

    @classmethod
    def of(cls, limit_tokens: int, problem: str) -> ContextExceeded:
        """An error whose message has the words and the code that clients search for. problem: what
        does not fit."""
        return cls(
            f"This model's maximum context length is {limit_tokens} tokens, prompt and answer "
            f"together; {problem} (context_length_exceeded)"
        )


class EmptyPrompt(InvalidRequest):
    """A prompt or an input has no tokens."""


class UnknownToken(InvalidRequest):
    """A token id is not in the vocabulary."""


class UnsupportedSchema(InvalidRequest):
    """The JSON schema is invalid, or uses something that is not supported."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "json_schema")


class Unavailable(EngineError):
    """Not now; the client may try again after `retry_after_s` seconds."""

    retry_after_s: int = 1


class ModelLoading(Unavailable):
    """The model's weights are still being read."""

    retry_after_s = 2


class Overloaded(Unavailable):
    """Too many requests are in flight."""


class OutOfMemory(Unavailable):
    """A step ran out of memory, and this request was failed so that the others can go on."""

    retry_after_s = 2


class ShuttingDown(Unavailable):
    """The server is stopping, or its engine is dead."""

    retry_after_s = 5


class GenerationFailed(EngineError):
    """An accepted request failed by a fault of the server."""


class StructuredOutputFailed(EngineError):
    """The grammar of a request's schema exceeded a limit in the middle of an answer."""
