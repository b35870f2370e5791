"""Builds the sequences of a request: one per choice, or one beam search per prompt. Runs on the
HTTP thread."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from app.engine.batch import SamplingInput
from app.engine.beam_group import BeamGroup
from app.engine.beam_search import BeamSearch
from app.engine.detokenizer import Detokenizer
from app.engine.loaded_model import LoadedModel
from app.engine.reasoning_constraint import ReasoningConstraint
from app.engine.request import EmbeddingRequest, GenerationRequest
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence
from app.engine.token_ids import TokenIds
from app.structured_output.grammar_constraint import GrammarConstraint


def generation_sequences(
    request: GenerationRequest,
    model: LoadedModel,
    handle: RequestHandle,
    max_new_tokens: list[int],
    constraint: GrammarConstraint | None = None,
) -> list[Sequence]:
    """`n` sequences for each prompt, or one that leads the prompt's beam search.

    max_new_tokens: of the answers of each prompt; constraint: its state before an answer. Choices
    with the same index use the same random numbers for every prompt.
    """
    seed = request.params.seed
    if seed is None:
        seed = secrets.randbits(63)
    end_ids = _end_ids(request, model)
    sequences = []
    for index, (prompt, limit) in enumerate(zip(request.prompts, max_new_tokens, strict=True)):
        for choice in range(request.n if request.num_beams == 1 else 1):
            detokenizer = _detokenizer(request, model)
            sequence = Sequence(
                handle=handle,
                index=index * request.n + choice,
                tokens=list(prompt),
                prompt_length=len(prompt),
                max_tokens=limit,
                sampling=_sampling(request, seed, choice, prompt, end_ids),
                end_ids=end_ids,
                detokenizer=detokenizer,
                constraint=_constraint(request, model, detokenizer, constraint),
                prompt_logprobs=request.prompt_logprobs if choice == 0 else None,
            )
            if request.num_beams > 1:
                sequence.beam_group = _beam_group(request, model, sequence)
            sequences.append(sequence)
    return sequences


def _constraint(
    request: GenerationRequest,
    model: LoadedModel,
    detokenizer: Detokenizer,
    grammar: GrammarConstraint | None,
) -> GrammarConstraint | ReasoningConstraint | None:
    """What limits an answer's tokens. grammar: its state before an answer, which is copied."""
    copy = grammar.copy() if grammar else None
    reasoning = request.reasoning
    if reasoning is None or (copy is None and reasoning.budget is None):
        return copy
    ends = model.eos_ids | frozenset(request.stop_token_ids)
    return ReasoningConstraint(reasoning, detokenizer, model.tokenizer, ends, copy)


def _end_ids(request: GenerationRequest, model: LoadedModel) -> frozenset[int]:
    """The tokens that end an answer."""
    eos_ids = frozenset[int]() if request.ignore_eos else model.eos_ids
    return eos_ids | frozenset(request.stop_token_ids)


def _sampling(
    request: GenerationRequest, seed: int, choice: int, prompt: TokenIds, end_ids: frozenset[int]
) -> SamplingInput:
    seen = set(prompt) if request.params.repetition_penalty != 1.0 else set[int]()
    return SamplingInput(
        request.params,
        seed,
        choice,
        seen=seen,
        end_ids=tuple(sorted(end_ids)),
        min_tokens=request.min_tokens,
    )


def embedding_sequences(request: EmbeddingRequest, handle: RequestHandle) -> list[Sequence]:
    """One sequence for each input."""
    return [
        Sequence(handle=handle, index=index, tokens=list(tokens), prompt_length=len(tokens))
        for index, tokens in enumerate(request.inputs)
    ]


def _detokenizer(request: GenerationRequest, model: LoadedModel) -> Detokenizer:
    tokenizer, reasoning = model.tokenizer, request.reasoning
    texts = set(request.shown_special_texts)
    if reasoning is not None:
        texts |= {reasoning.start_tag, reasoning.end_tag}
    shown = {
        token: text.encode()
        for token, text in zip(tokenizer.special_ids, tokenizer.special_texts, strict=True)
        if text in texts
    }
    return Detokenizer(
        tokenizer.token_bytes, request.stop, request.drop_leading_space, shown, reasoning
    )


def _beam_group(request: GenerationRequest, model: LoadedModel, lead: Sequence) -> BeamGroup:
    end_ids = frozenset(lead.end_ids)
    is_finished = _beam_end_check(end_ids, request, model)
    return BeamGroup(
        search=BeamSearch(request.num_beams, lead.max_tokens, is_finished, len(end_ids)),
        num_answers=request.n,
        lead=lead,
        new_detokenizer=lambda: _detokenizer(request, model),
        end_ids=end_ids,
    )


def _beam_end_check(
    end_ids: frozenset[int], request: GenerationRequest, model: LoadedModel
) -> Callable[[TokenIds], bool]:
    """A function that tells whether a beam ends with its last token."""
    stops = tuple(each.encode() for each in request.stop)
    token_bytes = model.tokenizer.token_bytes
    longest = max(map(len, stops), default=0)

    def is_finished(tokens: TokenIds) -> bool:
        if tokens[-1] in end_ids:
            return True
        # A new match ends in the last token, so only the last tokens can contain it. In UTF-8 a
        # match of bytes is a match of characters.
        tail = b"".join(token_bytes[token] for token in tokens[-longest - 1 :]) if stops else b""
        found = any(each in tail for each in stops)
        return found and (request.reasoning is None or in_answer(tokens))

    def in_answer(tokens: TokenIds) -> bool:
        """Whether a stop string is in the answer, not in the thinking before it."""
        whole = _detokenizer(replace(request, stop=()), model)
        text = "".join(whole.push(token)[0] for token in tokens)
        return any(stop in text for stop in request.stop)

    return is_finished
