"""A /v1/completions request, accepted by the engine or refused.

Knows nothing about Flask, streams of events or pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.calls import Served
from app.calls.submitting import encode_items, fields_named
from app.engine import Engine, Stream
from app.engine.types import GenerationRequest
from app.prompts import Prompt
from app.prompts.alpaca import render_instruction
from app.schemas.answers import Head, new_head
from app.schemas.completions import CompletionCall, read_completion


@dataclass(frozen=True, slots=True)
class CompletionWork:
    """A request the engine has accepted."""

    head: Head
    call: CompletionCall
    stream: Stream


def start_completion(data: Mapping[str, object], engine: Engine, served: Served) -> CompletionWork:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    call = read_completion(data)
    served.check_model(call.generation.model)
    templated = (call.template or served.prompt_template) == "alpaca"
    render = render_instruction if templated else _plain
    prompts = encode_items(engine, call.prompts, "prompt", call.is_list, render)
    generation = call.generation
    request = GenerationRequest(
        prompts=prompts,
        params=generation.params,
        n=generation.n,
        max_tokens=generation.max_tokens,
        default_max_tokens=generation.default_max_tokens,
        stop=generation.stop,
        ignore_eos=generation.ignore_eos,
        drop_leading_space=templated and isinstance(call.prompts[0], str),
    )
    with fields_named("prompt", generation.max_tokens_field):
        stream = engine.generate(request)
    return CompletionWork(new_head("cmpl", served.model_name), call, stream)


def _plain(text: str) -> Prompt:
    return Prompt(text, allow_special=False)
