"""The fields that both text routes share, their defaults, and the GenerationRequest they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import Schema
from marshmallow.fields import Field

from app.engine.types import GenerationRequest, SamplingParams
from app.protocol.fields import (
    Ignored,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    Unsupported,
    refused,
)
from app.protocol.generation_fields import LogitBias, Stop, StreamOptions
from app.protocol.loading import field_error
from app.protocol.unsupported import OF_GENERATION


class GenerationSchema(Schema):
    """What /v1/completions and /v1/chat/completions have in common."""

    class Meta:
        """What would change the answer and is not served."""

        include: ClassVar[dict[str, Field[None]]] = refused(OF_GENERATION)

    model = StrictString()
    max_tokens = StrictInteger(1, absent=-1)
    temperature = StrictNumber(0, 2)
    top_p = StrictNumber(0, 1)
    top_k = StrictInteger(0, absent=-1)
    min_p = StrictNumber(0, 1)
    num_beams = StrictInteger(1, 16)
    repetition_penalty = StrictNumber(0, 10, above_minimum=True)
    do_sample = StrictBoolean()
    n = StrictInteger(1, 8)
    stop = Stop()
    stream = StrictBoolean()
    stream_options = StreamOptions()
    return_progress = StrictBoolean()
    seed = StrictInteger()
    ignore_eos = StrictBoolean()
    user = StrictString()

    logit_bias = LogitBias()
    presence_penalty = StrictNumber(-2, 2)
    frequency_penalty = StrictNumber(-2, 2)

    tool_choice = Unsupported("none", "auto")

    # They change nothing here.
    metadata = Ignored()
    store = Ignored()
    service_tier = Ignored()
    safety_identifier = Ignored()
    prompt_cache_key = Ignored()
    prompt_cache_options = Ignored()
    prompt_cache_retention = Ignored()
    moderation = Ignored()


#: Clamped: below this, logit / penalty overflows float32.
_MIN_REPETITION_PENALTY = 1e-6


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a route's fields are when the request does not say."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int | None  #: None: what is left of the context


#: Other names of fields. Where a route has both, the alias wins.
FIELD_ALIASES: Mapping[str, str] = {"max_completion_tokens": "max_tokens"}

#: Of the fields whose default is the same on every route, and changes nothing.
NEUTRAL_DEFAULTS: Mapping[str, object] = {
    "min_p": 0,
    "num_beams": 1,
    "repetition_penalty": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "do_sample": True,
    "n": 1,
    "stream": False,
    "return_progress": False,
    "ignore_eos": False,
}
COMPLETION_DEFAULTS = Defaults(temperature=0.1, top_p=0.75, top_k=40, max_tokens=128)
CLASSIC_CHAT_DEFAULTS = Defaults(temperature=0.7, top_p=1.0, top_k=40, max_tokens=128)
OPENAI_CHAT_DEFAULTS = Defaults(temperature=0.7, top_p=1.0, top_k=0, max_tokens=None)


@dataclass(frozen=True, slots=True)
class Streaming:
    """Whether to stream the answer, and what besides text."""

    stream: bool
    include_usage: bool  #: a last chunk with the usage
    return_progress: bool  #: comments on queue and prompt before the first text


def read_generation(
    values: Mapping[str, Any], defaults: Defaults, logprobs: int | None
) -> GenerationRequest:
    """How to generate, from what GenerationSchema has read; the prompts are still missing.

    logprobs: alternatives to report for each token; None: no logprobs.

    Raises:
        BadRequest: fields that contradict each other.
    """
    n, num_beams = values.get("n", 1), values.get("num_beams", 1)
    if num_beams > 1 and n > num_beams:
        raise field_error("n", f"must be at most num_beams, which is {num_beams}")
    if num_beams > 1 and logprobs is not None:
        raise field_error("logprobs", "is not supported with num_beams over 1")
    name = given_name(values, "max_tokens")
    return GenerationRequest(
        prompts=(),
        params=_sampling_params(values, defaults, logprobs),
        n=n,
        num_beams=num_beams,
        max_tokens=values.get(name),
        default_max_tokens=None if name in values else defaults.max_tokens,
        stop=values.get("stop", ()),
        ignore_eos=values.get("ignore_eos", False),
    )


def read_streaming(values: Mapping[str, Any]) -> Streaming:
    """The shared fields about streams.

    Raises:
        BadRequest: `stream_options` without `stream`.
    """
    stream = values.get("stream", False)
    if "stream_options" in values and not stream:
        raise field_error("stream_options", "is only for requests with stream true")
    return Streaming(
        stream, values.get("stream_options", False), values.get("return_progress", False)
    )


def given_name(values: Mapping[str, Any], name: str) -> str:
    """The name under which the client gave a field: an alias, which wins, or the field's."""
    aliases = (alias for alias, meant in FIELD_ALIASES.items() if meant == name)
    return next((alias for alias in aliases if alias in values), name)


def _sampling_params(
    values: Mapping[str, Any], defaults: Defaults, logprobs: int | None
) -> SamplingParams:
    temperature = values.get("temperature", defaults.temperature)
    return SamplingParams(
        temperature=temperature if values.get("do_sample", True) else 0.0,
        top_k=values.get("top_k", defaults.top_k),
        top_p=values.get("top_p", defaults.top_p),
        min_p=values.get("min_p", 0.0),
        repetition_penalty=max(values.get("repetition_penalty", 1.0), _MIN_REPETITION_PENALTY),
        presence_penalty=values.get("presence_penalty", 0.0),
        frequency_penalty=values.get("frequency_penalty", 0.0),
        logit_bias=values.get("logit_bias", ()),
        seed=values.get("seed"),
        logprobs=logprobs,
    )
