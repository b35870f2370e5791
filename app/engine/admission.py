"""Turns a request into sequences, or refuses it before the engine's thread ever sees it.

Knows nothing about scheduling; runs on the HTTP thread.
"""

from __future__ import annotations

import secrets

from app.engine.answer import Answer
from app.engine.errors import ContextExceeded, EmptyPrompt, UnknownToken
from app.engine.model import LoadedModel
from app.engine.sequence import Sequence
from app.engine.ticket import Ticket
from app.engine.types import EmbeddingRequest, GenerationRequest, TokenIds


def check_generation(request: GenerationRequest, model: LoadedModel) -> list[int]:
    """How many tokens each prompt's answers may have.

    Raises:
        InvalidRequest: a prompt is empty, holds unknown ids or leaves no room for the answer.
    """
    limit = model.info.max_model_len
    rooms = []
    for prompt in request.prompts:
        _check_prompt(prompt, model)
        room = limit - len(prompt)
        if room < (0 if request.max_tokens == 0 else 1):
            raise ContextExceeded(
                f"the prompt has {len(prompt)} tokens, which leaves no room for an answer: this "
                f"model's context is {limit} tokens, prompt and answer together"
            )
        if request.max_tokens is not None and request.max_tokens > room:
            raise ContextExceeded(
                f"the prompt has {len(prompt)} tokens and max_tokens is {request.max_tokens}: "
                f"together over this model's context of {limit} tokens",
                "max_tokens",
            )
        wanted = (
            request.max_tokens if request.max_tokens is not None else request.default_max_tokens
        )
        rooms.append(room if wanted is None else min(wanted, room))
    return rooms


def check_embedding(request: EmbeddingRequest, model: LoadedModel) -> None:
    """Raises InvalidRequest when an input is empty, unknown or longer than the context."""
    limit = model.info.max_model_len
    for tokens in request.inputs:
        _check_prompt(tokens, model)
        if len(tokens) > limit:
            raise ContextExceeded(
                f"the input has {len(tokens)} tokens; this model's context is {limit} tokens"
            )


def generation_sequences(
    request: GenerationRequest, model: LoadedModel, ticket: Ticket, rooms: list[int]
) -> list[Sequence]:
    """`n` sequences for each prompt; choices of equal number share their random numbers."""
    seed = request.params.seed
    if seed is None:
        seed = secrets.randbits(63)
    remembers = request.params.repetition_penalty != 1.0
    return [
        Sequence(
            ticket=ticket,
            index=number * request.n + choice,
            tokens=list(prompt),
            prompt_length=len(prompt),
            max_tokens=room,
            params=request.params,
            seed=seed,
            choice=choice,
            ignore_eos=request.ignore_eos,
            answer=Answer(model.tokenizer.token_bytes, request.stop, request.drop_leading_space),
            scores=request.prompt_logprobs if choice == 0 else None,
            seen=set(prompt) if remembers else set(),
        )
        for number, (prompt, room) in enumerate(zip(request.prompts, rooms, strict=True))
        for choice in range(request.n)
    ]


def embedding_sequences(request: EmbeddingRequest, ticket: Ticket) -> list[Sequence]:
    """One sequence for each input."""
    return [
        Sequence(ticket=ticket, index=index, tokens=list(tokens), prompt_length=len(tokens))
        for index, tokens in enumerate(request.inputs)
    ]


def _check_prompt(prompt: TokenIds, model: LoadedModel) -> None:
    if not prompt:
        raise EmptyPrompt("the prompt has no tokens")
    vocab = model.info.vocab_size
    for token in prompt:
        if not 0 <= token < vocab:
            raise UnknownToken(f"token id {token} is not in the vocabulary (0 … {vocab - 1})")
