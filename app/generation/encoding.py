"""Prompts to token ids, and the engine's refusals under the client's field names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.connection.weighted_semaphore import encode_semaphore
from app.engine import Engine
from app.engine.errors import ContextExceeded, InvalidRequest
from app.engine.token_ids import TokenIds
from app.generation.request import FieldNames
from app.prompts import Prompt
from app.protocol.errors import FieldRefused
from app.protocol.loading import field_error
from app.protocol.prompt_fields import TextOrIds

#: No vocabulary in use has a longer token (128 spaces): a text with more characters per token
#: of the context than this cannot fit, and need not be tokenized to know it.
MAX_CHARACTERS_PER_TOKEN = 128


def encode(engine: Engine, prompt: Prompt) -> TokenIds:
    """The prompt's ids, with exactly the special tokens its template wrote.

    Raises:
        ContextExceeded: the text is far too long.
        Unavailable: the model is still loading, or too many large texts come at once.
    """
    limit = engine.info.max_model_len * MAX_CHARACTERS_PER_TOKEN
    if len(prompt.text) > limit:
        raise ContextExceeded.of(
            engine.info.max_model_len, f"the text has {len(prompt.text)} characters"
        )
    with encode_semaphore.acquire(len(prompt.text)):
        return engine.encode(prompt.text, allow_special=prompt.allow_special)


def encode_items(
    engine: Engine,
    items: Sequence[TextOrIds],
    fields: FieldNames,
    render: Callable[[str], Prompt],
) -> tuple[TokenIds, ...]:
    """The ids of each prompt or input: texts rendered and encoded, ids as they are.

    Raises:
        RequestRefused: with the path of the first bad one.
        Unavailable: the model is still loading.
    """
    encoded = []
    for index, item in enumerate(items):
        path = f"{fields.prompt}.{index}" if fields.is_list else fields.prompt
        if isinstance(item, str):
            with engine_errors_as_fields(FieldNames(path)):
                encoded.append(encode(engine, render(item)))
        else:
            check_ids(item, engine.info.vocab_size, path)
            encoded.append(item)
    return tuple(encoded)


def check_ids(ids: TokenIds, vocab_size: int, path: str) -> None:
    """Raises BadRequest, with the index of the first, when ids are not in the vocabulary. Some
    clients make ids with OpenAI's tokenizer, also for other models."""
    if max(ids, default=0) < vocab_size:
        return
    index = next(index for index, token in enumerate(ids) if token >= vocab_size)
    raise field_error(
        f"{path}.{index}",
        f"is not in this model's vocabulary of {vocab_size} tokens: ids of another tokenizer? Send "
        "the text instead (LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False)",
    )


@contextmanager
def engine_errors_as_fields(fields: FieldNames) -> Iterator[None]:
    """Give the engine's refusals the names that the client has for its fields.

    Raises:
        FieldRefused: for any InvalidRequest inside.
    """
    try:
        yield
    except InvalidRequest as error:
        names = {
            "prompt": f"{fields.prompt}.{error.item}" if fields.is_list else fields.prompt,
            "max_tokens": fields.max_tokens,
            "structured_output": fields.structured_output,
            "logit_bias": f"logit_bias.{error.item}",
            "stop_token_ids": f"stop_token_ids.{error.item}",
        }
        raise FieldRefused(error, names[error.field]) from error
