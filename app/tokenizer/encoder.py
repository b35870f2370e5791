"""Encodes a text in parts: added tokens as they are matched, a vocabulary's own rules between.

Knows nothing about the vocabulary: two functions encode for it, one the text's beginning, one
what follows an added token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD, TokenMatcher
from app.tokenizer.config_files import AddedToken


@dataclass(frozen=True, slots=True)
class BaseEncoder:
    """One vocabulary's own encoding. Both functions must bear many threads."""

    first: Callable[[str], list[int]]  #: the text's beginning
    inner: Callable[[str], list[int]]  #: what follows an added token
    forbidden: frozenset[int]  #: ids that no text may become on its own
    spellings: TokenMatcher  #: the texts that would become them


class TextEncoder:
    """Text to ids. Immutable, for any number of threads."""

    def __init__(
        self, vocabulary: BaseEncoder, tokens: Iterable[AddedToken], prefix: tuple[int, ...]
    ) -> None:
        """`prefix`: what a text begins with, unless a template made it."""
        tokens = tuple(tokens)
        self._vocabulary = vocabulary
        self._plain = TokenMatcher(token for token in tokens if not token.special)
        self._all = TokenMatcher(tokens)
        self._prefix = prefix

    def encode(self, text: str, *, allow_special: bool) -> tuple[int, ...]:
        """See `tokenizer.Tokenizer.encode`. Raises ValueError on half a surrogate pair."""
        text.encode()  # a UnicodeEncodeError is a ValueError
        ids: list[int] = []
        encode = self._vocabulary.first
        for segment in (self._all if allow_special else self._plain).split(text):
            if isinstance(segment, int):
                ids.append(segment)
            else:
                own = segment.replace(SPECIAL_TOKEN_GUARD, "") if allow_special else segment
                ids += self._encode_own(own, encode)
            encode = self._vocabulary.inner
        return tuple(ids) if allow_special else (*self._prefix, *ids)

    def _encode_own(self, text: str, encode: Callable[[str], list[int]]) -> list[int]:
        """Encode text that stands for itself.

        Vocabularies seldom find a control token in text on their own, so this is one call as
        a rule. Where it is not, the spellings are broken up, and what even that does not help
        (a spelling that only normalising makes) is left out.
        """
        forbidden = self._vocabulary.forbidden
        ids = encode(text)
        if forbidden.isdisjoint(ids):
            return ids
        head, *rest = self._vocabulary.spellings.break_up(text)
        ids = encode(head)
        for part in rest:
            ids += self._vocabulary.inner(part)
        return [token_id for token_id in ids if token_id not in forbidden]
