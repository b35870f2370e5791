"""Unfolds an admitted request into its sequences: a prompt's choices, or its beam search.

Knows nothing about limits or scheduling; runs on the HTTP thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

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
    rooms: list[int],
    constraint: JsonConstraint | None = None,
) -> list[Sequence]:
    """`n` sequences for each prompt, or one that leads its beams.

    rooms: how many tokens each prompt's answers may have. Choices of equal number share their
    random numbers, whichever prompt they answer. constraint: where the answers begin.
    """
    seed = request.params.seed
    if seed is None:
        seed = secrets.randbits(63)
    sequences = []
    for number, (prompt, room) in enumerate(zip(request.prompts, rooms, strict=True)):
        for choice in range(request.n if request.num_beams == 1 else 1):
            sequence = Sequence(
                handle=handle,
                index=number * request.n + choice,
                tokens=list(prompt),
                prompt_length=len(prompt),
                max_tokens=room,
                params=request.params,
                seed=seed,
                choice=choice,
                ignore_eos=request.ignore_eos,
                detokenizer=_answer(request, model),
                constraint=constraint.copy() if constraint else None,
                prompt_logprobs=request.prompt_logprobs if choice == 0 else None,
                seen=set(prompt) if request.params.repetition_penalty != 1.0 else set(),
            )
            if request.num_beams > 1:
                sequence.beam_group = _beam_group(request, model, sequence)
            sequences.append(sequence)
    return sequences


def embedding_sequences(request: EmbeddingRequest, handle: RequestHandle) -> list[Sequence]:
    """One sequence for each input."""
    return [
        Sequence(handle=handle, index=index, tokens=list(tokens), prompt_length=len(tokens))
        for index, tokens in enumerate(request.inputs)
    ]


def _answer(request: GenerationRequest, model: LoadedModel) -> Detokenizer:
    return Detokenizer(model.tokenizer.token_bytes, request.stop, request.drop_leading_space)


def _beam_group(request: GenerationRequest, model: LoadedModel, lead: Sequence) -> BeamGroup:
    eos_ids = frozenset[int]() if request.ignore_eos else model.eos_ids
    ends = _ends(eos_ids, request.stop, model.tokenizer.token_bytes)
    return BeamGroup(
        search=BeamSearch(request.num_beams, lead.max_tokens, ends, len(eos_ids)),
        answers=request.n,
        lead=lead,
        new_answer=lambda: _answer(request, model),
        eos_ids=eos_ids,
    )


def _ends(
    eos_ids: frozenset[int], stop: tuple[str, ...], table: tuple[bytes, ...]
) -> Callable[[TokenIds], bool]:
    """Whether an answer is complete with its newest token."""
    stops = tuple(each.encode() for each in stop)
    reach = max(map(len, stops), default=0)

    def ends(tokens: TokenIds) -> bool:
        if tokens[-1] in eos_ids:
            return True
        # A stop string cannot begin before its own length; in UTF-8 bytes match as text does.
        tail = b"".join(table[token] for token in tokens[-reach - 1 :]) if stops else b""
        return any(each in tail for each in stops)

    return ends
