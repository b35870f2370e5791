"""Encodes text: added tokens by matching, the text between them by the vocabulary's own encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD, TokenMatcher
from app.tokenizer.config_files import AddedToken


@dataclass(frozen=True, slots=True)
class BaseEncoder:
    """A vocabulary's encoder without added tokens. Both functions must be thread-safe."""

    encode_first: Callable[[str], list[int]]  #: for the beginning of a text
    encode_inner: Callable[[str], list[int]]  #: for text after an added token
    forbidden_ids: frozenset[int]  #: special tokens, which plain text must never become
    forbidden_texts: TokenMatcher  #: matches the texts of these tokens


class TextEncoder:
    """Text to token ids. Immutable and thread-safe."""

    def __init__(
        self, base: BaseEncoder, tokens: Iterable[AddedToken], prefix: tuple[int, ...]
    ) -> None:
        """prefix: ids before every text that does not come from a chat template, such as BOS."""
        tokens = tuple(tokens)
        self._base = base
        self._plain_tokens = TokenMatcher(token for token in tokens if not token.special)
        self._all_tokens = TokenMatcher(tokens)
        self._prefix = prefix

    def encode(self, text: str, *, allow_special: bool) -> tuple[int, ...]:
        """See `tokenizer.Tokenizer.encode`. Raises ValueError for a lone surrogate."""
        text.encode()  # a UnicodeEncodeError is a ValueError
        ids: list[int] = []
        encode = self._base.encode_first
        matcher = self._all_tokens if allow_special else self._plain_tokens
        for segment in matcher.split(text):
            if isinstance(segment, int):
                ids.append(segment)
            else:
                plain = segment.replace(SPECIAL_TOKEN_GUARD, "") if allow_special else segment
                ids += self._encode_plain(plain, encode)
            encode = self._base.encode_inner
        return tuple(ids) if allow_special else (*self._prefix, *ids)

    def _encode_plain(self, text: str, encode: Callable[[str], list[int]]) -> list[int]:
        """Encode plain text, which must not become special tokens.

        The base encoder rarely produces a special token, so usually one call is enough. If it
        does, encode again with the special tokens' texts split, and drop the special tokens
        that are still there because normalization produces their text.
        """
        forbidden = self._base.forbidden_ids
        ids = encode(text)
        if forbidden.isdisjoint(ids):
            return ids
        head, *rest = self._base.forbidden_texts.split_inside_tokens(text)
        ids = encode(head)
        for part in rest:
            ids += self._base.encode_inner(part)
        return [token_id for token_id in ids if token_id not in forbidden]
