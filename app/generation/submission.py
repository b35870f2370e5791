"""Texts to token ids, and the engine's refusals under the request's own field names.

Knows nothing about dialects or templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.connection import large_input
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.errors import ContextExceeded, InvalidRequest
from app.engine.request_handle import RequestHandle
from app.engine.types import ModelInfo, SamplingParams, TokenIds
from app.prompts import Prompt
from app.protocol.errors import FieldRefused
from app.protocol.loading import field_error
from app.protocol.prompt_fields import TextOrIds

#: No vocabulary in use has a longer token (128 blanks): a text with more characters per token
#: of the context than this cannot fit, and need not be tokenized to know it.
MAX_CHARACTERS_PER_TOKEN = 128


def encode(engine: Engine, prompt: Prompt) -> TokenIds:
    """The prompt's ids, with exactly the control tokens its template wrote.

    Raises:
        ContextExceeded: the text is far too long.
        Unavailable: the model is still loading, or too many large texts come at once.
    """
    limit = engine.info.max_model_len * MAX_CHARACTERS_PER_TOKEN
    if len(prompt.text) > limit:
        raise ContextExceeded.of(
            engine.info.max_model_len, f"the text has {len(prompt.text)} characters"
        )
    with large_input.encoding.place(len(prompt.text)):
        return engine.encode(prompt.text, allow_special=prompt.allow_special)


def check_bias(params: SamplingParams, info: ModelInfo) -> None:
    """Raises BadRequest when `logit_bias` names a token that is not in the vocabulary."""
    for token, _ in params.logit_bias:
        if token >= info.vocab_size:
            message = f"is not in the vocabulary of {info.vocab_size} tokens"
            raise field_error(f"logit_bias.{token}", message)


def cut_to(stream: RequestHandle, max_tokens: int | None) -> int | None:
    """What the engine cut `max_tokens` to; None: nothing was asked for, or nothing cut."""
    limit = stream.max_new_tokens
    return limit if max_tokens is not None and limit < max_tokens else None


def wait_until_prepared(stream: RequestHandle, caller: RequestContext) -> None:
    """Wait until all that can be wrong with an accepted request is known. Nothing can be written
    meanwhile to tell a client that only stopped sending from one that left: both have left.

    Raises:
        EngineError: it is refused after all.
        ClientGone, DeadlinePassed: nobody waits any more.
    """
    try:
        with caller.connection.watched(stream.cancel):
            while not stream.wait_until_prepared(caller.wait_timeout_s()):
                caller.check()
        caller.check()
    except BaseException:
        stream.cancel()
        raise


@contextmanager
def engine_errors_as_fields(
    prompt: str,
    max_tokens: str = "max_tokens",
    schema: str = "response_format",
    is_list: bool = False,
) -> Iterator[None]:
    """Give the engine's refusals the names that the request has for its fields. is_list: the
    prompt is one of several, and a bad one has its number in its path.

    Raises:
        FieldRefused: for any InvalidRequest inside.
    """
    try:
        yield
    except InvalidRequest as error:
        prompt = f"{prompt}.{error.item}" if is_list else prompt
        names = {"prompt": prompt, "max_tokens": max_tokens, "json_schema": schema}
        raise FieldRefused(error, names[error.field]) from error


def encode_items(
    engine: Engine,
    items: Sequence[TextOrIds],
    field: str,
    is_list: bool,
    render: Callable[[str], Prompt],
) -> tuple[TokenIds, ...]:
    """The ids of each prompt or input: texts rendered and encoded, ids as they are.

    Raises:
        RequestRefused: with the path of the first bad one.
        Unavailable: the model is still loading.
    """
    result = []
    for number, item in enumerate(items):
        path = f"{field}.{number}" if is_list else field
        if isinstance(item, str):
            with engine_errors_as_fields(path):
                result.append(encode(engine, render(item)))
        else:
            check_ids(item, engine.info.vocab_size, path)
            result.append(item)
    return tuple(result)


def check_ids(ids: TokenIds, vocab_size: int, path: str) -> None:
    """Raises BadRequest, with the place of the first, when ids are not in the vocabulary. Some
    clients make ids with OpenAI's tokenizer, whatever model they talk to."""
    if max(ids, default=0) < vocab_size:
        return
    place = next(index for index, token in enumerate(ids) if token >= vocab_size)
    raise field_error(
        f"{path}.{place}",
        f"is not in this model's vocabulary of {vocab_size} tokens: ids of another tokenizer? Send "
        "the text instead (LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False)",
    )
