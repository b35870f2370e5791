"""The errors that the engine raises. `app.protocol.errors` maps them to HTTP statuses.

EngineError
├── InvalidRequest          the request cannot be served as asked
│   ├── ContextExceeded     a prompt that leaves no tokens for an answer
│   ├── EmptyPrompt         no tokens
│   ├── UnknownToken        an id that is not in the vocabulary
│   └── UnsupportedGrammar  a structured output that is invalid or not supported
├── Unavailable             not now
│   ├── ModelLoading
│   ├── Overloaded          too many requests in flight
│   ├── OutOfMemory         accepted, then failed to free memory for the others
│   ├── ShuttingDown
│   └── UpstreamUnreachable the upstream has not answered yet
├── UpstreamError           the upstream refused the request, or failed
├── GenerationFailed        accepted, then failed by a fault of the server
└── StructuredOutputFailed  accepted, then the answer's grammar exceeded a limit
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
        field: Literal[
            "prompt", "max_tokens", "structured_output", "logit_bias", "stop_token_ids"
        ] = "prompt",
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


class UnsupportedGrammar(InvalidRequest):
    """What answers must match is invalid, or uses something that is not supported."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "structured_output")


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


class UpstreamUnreachable(Unavailable):
    """The upstream has not answered since the start: nothing is known of its models."""

    retry_after_s = 2


class UpstreamError(EngineError):
    """The upstream refused a request, with a status below 500, or failed."""

    def __init__(
        self,
        message: str,
        status: int,
        code: str | None = None,
        *,
        error_type: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        """status: of our response; code: names the failure; error_type: None: the usual one of
        the status; param: the client's field that is wrong."""
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.error_type, self.retry_after_s = error_type, retry_after_s

    @property
    def is_refusal(self) -> bool:
        """The request was wrong, and nothing failed."""
        return self.status < 500 and self.status != 429


class GenerationFailed(EngineError):
    """An accepted request failed by a fault of the server."""


class StructuredOutputFailed(EngineError):
    """The grammar of a request exceeded a limit in the middle of an answer."""
