"""/v1/completions: the request's fields, read.

Knows nothing about templates: it says which was asked for, not what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.protocol.fields import StrictBoolean, StrictInteger, StrictString, Unsupported
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.prompt_fields import TextOrIds, Texts, is_list_of_items
from app.protocol.sampling import (
    COMPLETION_DEFAULTS,
    Generation,
    GenerationSchema,
    read_generation,
)

MAX_CHOICES = 128


class CompletionsSchema(GenerationSchema):
    """The request's fields."""

    prompt = Texts(max_items=MAX_CHOICES)
    prompt_template = StrictString("alpaca", "none")
    max_tokens = StrictInteger(0, absent=-1)
    best_of = StrictInteger(1, 20)
    echo = StrictBoolean()
    logprobs = StrictInteger(0, 5)
    suffix = Unsupported("")
    response_format = Unsupported({"type": "text"})
    tools = Unsupported([])
    # Of chat alone: an answer without their effect would not be what was asked for.
    max_completion_tokens = Unsupported(-1)
    continue_final_message = Unsupported(False)


_SCHEMA = CompletionsSchema()


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """A valid request."""

    prompts: tuple[TextOrIds, ...]
    is_list: bool  #: `prompt` was a list of prompts: a bad one has a number in its path
    template: str | None  #: "alpaca", "none"; None: the server's choice
    echo: bool
    logprobs: int | None  #: alternatives told for each token; None: no logprobs
    best_of: int  #: answers made for each prompt; the best `generation.n` are given
    generation: Generation
    ignored: tuple[str, ...]

    @property
    def made(self) -> int:
        """How many answers will be made."""
        return len(self.prompts) * self.best_of


def read_completion(data: Mapping[str, object]) -> CompletionCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    prompts: tuple[TextOrIds, ...] = values["prompt"]
    n = values.get("n", 1)
    best_of = values.get("best_of", n)
    _check_best_of(values, n, best_of)
    if len(prompts) * best_of > MAX_CHOICES:
        name = "best_of" if best_of > n else "n"
        raise field_error(name, f"prompts times {name} must be at most {MAX_CHOICES}")
    if values.get("max_tokens") == 0 and not values.get("echo"):
        raise field_error("max_tokens", "must be a whole number, 1 or more; 0 only with echo")
    logprobs = values.get("logprobs")
    # Ranking needs the logprobs, whether the client wants them or not.
    asked = 0 if logprobs is None and best_of > n else logprobs
    generation = read_generation(values, COMPLETION_DEFAULTS, asked)
    scored = logprobs is not None and values.get("echo", False)
    if scored and values.get("prompt_template") == "alpaca":
        raise field_error(
            "prompt_template", "must be none where echo and logprobs score the prompt"
        )
    return CompletionCall(
        prompts=prompts,
        is_list=is_list_of_items(data["prompt"]),
        # Scores are of the text as it is: a template around it would count as its beginning.
        template="none" if scored else values.get("prompt_template"),
        echo=values.get("echo", False),
        logprobs=logprobs,
        best_of=best_of,
        generation=generation,
        ignored=ignored_fields(_SCHEMA, data),
    )


def _check_best_of(values: Mapping[str, Any], n: int, best_of: int) -> None:
    if best_of < n:
        raise field_error("best_of", f"must be at least n, which is {n}")
    if best_of > n and values.get("stream"):
        raise field_error("best_of", "cannot be streamed: the best is known at the end only")
    if best_of > n and values.get("num_beams", 1) > 1:
        raise field_error("best_of", "is not supported with num_beams over 1")
