"""The fields that both text routes share, their defaults, and the GenerationRequest they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import Schema
from marshmallow.fields import Field

from app.engine.request import GenerationRequest, SamplingParams
from app.protocol.aliases import given_name
from app.protocol.answer_format import read_answer_format
from app.protocol.fields import (
    Ignored,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    refused,
)
from app.protocol.generation_fields import (
    LogitBias,
    PromptCacheKey,
    Stop,
    StopTokenIds,
    StreamOptions,
)
from app.protocol.loading import field_error
from app.protocol.response_format import ResponseFormat
from app.protocol.structured_outputs import structured_outputs_fields
from app.protocol.unsupported import OF_GENERATION


class SamplingSchema(Schema):
    """How tokens are chosen, where an answer ends, and how it is sent: the same in every API."""

    model = StrictString()
    min_tokens = StrictInteger(0)
    temperature = StrictNumber(0, 2)
    top_p = StrictNumber(0, 1)
    top_k = StrictInteger(0, absent=-1)
    min_p = StrictNumber(0, 1)
    repetition_penalty = StrictNumber(0, 10, above_minimum=True)
    do_sample = StrictBoolean()
    stop = Stop()
    stop_token_ids = StopTokenIds()
    stream = StrictBoolean()
    stream_options = StreamOptions()
    return_progress = StrictBoolean()
    seed = StrictInteger()
    ignore_eos = StrictBoolean()
    user = StrictString()
    logit_bias = LogitBias()
    presence_penalty = StrictNumber(-2, 2)
    frequency_penalty = StrictNumber(-2, 2)


class GenerationSchema(SamplingSchema):
    """What /v1/completions and /v1/chat/completions have in common."""

    class Meta:
        """Fields whose names stand in tables."""

        include: ClassVar[dict[str, Field[Any]]] = {
            **structured_outputs_fields(),
            # What would change the answer and is not served.
            **refused(OF_GENERATION),
        }

    max_tokens = StrictInteger(1, absent=-1)
    min_new_tokens = StrictInteger(0)
    num_beams = StrictInteger(1, 16)
    n = StrictInteger(1, 8)
    response_format = ResponseFormat()
    prompt_cache_key = PromptCacheKey()
    # They change nothing here.
    metadata = Ignored()
    store = Ignored()
    service_tier = Ignored()
    safety_identifier = Ignored()
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


#: Of the fields whose default is the same on every route, and changes nothing.
NEUTRAL_DEFAULTS: Mapping[str, object] = {
    "min_p": 0,
    "min_tokens": 0,
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
RESPONSES_DEFAULTS = Defaults(temperature=1.0, top_p=1.0, top_k=0, max_tokens=None)
MESSAGES_DEFAULTS = Defaults(temperature=1.0, top_p=1.0, top_k=0, max_tokens=None)


@dataclass(frozen=True, slots=True)
class Streaming:
    """Whether to stream the answer, and what besides text."""

    stream: bool
    include_usage: bool  #: a last chunk with the usage
    return_progress: bool  #: comments on queue and prompt before the first text


def read_generation(
    values: Mapping[str, Any], defaults: Defaults, logprobs: int | None
) -> GenerationRequest:
    """How to generate, from values under GenerationSchema's names; the prompts are still missing.

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
    answer_format = read_answer_format(values)
    return GenerationRequest(
        prompts=(),
        params=_sampling_params(values, defaults, logprobs),
        n=n,
        num_beams=num_beams,
        max_tokens=values.get(name),
        default_max_tokens=None if name in values else defaults.max_tokens,
        min_tokens=_min_tokens(values, values.get(name, defaults.max_tokens)),
        stop=values.get("stop", ()),
        stop_token_ids=values.get("stop_token_ids", ()),
        ignore_eos=values.get("ignore_eos", False),
        structured_output=answer_format.output if answer_format else None,
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


def _min_tokens(values: Mapping[str, Any], max_tokens: int | None) -> int:
    name = given_name(values, "min_tokens")
    min_tokens: int = values.get(name, 0)
    if max_tokens is not None and min_tokens > max_tokens:
        raise field_error(name, f"must be at most the limit of tokens, which is {max_tokens}")
    return min_tokens


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
