"""Refuses requests that can never be served, on the HTTP thread, before they are queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.engine.errors import ContextExceeded, EmptyPrompt, InvalidRequest, UnknownToken
from app.engine.request import EmbeddingRequest, GenerationRequest
from app.engine.token_ids import TokenIds

if TYPE_CHECKING:  # tests' engine checks requests without a model
    from app.engine.loaded_model import LoadedModel


def check_generation(request: GenerationRequest, model: LoadedModel) -> list[int]:
    """For each prompt, how many tokens its answers may have: as many as asked for, at most what
    the context leaves.

    Raises:
        InvalidRequest: a prompt is empty, has unknown token ids or is too long, or `logit_bias`
            or `stop_token_ids` names an unknown token.
    """
    check_token_ids(request, model.info.vocab_size)
    limits = []
    for index, prompt in enumerate(request.prompts):
        with _item(index):
            limits.append(_max_new_tokens(prompt, request, model))
    return limits


def check_token_ids(request: GenerationRequest, vocab_size: int) -> None:
    """Raises UnknownToken when `logit_bias` or `stop_token_ids` names a token that is not in the
    vocabulary."""
    problem = f"is not in the vocabulary of {vocab_size} tokens"
    for token, _ in request.params.logit_bias:
        if token >= vocab_size:
            error = UnknownToken(f"logit_bias.{token}: {problem}", "logit_bias")
            error.item = token
            raise error
    for index, token in enumerate(request.stop_token_ids):
        if token >= vocab_size:
            error = UnknownToken(f"stop_token_ids.{index}: {problem}", "stop_token_ids")
            error.item = index
            raise error


def _max_new_tokens(prompt: TokenIds, request: GenerationRequest, model: LoadedModel) -> int:
    _check_prompt(prompt, model)
    context = model.info.max_model_len
    left = context - len(prompt)
    if left < (0 if request.max_tokens == 0 else 1):
        raise ContextExceeded.of(context, f"the prompt has {len(prompt)} tokens")
    if request.num_beams > 1:
        left = min(left, _cache_tokens_per_beam(request, model, len(prompt)))
    asked = request.max_tokens if request.max_tokens is not None else request.default_max_tokens
    return left if asked is None else min(asked, left)


def _cache_tokens_per_beam(request: GenerationRequest, model: LoadedModel, prompt: int) -> int:
    """Tokens that each beam may generate so that all beams fit the cache at full length.
    prompt: its number of tokens."""
    tokens = model.kv_cache_tokens // request.num_beams - prompt
    if request.num_beams > model.runner.slots or tokens < 1:
        raise ContextExceeded.of(
            model.info.max_model_len,
            f"{request.num_beams} beams of the prompt's {prompt} tokens do not fit the cache of "
            f"{model.kv_cache_tokens} tokens",
        )
    return tokens


def check_embedding(request: EmbeddingRequest, model: LoadedModel) -> None:
    """Raises InvalidRequest when an input is empty, has unknown token ids or is too long."""
    context = model.info.max_model_len
    for index, tokens in enumerate(request.inputs):
        with _item(index):
            _check_prompt(tokens, model)
            if len(tokens) > context:
                raise ContextExceeded.of(context, f"the input has {len(tokens)} tokens")


@contextmanager
def _item(index: int) -> Iterator[None]:
    """Set `InvalidRequest.item` of an error inside to the index of the prompt or input."""
    try:
        yield
    except InvalidRequest as error:
        error.item = index
        raise


def _check_prompt(prompt: TokenIds, model: LoadedModel) -> None:
    if not prompt:
        raise EmptyPrompt("the prompt has no tokens")
    vocab = model.info.vocab_size
    for token in prompt:
        if not 0 <= token < vocab:
            raise UnknownToken(f"token id {token} is not in the vocabulary (0 … {vocab - 1})")
