"""Builds the sequences of a request: one per choice, or one beam search per prompt. Runs on the
HTTP thread."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from app.engine.batch import SamplingInput
from app.engine.beam_group import BeamGroup
from app.engine.beam_search import BeamSearch
from app.engine.detokenizer import Detokenizer
from app.engine.loaded_model import LoadedModel
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence
from app.engine.types import EmbeddingRequest, GenerationRequest, TokenIds
from app.structured_output.json_constraint import JsonConstraint


def generation_sequences(
    request: GenerationRequest,
    model: LoadedModel,
    handle: RequestHandle,
    max_new_tokens: list[int],
    constraint: JsonConstraint | None = None,
) -> list[Sequence]:
    """`n` sequences for each prompt, or one that leads the prompt's beam search.

    max_new_tokens: of the answers of each prompt; constraint: its state before an answer. Choices
    with the same index use the same random numbers for every prompt.
    """
    seed = request.params.seed
    if seed is None:
        seed = secrets.randbits(63)
    sequences = []
    for index, (prompt, limit) in enumerate(zip(request.prompts, max_new_tokens, strict=True)):
        for choice in range(request.n if request.num_beams == 1 else 1):
            sequence = Sequence(
                handle=handle,
                index=index * request.n + choice,
                tokens=list(prompt),
                prompt_length=len(prompt),
                max_tokens=limit,
                sampling=_sampling(request, seed, choice, prompt),
                ignore_eos=request.ignore_eos,
                detokenizer=_detokenizer(request, model),
                constraint=constraint.copy() if constraint else None,
                prompt_logprobs=request.prompt_logprobs if choice == 0 else None,
            )
            if request.num_beams > 1:
                sequence.beam_group = _beam_group(request, model, sequence)
            sequences.append(sequence)
    return sequences


def _sampling(
    request: GenerationRequest, seed: int, choice: int, prompt: TokenIds
) -> SamplingInput:
    seen = set(prompt) if request.params.repetition_penalty != 1.0 else set[int]()
    return SamplingInput(request.params, seed, choice, seen=seen)


def embedding_sequences(request: EmbeddingRequest, handle: RequestHandle) -> list[Sequence]:
    """One sequence for each input."""
    return [
        Sequence(handle=handle, index=index, tokens=list(tokens), prompt_length=len(tokens))
        for index, tokens in enumerate(request.inputs)
    ]


def _detokenizer(request: GenerationRequest, model: LoadedModel) -> Detokenizer:
    return Detokenizer(model.tokenizer.token_bytes, request.stop, request.drop_leading_space)


def _beam_group(request: GenerationRequest, model: LoadedModel, lead: Sequence) -> BeamGroup:
    eos_ids = frozenset[int]() if request.ignore_eos else model.eos_ids
    is_finished = _beam_end_check(eos_ids, request.stop, model.tokenizer.token_bytes)
    return BeamGroup(
        search=BeamSearch(request.num_beams, lead.max_tokens, is_finished, len(eos_ids)),
        num_answers=request.n,
        lead=lead,
        new_detokenizer=lambda: _detokenizer(request, model),
        eos_ids=eos_ids,
    )


def _beam_end_check(
    eos_ids: frozenset[int], stop: tuple[str, ...], token_bytes: tuple[bytes, ...]
) -> Callable[[TokenIds], bool]:
    """A function that tells whether a beam ends with its last token."""
    stops = tuple(each.encode() for each in stop)
    longest = max(map(len, stops), default=0)

    def is_finished(tokens: TokenIds) -> bool:
        if tokens[-1] in eos_ids:
            return True
        # A new match ends in the last token, so only the last tokens can contain it. In UTF-8 a
        # match of bytes is a match of characters.
        tail = b"".join(token_bytes[token] for token in tokens[-longest - 1 :]) if stops else b""
        return any(each in tail for each in stops)

    return is_finished
