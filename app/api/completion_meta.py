"""What every completion and chunk has: an id, a time, the model's name, a fingerprint, usage."""

from __future__ import annotations

import time
from dataclasses import dataclass

import shortuuid

from app.generation.results import Usage
from app.generation.text_engine import TextEngine


@dataclass(frozen=True, slots=True)
class CompletionMeta:
    """The same in every chunk of one answer."""

    id: str
    created: int  #: Unix seconds
    model: str
    fingerprint: str  #: of the model and this server's version

    def body(
        self, kind: str, choices: list[dict[str, object]], **usage: dict[str, object] | None
    ) -> dict[str, object]:
        """A completion or a chunk; `kind` is its `object`, `usage` may be left out."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **usage,
            "system_fingerprint": self.fingerprint,
        }


def new_completion_meta(
    prefix: str, engine: TextEngine, requested: str | None = None
) -> CompletionMeta:
    """With a fresh id. prefix: "cmpl" or "chatcmpl"; requested: the model that the client named."""
    created, model = int(time.time()), engine.served.name_of(requested)
    return CompletionMeta(f"{prefix}-{shortuuid.uuid()}", created, model, engine.info.fingerprint)


def usage_body(usage: Usage) -> dict[str, object]:
    """`usage` of the text routes; tokens of thinking where the model is one that thinks."""
    body: dict[str, object] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if usage.reasoning_tokens is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return body
