"""POST /v1/completions: the request's fields, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow.fields import Field

from app.api.completions.unsupported import OF_COMPLETIONS
from app.engine.request import GenerationRequest
from app.generation.request import PromptInput, TextRequest, field_names
from app.protocol.fields import StrictBoolean, StrictInteger, StrictString, Unsupported, refused
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.prompt_fields import TextOrIds, Texts, is_list_of_items
from app.protocol.sampling import (
    COMPLETION_DEFAULTS,
    GenerationSchema,
    Streaming,
    read_generation,
    read_streaming,
)

MAX_CHOICES = 128


class CompletionsSchema(GenerationSchema):
    """The request's fields."""

    class Meta:
        """What only chats have."""

        include: ClassVar[dict[str, Field[None]]] = refused(OF_COMPLETIONS)

    prompt = Texts(max_items=MAX_CHOICES)
    prompt_template = StrictString("alpaca", "none")
    max_tokens = StrictInteger(0, absent=-1)
    best_of = StrictInteger(1, 20)
    echo = StrictBoolean()
    logprobs = StrictInteger(0, 5)
    suffix = Unsupported("")
    tools = Unsupported([])
    tool_choice = Unsupported("none", "auto")
    # Of chat alone: an answer without their effect would not be what was asked for.
    max_completion_tokens = Unsupported(-1)
    continue_final_message = Unsupported(False)


_SCHEMA = CompletionsSchema()


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A valid request."""

    text: TextRequest
    streaming: Streaming
    logprobs: bool  #: asked for by the client; best_of needs them in any case
    n: int  #: choices of each prompt that are returned, of those that are generated
    ignored: tuple[str, ...]  #: paths of what was not read, sorted

    @property
    def best_of(self) -> int:
        """How many choices are generated for each prompt."""
        return self.text.generation.n


def read_completion(
    data: Mapping[str, object], sampling_defaults: Mapping[str, float]
) -> CompletionRequest:
    """The request that `data` makes. sampling_defaults: the model's own, by field.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = {**sampling_defaults, **load(_SCHEMA, data)}
    prompts: tuple[TextOrIds, ...] = values["prompt"]
    n, echo = values.get("n", 1), values.get("echo", False)
    best_of = values.get("best_of", n)
    _check_best_of(values, n, best_of)
    if len(prompts) * best_of > MAX_CHOICES:
        name = "best_of" if best_of > n else "n"
        raise field_error(name, f"prompts times {name} must be at most {MAX_CHOICES}")
    if values.get("max_tokens") == 0 and not echo:
        raise field_error("max_tokens", "must be a whole number, 1 or more; 0 only with echo")
    logprobs: int | None = values.get("logprobs")
    generation = _read_generation(values, best_of, logprobs)
    streaming = read_streaming(values)
    scored = logprobs is not None and echo
    if scored and values.get("prompt_template") == "alpaca":
        raise field_error(
            "prompt_template", "must be none where echo and logprobs score the prompt"
        )
    # Logprobs are of the text as it is: a template around it would count as its beginning.
    template = "none" if scored else values.get("prompt_template")
    text = TextRequest(
        input=PromptInput(prompts, template, echo),
        generation=generation,
        fields=field_names(values, "prompt", is_list=is_list_of_items(data["prompt"])),
        model=values.get("model"),
        prompt_cache_key=values.get("prompt_cache_key"),
    )
    ignored = ignored_fields(_SCHEMA, data)
    return CompletionRequest(text, streaming, logprobs is not None, n, ignored)


def _read_generation(
    values: Mapping[str, Any], best_of: int, logprobs: int | None
) -> GenerationRequest:
    # Ranking needs the logprobs, whether the client wants them or not.
    needed = 0 if logprobs is None and best_of > values.get("n", 1) else logprobs
    generation = read_generation(values, COMPLETION_DEFAULTS, needed)
    return dataclasses.replace(
        generation,
        n=best_of,
        # max_tokens=0 generates nothing, so beam search is off.
        num_beams=generation.num_beams if generation.max_tokens != 0 else 1,
        prompt_logprobs=logprobs if values.get("echo") else None,
    )


def _check_best_of(values: Mapping[str, Any], n: int, best_of: int) -> None:
    if best_of < n:
        raise field_error("best_of", f"must be at least n, which is {n}")
    if best_of > n and values.get("stream"):
        raise field_error("best_of", "cannot be streamed: the best is known at the end only")
    if best_of > n and values.get("num_beams", 1) > 1:
        raise field_error("best_of", "is not supported with num_beams over 1")
