"""Log-probabilities of an upstream's chunk, in the shape of chats or of completions."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

from app.engine.events import TokenLogprob
from app.upstream.token_texts import TokenNumbers


class TokenOffsets:
    """Where the tokens of one choice begin in its text, also where the text comes later."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._characters = 0

    def next(self, token_bytes: bytes) -> int:
        """The characters before this token, which is the next one."""
        offset = self._characters
        self._characters += len(self._decoder.decode(token_bytes))
        return offset


def read_logprobs(
    value: dict[str, Any], numbers: TokenNumbers, offsets: TokenOffsets
) -> list[TokenLogprob]:
    """The tokens' logprobs. offsets: of the choice.

    Raises:
        KeyError, TypeError, ValueError: they have another shape.
    """
    if "tokens" in value:
        return list(_of_completion(value, numbers, offsets))
    return list(_of_chat(value.get("content") or [], numbers, offsets))


def _of_chat(
    content: list[dict[str, Any]], numbers: TokenNumbers, offsets: TokenOffsets
) -> Iterator[TokenLogprob]:
    for entry in content:
        top = tuple(
            (_number(each, numbers), float(each["logprob"]))
            for each in entry.get("top_logprobs") or ()
        )
        number = _number(entry, numbers)
        offset = offsets.next(numbers.texts.token_bytes[number])
        yield TokenLogprob(number, float(entry["logprob"]), top, offset)


def _number(entry: dict[str, Any], numbers: TokenNumbers) -> int:
    token_bytes = entry.get("bytes")
    return numbers.of_token(entry["token"], None if token_bytes is None else bytes(token_bytes))


def _of_completion(
    value: dict[str, Any], numbers: TokenNumbers, offsets: TokenOffsets
) -> Iterator[TokenLogprob]:
    names = value["tokens"]
    tops = value.get("top_logprobs") or [None] * len(names)
    ids = [numbers.of_name(name) for name in names]
    computed = [offsets.next(numbers.texts.token_bytes[number]) for number in ids]
    # vLLM counts the names of special tokens as well.
    starts = computed if numbers.special_texts else value.get("text_offset") or computed
    for number, logprob, top, start in zip(ids, value["token_logprobs"], tops, starts, strict=True):
        pairs = tuple((numbers.of_name(other), float(p)) for other, p in (top or {}).items())
        yield TokenLogprob(number, None if logprob is None else float(logprob), pairs, int(start))


def spaces_added(logprobs: Sequence[TokenLogprob], numbers: TokenNumbers, prompt: str) -> int:
    """White space at the beginning of a prompt's tokens that is not in its text: sentencepiece
    puts a space before it. logprobs: of the prompt's tokens and any that follow."""
    told = b"".join(numbers.texts.token_bytes[each.token_id] for each in logprobs)
    return max(0, _leading_spaces(told.decode(errors="replace")) - _leading_spaces(prompt))


def _leading_spaces(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
