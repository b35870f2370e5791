"""/v1/completions on the wire: the request read, the answer and its chunks built.

Knows nothing about templates: it says which was asked for, not what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.engine.types import Delta
from app.schemas.answers import Answer, Head, Usage
from app.schemas.fields import Text, Unsupported, Whole
from app.schemas.reading import ignored_fields, load, refuse
from app.schemas.sampling import (
    COMPLETION_DEFAULTS,
    Generation,
    GenerationSchema,
    read_generation,
)
from app.schemas.texts import TextOrIds, Texts

MAX_CHOICES = 128


class CompletionsSchema(GenerationSchema):
    """The request's fields."""

    prompt = Texts(max_items=MAX_CHOICES)
    prompt_template = Text("alpaca", "none")
    best_of = Whole(1)
    echo = Unsupported(False)
    logprobs = Unsupported()
    suffix = Unsupported("")
    response_format = Unsupported({"type": "text"})


_SCHEMA = CompletionsSchema()


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """A valid request."""

    prompts: tuple[TextOrIds, ...]
    is_list: bool  #: `prompt` was a list of prompts: a bad one has a number in its path
    template: str | None  #: "alpaca", "none"; None: the server's choice
    generation: Generation
    ignored: tuple[str, ...]

    @property
    def choices(self) -> int:
        """How many answers there will be."""
        return len(self.prompts) * self.generation.n


def read_completion(data: Mapping[str, object]) -> CompletionCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    generation = read_generation(values, COMPLETION_DEFAULTS)
    prompts: tuple[TextOrIds, ...] = values["prompt"]
    if values.get("best_of", generation.n) != generation.n:
        raise refuse("best_of", "is not supported by this server, unless it equals n")
    if len(prompts) * generation.n > MAX_CHOICES:
        raise refuse("n", f"prompts times n must be at most {MAX_CHOICES}")
    given = data["prompt"]
    return CompletionCall(
        prompts=prompts,
        is_list=isinstance(given, list) and isinstance(given[0], str | list),
        template=values.get("prompt_template"),
        generation=generation,
        ignored=ignored_fields(_SCHEMA, data),
    )


def completion_body(head: Head, answers: Sequence[Answer], usage: Usage) -> dict[str, object]:
    """The whole answer."""
    choices = [
        {"index": index, "text": answer.text, "finish_reason": answer.finish_reason.value}
        for index, answer in enumerate(answers)
    ]
    return {
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "usage": usage.body(),
    }


@dataclass(frozen=True, slots=True)
class CompletionChunks:
    """The answer in pieces; see `app.api.sse.Chunks`."""

    head: Head
    include_usage: bool

    def opening(self) -> list[dict[str, object]]:
        """Nothing comes before the first text."""
        return []

    def delta(self, delta: Delta) -> list[dict[str, object]]:
        """New text, and the end of a choice, each in its own chunk."""
        chunks = []
        if delta.text:
            chunks.append(self._chunk(delta.index, delta.text, None))
        if delta.finish_reason is not None:
            chunks.append(self._chunk(delta.index, "", delta.finish_reason.value))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [self._envelope([], usage.body())] if self.include_usage else []

    def _chunk(self, index: int, text: str, reason: str | None) -> dict[str, object]:
        return self._envelope([{"index": index, "text": text, "finish_reason": reason}], None)

    def _envelope(
        self, choices: list[dict[str, object]], usage: dict[str, int] | None
    ) -> dict[str, object]:
        chunk: dict[str, object] = {
            "id": self.head.id,
            "object": "text_completion",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        }
        return {**chunk, "usage": usage} if self.include_usage else chunk
