"""Keeps an answer inside a JSON schema: which tokens may come next, given those so far.

Knows nothing about sampling or requests. The parsing is llguidance's; this gives it the
tokenizer's bytes and hands its masks on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.text.tokenizer import Tokenizer


class InvalidSchema(ValueError):
    """The schema is wrong, or says something that cannot be kept to."""


class JsonConstraint:
    """One answer's place in its grammar. Owned by the engine thread once it is handed over."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        self._matcher, self._vocab_size = matcher, vocab_size

    @property
    def complete(self) -> bool:
        """True when nothing but the end may follow."""
        return bool(self._matcher.is_stopped())

    def copy(self) -> JsonConstraint:
        """Another answer at the same place."""
        return JsonConstraint(self._matcher.deep_copy(), self._vocab_size)

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, bool [vocab]."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, bitorder="little")[: self._vocab_size].astype(bool)

    def accept(self, token: int) -> None:
        """Take the next token, one of those allowed."""
        self._matcher.consume_token(token)


class ConstraintMaker:
    """Compiles schemas for one tokenizer. Any thread may use it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        import llguidance  # only servers that are asked for JSON need it

        self._library, self._vocab_size = llguidance, tokenizer.vocab_size
        self._tokens = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes(tokenizer)))

    def make(self, schema: str) -> JsonConstraint:
        """A constraint at its beginning.

        schema: a JSON schema as JSON text.

        Raises:
            InvalidSchema: what is wrong with it, in one line.
        """
        matcher_type = self._library.LLMatcher
        # small models would otherwise go on and on with blanks between an object's parts
        try:
            grammar = matcher_type.grammar_from_json_schema(
                schema, overrides={"whitespace_flexible": False}
            )
        except ValueError as error:
            raise InvalidSchema(_line(str(error))) from error
        matcher = matcher_type(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            raise InvalidSchema(_line(matcher.get_error()))
        return JsonConstraint(matcher, self._vocab_size)


@lru_cache(maxsize=2)
def maker_for(tokenizer: Tokenizer) -> ConstraintMaker:
    """The one maker of a tokenizer: reading a vocabulary takes a moment."""
    return ConstraintMaker(tokenizer)


class _Bytes:
    """A tokenizer as llguidance wants it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = tokenizer.special_ids
        # control tokens have no bytes of their own; each gets a name no text can spell
        self.tokens = [
            piece if piece and number not in special else b"\xff[%d]" % number
            for number, piece in enumerate(tokenizer.token_bytes)
        ]
        self.eos_token_id = tokenizer.eos_ids[0] if tokenizer.eos_ids else 0
        self.bos_token_id = tokenizer.bos_id
        self.special_token_ids = sorted(special)
        self._by_byte = {piece: number for number, piece in enumerate(self.tokens)}

    def __call__(self, text: bytes | str) -> Sequence[int]:
        """Some tokens of `text`; llguidance asks only for shortest ways through fixed texts."""
        data = text.encode() if isinstance(text, str) else text
        return [self._by_byte[bytes((byte,))] for byte in data if bytes((byte,)) in self._by_byte]


def _line(message: str) -> str:
    return " ".join(message.split())[:300]
