"""A text request as one call of an upstream."""

from __future__ import annotations

from dataclasses import replace

from app.engine.errors import UpstreamError
from app.engine.token_ids import TokenIds
from app.generation.request import ChatInput, TextRequest
from app.generation.served_model import ServedModel
from app.upstream.max_tokens import max_tokens_to_send
from app.upstream.message_fields import message_fields
from app.upstream.prompt_fields import PromptFields, TextOf, prompt_fields
from app.upstream.sampling_fields import (
    as_the_upstream_has_them,
    format_fields,
    sampling_fields,
)
from app.upstream.token_ends import replace_token_ends
from app.upstream.upstream_call import UpstreamCall
from app.upstream.upstream_model import UpstreamModel

CHAT, COMPLETIONS = "/chat/completions", "/completions"


def upstream_call(
    request: TextRequest,
    model: UpstreamModel,
    model_name: str,
    served: ServedModel,
    text_of: TextOf | None,
) -> UpstreamCall:
    """model_name: as the upstream calls it; text_of: its detokenizer, if it has one.

    Raises:
        UpstreamError: the upstream does not have a field that would change the answer.
    """
    if isinstance(request.input, ChatInput):
        return _chat_call(request, request.input, model, model_name, served)
    source = request.input
    template = source.template or served.prompt_template
    prompts = prompt_fields(
        source, template, request.generation, request.fields, model.kind, text_of
    )
    return completion_call(request, prompts, len(source.prompts), model, model_name)


def _chat_call(
    request: TextRequest,
    chat: ChatInput,
    model: UpstreamModel,
    model_name: str,
    served: ServedModel,
) -> UpstreamCall:
    generation = request.generation
    fields = message_fields(chat, model.kind, served.chat_template_kwargs)
    if (alternatives := generation.params.logprobs) is not None:
        fields |= {"logprobs": True}
        fields["top_logprobs"] = max(alternatives, model.kind.min_top_logprobs)
    is_free = generation.structured_output is None
    call = _call(CHAT, request, fields, 1, model, model_name)
    use = chat.tool_use
    is_one_of_several = use is not None and use.required and not use.parallel and use.tools[1:]
    if model.kind.repeats_calls and is_one_of_several:
        body = {**call.body, **model.kind.counts_at_once}
        call = replace(call, body=body, ends_with_call=True, stops_here_alone=True)
    return replace(call, drop_leading_space=is_free and not chat.continue_final_message)


def completion_call(
    request: TextRequest,
    prompts: PromptFields,
    number_of_prompts: int,
    model: UpstreamModel,
    model_name: str,
) -> UpstreamCall:
    """A call that continues prompts, which may be a rendered conversation."""
    fields, generation = dict(prompts.fields), request.generation
    if (alternatives := generation.params.logprobs) is not None:
        fields["logprobs"] = max(alternatives, model.kind.min_top_logprobs)
    call = _call(COMPLETIONS, request, fields, number_of_prompts, model, model_name)
    return replace(
        call,
        drop_leading_space=prompts.drop_leading_space,
        one_choice_each=call.one_choice_each
        or (model.kind.scores_one_choice and "echo" in fields and alternatives is not None),
        echoes=prompts.echoes,
        echoed=prompts.echoed,
        only_echoes=prompts.only_echoes,
        separates_echo="echo" in fields and model.kind.separates_echo,
    )


def _call(
    path: str,
    request: TextRequest,
    fields: dict[str, object],
    number_of_prompts: int,
    model: UpstreamModel,
    model_name: str,
) -> UpstreamCall:
    generation, kind = request.generation, model.kind
    chat = path == CHAT
    fields = {"model": model_name, **fields, **sampling_fields(generation)}
    fields |= format_fields(generation, kind, request.fields, chat=chat)
    stop_ids: TokenIds = ()
    if kind.ends_by_grammar:
        stop_ids = replace_token_ends(fields, generation, model, request.fields, chat=chat)
    limit = max_tokens_to_send(generation.max_tokens, generation.default_max_tokens, model, fields)
    if limit is not None:
        fields["max_tokens"] = limit
    if request.prompt_cache_key is not None:
        fields["prompt_cache_key"] = request.prompt_cache_key
    if kind.shows_progress:
        fields["return_progress"] = True
    try:
        body = as_the_upstream_has_them(fields, kind, model.max_model_len)
    except UpstreamError as error:
        raise _as_the_client_has_it(error, request) from None
    searches = generation.num_beams > 1 and bool(kind.beam_switch)
    if not searches:  # vLLM does not stream a beam search
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    stops = () if kind.is_exact else generation.stop
    nested = not searches and any(b.find(a, 1) > 0 for a in stops for b in stops)
    # Of nested ones the shorter would end the answer where the longer has begun.
    here_alone = nested or bool(stop_ids) or (bool(stops) and kind.hides_stop)
    if here_alone:
        body.pop("stop", None)
        body |= kind.counts_at_once
    elif stops and kind.includes_stop:
        body[kind.includes_stop] = True
    return UpstreamCall(
        path,
        body,
        stops=stops,
        stop_ids=frozenset(stop_ids),
        stops_here_alone=here_alone,
        is_exact=kind.is_exact,
        special_texts=frozenset() if kind.is_exact else model.special_texts,
        alternatives=None if kind.is_exact else generation.params.logprobs,
        choices=number_of_prompts * generation.n,
        n=generation.n,
        asked_n=generation.num_beams if searches else generation.n,
        streamed=not searches,
        one_choice_each=kind.one_choice_each,
    )


def _as_the_client_has_it(error: UpstreamError, request: TextRequest) -> UpstreamError:
    """The refusal under the name that the client has for the field."""
    names = {"thinking_budget": request.fields.thinking_budget}
    given = names.get(error.param or "", error.param)
    message = str(error).replace(str(error.param), str(given), 1)
    return UpstreamError(message, error.status, param=given)
