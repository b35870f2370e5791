"""A /v1/chat/completions request, accepted by the engine or refused.

Knows nothing about Flask, streams of events or pages.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.api.chat_completions.request import ChatCall, read_chat
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.types import GenerationRequest
from app.generation import ServedModel
from app.generation.collect import Collected, collect_answers
from app.generation.rendering import render_conversation, unshown_names
from app.generation.submission import (
    check_bias,
    cut_to,
    encode,
    engine_errors_as_fields,
    wait_until_prepared,
)
from app.generation.text_stream import PieceStream
from app.protocol.completion_meta import CompletionMeta, new_completion_meta
from app.protocol.logprobs import LogprobFormatter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChatWork:
    """A request the engine has accepted."""

    head: CompletionMeta
    call: ChatCall
    pieces: PieceStream
    shapes: LogprobFormatter | None  #: where logprobs are asked for
    max_tokens_cut: int | None  #: what `max_tokens` was cut to, if it was

    def collect(self, caller: RequestContext) -> Collected:
        """Wait for the new turns.

        Raises:
            ClientGone, DeadlinePassed: nobody waits any more.
            EngineError: the request failed.
        """
        return collect_answers(self.pieces, self.call.generation.n, caller)


def start_chat(
    data: Mapping[str, object], engine: Engine, served: ServedModel, caller: RequestContext
) -> ChatWork:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    call = read_chat(data)
    generation = call.generation
    served.check_model(generation.model)
    check_bias(generation.params, engine.info)
    prompt = render_conversation(
        call.conversation, served, engine.info, caller, continued=call.continued
    )
    unshown = unshown_names(call.conversation, served, engine.info)
    call = replace(call, ignored=tuple(sorted((*call.ignored, *unshown))))
    if call.has_tools:
        _log.warning("tools are not served yet: a request that offers some is answered in text")
    schema = call.schema
    schema_field = f"response_format.{schema.path}" if schema else "response_format"
    with engine_errors_as_fields("messages", generation.max_tokens_field, schema_field):
        stream = engine.generate(
            GenerationRequest(
                prompts=(encode(engine, prompt),),
                params=generation.params,
                n=generation.n,
                num_beams=generation.num_beams,
                max_tokens=generation.max_tokens,
                default_max_tokens=generation.default_max_tokens,
                stop=generation.stop,
                ignore_eos=generation.ignore_eos,
                json_schema=schema.text if schema else None,
                answer_prefix=call.continued_text,
                # A blank after a text that is gone on with belongs to it.
                drop_leading_space=not call.continued,
                owner=caller.owner,
            )
        )
        if schema is not None:
            wait_until_prepared(stream, caller)
    return ChatWork(
        head=new_completion_meta("chatcmpl", served.model_name, engine.info.fingerprint),
        call=call,
        pieces=PieceStream(stream, generation.n),
        shapes=None if generation.params.logprobs is None else LogprobFormatter(engine.info),
        max_tokens_cut=cut_to(stream, generation.max_tokens),
    )
