"""Refuses what can never be served, before the engine's thread ever sees it.

Knows nothing about scheduling; runs on the HTTP thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.errors import ContextExceeded, EmptyPrompt, InvalidRequest, UnknownToken
from app.engine.loaded_model import LoadedModel
from app.engine.types import EmbeddingRequest, GenerationRequest, TokenIds


def check_generation(request: GenerationRequest, model: LoadedModel) -> list[int]:
    """How many tokens each prompt's answers may have: no more than were asked for, nor than
    the context leaves.

    Raises:
        InvalidRequest: a prompt is empty, holds unknown ids or leaves no room for the answer.
    """
    rooms = []
    for number, prompt in enumerate(request.prompts):
        with _numbered(number):
            rooms.append(_room(prompt, request, model))
    return rooms


def _room(prompt: TokenIds, request: GenerationRequest, model: LoadedModel) -> int:
    _check_prompt(prompt, model)
    limit = model.info.max_model_len
    room = limit - len(prompt)
    if room < (0 if request.max_tokens == 0 else 1):
        raise ContextExceeded.of(limit, f"the prompt has {len(prompt)} tokens")
    if request.num_beams > 1:
        room = _beam_room(request, model, len(prompt), room)
    wanted = request.max_tokens if request.max_tokens is not None else request.default_max_tokens
    return room if wanted is None else min(wanted, room)


def _beam_room(request: GenerationRequest, model: LoadedModel, prompt: int, room: int) -> int:
    """Tokens an answer may have so that all beams fit the cache at their longest."""
    fits = model.kv_cache_tokens // request.num_beams - prompt
    if request.num_beams > model.runner.slots or fits < 1:
        raise ContextExceeded.of(
            model.info.max_model_len,
            f"{request.num_beams} beams of the prompt's {prompt} tokens do not fit the cache of "
            f"{model.kv_cache_tokens} tokens",
        )
    return min(room, fits)


def check_embedding(request: EmbeddingRequest, model: LoadedModel) -> None:
    """Raises InvalidRequest when an input is empty, unknown or longer than the context."""
    limit = model.info.max_model_len
    for number, tokens in enumerate(request.inputs):
        with _numbered(number):
            _check_prompt(tokens, model)
            if len(tokens) > limit:
                raise ContextExceeded.of(limit, f"the input has {len(tokens)} tokens")


@contextmanager
def _numbered(item: int) -> Iterator[None]:
    """Let a refusal inside say which prompt or input it is about."""
    try:
        yield
    except InvalidRequest as error:
        error.item = item
        raise


def _check_prompt(prompt: TokenIds, model: LoadedModel) -> None:
    if not prompt:
        raise EmptyPrompt("the prompt has no tokens")
    vocab = model.info.vocab_size
    for token in prompt:
        if not 0 <= token < vocab:
            raise UnknownToken(f"token id {token} is not in the vocabulary (0 … {vocab - 1})")
