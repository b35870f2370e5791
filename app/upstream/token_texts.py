"""The tokens that an upstream's logprobs name, numbered in the order of their appearance."""

from __future__ import annotations

import re

from app.engine.model_info import TokenTexts

#: How completions write a token that is no whole character.
_BYTES = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)")


class TokenNumbers:
    """Written by the upstream thread; `texts` is read by the request's."""

    def __init__(self, special_texts: frozenset[str] = frozenset()) -> None:
        """special_texts: names of special tokens, which upstreams give the bytes of a text."""
        self.special_texts = special_texts
        self._token_bytes: list[bytes] = []
        self._special: dict[int, str] = {}
        self._numbers: dict[tuple[str, bytes | None], int] = {}
        self.texts = TokenTexts(self._token_bytes, self._special)

    def of_name(self, name: str) -> int:
        """The number of a token that a completion's logprobs name."""
        match = _BYTES.fullmatch(name)
        if match:
            return self.of_token(name, bytes.fromhex(match[1].replace("\\x", "")))
        return self.of_token(name, name.encode())

    def of_token(self, text: str, token_bytes: bytes | None) -> int:
        """The number of a token with this text and these bytes; None: it is a special token."""
        if text in self.special_texts:
            token_bytes = None
        key = (text, token_bytes)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._token_bytes)
            if token_bytes is None:
                self._special[number] = text
            self._token_bytes.append(token_bytes or b"")
        return number
