"""A /v1/completions request, accepted by the engine or refused.

Knows nothing about Flask, streams of events or pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.completions.request import CompletionCall, read_completion
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.types import GenerationRequest, TokenIds
from app.generation import ServedModel
from app.generation.best_of import best
from app.generation.collect import Collected, collect_answers
from app.generation.prompt_echo import PromptEcho
from app.generation.rendering import instruction_renderer
from app.generation.submission import check_bias, cut_to, encode_items, engine_errors_as_fields
from app.generation.text_stream import PieceStream
from app.protocol.completion_meta import CompletionMeta, new_completion_meta
from app.protocol.logprobs import LogprobFormatter


@dataclass(frozen=True, slots=True)
class CompletionWork:
    """A request the engine has accepted."""

    head: CompletionMeta
    call: CompletionCall
    pieces: PieceStream
    shapes: LogprobFormatter | None  #: where logprobs are asked for
    max_tokens_cut: int | None  #: what `max_tokens` was cut to, if it was

    def collect(self, caller: RequestContext) -> Collected:
        """Wait for the answers; the best of them, where more are made than are wanted.

        Raises:
            ClientGone, DeadlinePassed: nobody waits any more.
            EngineError: the request failed.
        """
        collected = collect_answers(self.pieces, self.call.made, caller)
        answers = best(collected.answers, self.call.best_of, self.call.generation.n)
        return Collected(answers, collected.usage)


def start_completion(
    data: Mapping[str, object], engine: Engine, served: ServedModel, caller: RequestContext
) -> CompletionWork:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    call = read_completion(data)
    generation = call.generation
    served.check_model(generation.model)
    check_bias(generation.params, engine.info)
    template = call.template or served.prompt_template
    render = instruction_renderer(template)
    prompts = encode_items(engine, call.prompts, "prompt", call.is_list, render)
    request = GenerationRequest(
        prompts=prompts,
        params=generation.params,
        n=call.best_of,
        # Beams of no tokens are none.
        num_beams=generation.num_beams if generation.max_tokens != 0 else 1,
        max_tokens=generation.max_tokens,
        default_max_tokens=generation.default_max_tokens,
        stop=generation.stop,
        ignore_eos=generation.ignore_eos,
        drop_leading_space=template == "alpaca" and isinstance(call.prompts[0], str),
        prompt_logprobs=call.logprobs if call.echo else None,
        owner=caller.owner,
    )
    with engine_errors_as_fields("prompt", generation.max_tokens_field, is_list=call.is_list):
        stream = engine.generate(request)
    return CompletionWork(
        head=new_completion_meta("cmpl", served.model_name, engine.info.fingerprint),
        call=call,
        pieces=PieceStream(stream, call.best_of, _echoes(call, template, prompts, engine)),
        shapes=None if call.logprobs is None else LogprobFormatter(engine.info),
        max_tokens_cut=cut_to(stream, generation.max_tokens),
    )


def _echoes(
    call: CompletionCall, template: str, prompts: tuple[TokenIds, ...], engine: Engine
) -> list[PromptEcho]:
    """The prompts as the model saw them."""
    if not call.echo:
        return []
    render = instruction_renderer(template)
    return [
        PromptEcho(
            render(item).text if isinstance(item, str) else engine.decode(item),
            ids,
            engine.info.token_bytes,
            scored=call.logprobs is not None,
        )
        for item, ids in zip(call.prompts, prompts, strict=True)
    ]
